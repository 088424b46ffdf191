"""Reports as a unified diff, in the direction of a restore: from what is in the cluster to what Git says."""

from __future__ import annotations

from typing import Any

from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.diff.drift import DriftedField, DriftKind, ObjectDrift
from kubectl_gitops.diff.path import ABSENT, format_path, same
from kubectl_gitops.diff.plan import ActionKind, PlannedAction
from kubectl_gitops.report.model import DriftReport, DriftReportList, PlanReport, Report
from kubectl_gitops.report.style import Color, Style
from kubectl_gitops.report.text import printable
from kubectl_gitops.report.unified import unified_diff
from kubectl_gitops.report.yamltext import to_yaml

Entry = ObjectDrift | PlannedAction

_IN_GIT_ONLY = {DriftKind.MISSING, ActionKind.CREATE}
_WRITES_NOTHING = {ActionKind.UNCHANGED, ActionKind.ORPHAN}
_IN_CLUSTER_ONLY = {DriftKind.ORPHANED, ActionKind.PRUNE}


def render(report: Report, style: Style) -> str:
    """What ``diff -u`` would print for the YAML of each object that differs; "" where none does."""
    return "".join(line for entry in _entries(report) for line in _diff_of(entry, style))


def _entries(report: Report) -> list[Entry]:
    match report:
        case DriftReport(drifts=drifts):
            return list(drifts)
        case DriftReportList(items=items):
            return [drift for item in items for drift in item.drifts]
        case PlanReport(actions=actions):
            return [action for action in actions if action.kind not in _WRITES_NOTHING]


def _diff_of(entry: Entry, style: Style) -> list[str]:
    live, desired = _sides(entry)
    name = printable(".".join(filter(None, (entry.api_version.replace("/", "."), *entry.key[1:]))))
    lines = unified_diff(_lines(live), _lines(desired), f"live/{name}", f"git/{name}")
    painted = [style.paint(line, _color(line)) + "\n" for line in lines]
    return [*_error_of(entry, style), *painted]


def _error_of(entry: Entry, style: Style) -> list[str]:
    """A line before the first header is no part of a diff, so tools that read one skip it."""
    if isinstance(entry, ObjectDrift) or not entry.error:
        return []
    return [style.paint(f"# {printable(entry.key.described)}: {printable(entry.error)}", Color.RED) + "\n"]


def _color(line: str) -> Color | None:
    if line.startswith(("--- ", "+++ ")):
        return Color.BOLD
    return {"-": Color.RED, "+": Color.GREEN, "@": Color.CYAN}.get(line[:1])


def _lines(tree: Object | None) -> list[str]:
    # Not splitlines(), which also splits at characters that are no line feeds.
    return to_yaml(tree, sort_keys=True).split("\n")[:-1] if tree else []


def _sides(entry: Entry) -> tuple[Object | None, Object | None]:
    """The live and the desired tree to compare."""
    if entry.kind in _IN_GIT_ONLY:
        return None, _with_identity(entry, entry.desired or {})
    if entry.kind in _IN_CLUSTER_ONLY:
        return _with_identity(entry, entry.live or {}), None
    live, desired = entry.live, entry.desired
    # The masked trees of a Secret are equal, but not its fields.
    if live is None or desired is None or same(live, desired):
        live, desired = _flat(entry.fields, "live"), _flat(entry.fields, "desired")
    return _with_identity(entry, live), _with_identity(entry, desired)


def _with_identity(entry: Entry, tree: Object) -> Object:
    """The tree with what names the object, which a field set never holds."""
    key: ResourceKey = entry.key
    names = {"name": key.name} | ({"namespace": key.namespace} if key.namespace else {})
    metadata = {**(tree.get("metadata") or {}), **names}
    return {**tree, "apiVersion": entry.api_version, "kind": key.kind, "metadata": metadata}


def _flat(fields: tuple[DriftedField, ...], side: str) -> dict[str, Any]:
    """The drifted fields alone, by path, where the trees around them are not known."""
    values = ((format_path(field.path), getattr(field, side)) for field in fields)
    return {path: value for path, value in values if value is not ABSENT}
