"""Values, times and owners as one short line each."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from kubectl_gitops.diff.attribution import FieldOwner
from kubectl_gitops.diff.path import ABSENT
from kubectl_gitops.report.text import printable, shortened

VALUE_LIMIT = 60
_NAME_LIMIT = 40
#: How much of what two long values have in common is left to see before the first difference.
_CONTEXT = 12

ABSENT_TEXT = "(absent)"
NOT_RECORDED = "not recorded"

_MINUTE, _HOUR, _DAY = 60, 3600, 86400

# A string that would read as a number, a word of JSON, a structure or ABSENT is quoted; all others stand bare.
_READS_AS_OTHER = re.compile(r"-?[0-9.]+([eE][-+]?[0-9]+)?|true|false|null|[\"'{\[(].*|\s.*|.*\s|", re.DOTALL)


def inline(value: Any) -> str:
    """Any JSON value, or ABSENT, on one printable line; ``3`` and ``"3"`` are told apart."""
    if value is ABSENT:
        return ABSENT_TEXT
    if isinstance(value, str) and value.isprintable() and not _READS_AS_OTHER.fullmatch(value):
        return value
    return printable(json.dumps(value, ensure_ascii=False, sort_keys=True))


def inline_pair(desired: Any, live: Any, limit: int = VALUE_LIMIT) -> tuple[str, str]:
    """Both values as :func:`inline`, shortened so that the place where they differ stays in sight."""
    left, right = inline(desired), inline(live)
    common = next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    if max(len(left), len(right)) > limit and common + _CONTEXT > limit:
        start = common - _CONTEXT
        left, right = "…" + left[start:], "…" + right[start:]
    return shortened(left, limit), shortened(right, limit)


def owner_text(owner: FieldOwner | None, now: datetime | None) -> str:
    """``kubectl-scale (scale), 3 min ago``."""
    if owner is None:
        return NOT_RECORDED
    subresource = f" ({owner.subresource})" if owner.subresource else ""
    who = name_text(owner.manager) + printable(subresource)
    return f"{who}, {time_text(owner.time, now)}" if owner.time else who


def time_text(time: str, now: datetime | None) -> str:
    """An RFC 3339 time, as an age where it lies within the last day."""
    try:
        seconds = (now - datetime.fromisoformat(time)).total_seconds() if now else -1
    except (ValueError, TypeError):  # no time, or one without a zone
        seconds = -1
    if not 0 <= seconds < _DAY:
        return printable(time)
    if seconds < _MINUTE:
        return f"{int(seconds)} s ago"
    return f"{seconds // _MINUTE:.0f} min ago" if seconds < _HOUR else f"{seconds // _HOUR:.0f} h ago"


def name_text(name: str) -> str:
    """The name of a person or a program, however long they made it."""
    return shortened(printable(name), _NAME_LIMIT)
