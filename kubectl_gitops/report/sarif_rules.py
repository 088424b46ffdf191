"""The rules that SARIF results name: one for each kind of drift."""

from __future__ import annotations

from typing import Any, Final

from kubectl_gitops.diff.drift import DriftKind
from kubectl_gitops.report.kinds import MEANINGS

_LEVELS: Final = {
    DriftKind.MODIFIED: "error",
    DriftKind.MISSING: "error",
    DriftKind.ADDED: "warning",
    DriftKind.ORPHANED: "note",
    DriftKind.STALE: "note",
    DriftKind.UNOWNED: "warning",
}
_ORDER: Final = tuple(_LEVELS)


def rule_id(kind: DriftKind) -> str:
    """``drift/modified``."""
    return f"drift/{kind.lower()}"


def rule_index(kind: DriftKind) -> int:
    """Where the rule stands in RULES."""
    return _ORDER.index(kind)


def level_of(kind: DriftKind) -> str:
    """``error``, ``warning`` or ``note``."""
    return _LEVELS[kind]


def _rule(kind: DriftKind) -> dict[str, Any]:
    what, remedy = MEANINGS[kind]
    return {
        "id": rule_id(kind),
        "name": f"{kind}Drift",
        "shortDescription": {"text": f"{what}."},
        "fullDescription": {"text": f"{what}. {remedy}".replace("`", "")},
        "help": {"text": remedy.replace("`", ""), "markdown": remedy},
        "defaultConfiguration": {"level": level_of(kind)},
        "properties": {"tags": ["drift", "kubernetes"]},
    }


RULES: Final = [_rule(kind) for kind in _ORDER]
