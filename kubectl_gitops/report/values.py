"""Values and times as one short line each."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from kubectl_gitops.diff.drift import DriftedField, ObjectDrift
from kubectl_gitops.diff.path import ABSENT
from kubectl_gitops.report.sections import Entry
from kubectl_gitops.report.text import printable, shortened

VALUE_LIMIT = 60
#: How much of what two long values have in common is left to see before the first difference.
_CONTEXT = 12

ABSENT_TEXT = "(absent)"
#: Git declares no such field.
NOTHING = "(nothing)"
#: Git declares the field, and it is there no longer.
GONE = "(gone)"

_MINUTE, _HOUR, _DAY, _MONTH = 60, 3600, 86400, 30 * 86400

# A string that would read as a number, a word of JSON, a structure or ABSENT is quoted; all others stand bare.
_READS_AS_OTHER = re.compile(r"-?[0-9.]+([eE][-+]?[0-9]+)?|true|false|null|[\"'{\[(].*|\s.*|.*\s|", re.DOTALL)


def inline(value: Any, absent: str = ABSENT_TEXT) -> str:
    """Any JSON value, or ABSENT, on one printable line; ``3`` and ``"3"`` are told apart."""
    if value is ABSENT:
        return absent
    if isinstance(value, str) and value.isprintable() and not _READS_AS_OTHER.fullmatch(value):
        return value
    return printable(json.dumps(value, ensure_ascii=False, sort_keys=True))


def field_texts(field: DriftedField, entry: Entry, limit: int = VALUE_LIMIT) -> tuple[str, str]:
    """What Git says of the field, and what is there, as :func:`inline_pair`."""
    absent = (NOTHING, GONE if isinstance(entry, ObjectDrift) else ABSENT_TEXT)
    return inline_pair(field.desired, field.live, limit, absent=absent)


def inline_pair(
    desired: Any, live: Any, limit: int = VALUE_LIMIT, *, absent: tuple[str, str] = (ABSENT_TEXT, ABSENT_TEXT)
) -> tuple[str, str]:
    """Both values as :func:`inline`, shortened so that the place where they differ stays in sight."""
    left, right = inline(desired, absent[0]), inline(live, absent[1])
    if max(len(left), len(right)) <= limit:
        return left, right
    common = next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    if common + _CONTEXT > limit:
        start = common - _CONTEXT
        left, right = "…" + left[start:], "…" + right[start:]
    return shortened(left, limit), shortened(right, limit)


def time_text(time: str, now: datetime | None) -> str:
    """An RFC 3339 time, as an age where it lies within the last thirty days."""
    try:
        seconds = (now - datetime.fromisoformat(time)).total_seconds() if now else -1
    except (ValueError, TypeError):  # no time, or one without a zone
        seconds = -1
    if not 0 <= seconds < _MONTH:
        return printable(time)
    if seconds < _MINUTE:
        return f"{int(seconds)} s ago"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min ago"
    if seconds < _DAY:
        return f"{seconds // _HOUR:.0f} h ago"
    return "1 day ago" if seconds < 2 * _DAY else f"{seconds // _DAY:.0f} days ago"
