"""Cron expressions as crontab(5) has them: minute, hour, day of month, month, day of week. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


class _Field(NamedTuple):
    """What one field may hold: numbers from ``first`` to ``last``, or names that count from ``first``."""

    name: str
    first: int
    last: int
    words: tuple[str, ...] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _DAYS),
)
_PART = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/([0-9]+))?")


@dataclass(frozen=True, slots=True)
class Schedule:
    """The minutes that a cron expression names. ``is_either`` says that either kind of day is enough."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # Sunday is 0
    is_either: bool

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read ``0 22 * * mon-fri``. Raises ValueError that names the field which is wrong."""
        fields = _MACROS.get(text.strip().lower(), text).lower().split()
        if len(fields) != len(_FIELDS):
            raise ValueError(f"{text!r} is no cron expression: it has five fields, such as 0 22 * * mon-fri")
        minutes, hours, days, months, weekdays = map(_numbers, fields, _FIELDS)
        return cls(
            minutes=minutes,
            hours=hours,
            days=days,
            months=months,
            weekdays=frozenset(day % 7 for day in weekdays),
            # crontab(5): where both are restricted, one of them is enough.
            is_either=not fields[2].startswith("*") and not fields[4].startswith("*"),
        )

    def matches(self, local: datetime) -> bool:
        """Whether the expression names the minute of a local time."""
        if local.minute not in self.minutes or local.hour not in self.hours or local.month not in self.months:
            return False
        is_day, is_weekday = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        return is_day or is_weekday if self.is_either else is_day and is_weekday


def _numbers(text: str, field: _Field) -> frozenset[int]:
    return frozenset(number for part in text.split(",") for number in _range(part, field))


def _range(part: str, field: _Field) -> range:
    match = _PART.fullmatch(part)
    if match is None:
        raise ValueError(f"{part!r} is no {field.name}: write {field.first}, {field.first}-{field.last}, * or */5")
    low, high, step = match.groups()
    first = field.first if low == "*" else _number(low, field)
    last = field.last if low == "*" or (step and not high) else first
    if high:
        last = _number(high, field)
    if last < first or step == "0":
        raise ValueError(f"{part!r} is no {field.name}: nothing is in it")
    return range(first, last + 1, int(step or 1))


def _number(text: str, field: _Field) -> int:
    if text in field.words:
        return field.words.index(text) + field.first
    if not text.isdecimal() or not field.first <= int(text) <= field.last:
        raise ValueError(f"{text!r} is no {field.name}: it is from {field.first} to {field.last}")
    return int(text)
