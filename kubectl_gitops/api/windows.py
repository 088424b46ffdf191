"""``spec.sync.windows``: when new commits may be applied. Pure; times are given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from kubectl_gitops.api.cron import Schedule
from kubectl_gitops.api.durations import duration_seconds

#: Longer ones would be "always".
MAX_WINDOW = timedelta(days=7)
#: How far ahead the next opening is looked for.
_AHEAD = timedelta(days=31)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncWindow:
    """From each time of the schedule on, for ``duration``, new commits may be applied, or (``allows`` is False) not.

    With ``manual``, a sync that a person asks for is not held back by this window.
    """

    text: str
    schedule: Schedule
    duration: timedelta
    timezone: ZoneInfo
    allows: bool
    manual: bool

    def __str__(self) -> str:
        return f"{'allow' if self.allows else 'deny'} {self.text} ({self.timezone.key})"

    def opened(self, at: datetime) -> datetime | None:
        """The last time at which the window opened and after which it is still open; None where it is shut."""
        minutes = (at.replace(second=0, microsecond=0) - n * _MINUTE for n in range(int(self.duration / _MINUTE) + 1))
        return next((one for one in minutes if one + self.duration > at and self._begins(one)), None)

    def next_opening(self, at: datetime) -> datetime | None:
        """The next time at which it opens, within a month."""
        first = at.replace(second=0, microsecond=0) + _MINUTE
        minutes = (first + n * _MINUTE for n in range(int(_AHEAD / _MINUTE)))
        return next((one for one in minutes if self._begins(one)), None)

    def _begins(self, minute: datetime) -> bool:
        # By the minute and in local time: an hour that a clock leaves out has no such minute, one it repeats has two.
        return self.schedule.matches(minute.astimezone(self.timezone))


@dataclass(frozen=True, slots=True)
class Closed:
    """New commits may not be applied: because of these windows, and until then at the earliest (None: not for long)."""

    windows: tuple[SyncWindow, ...]
    until: datetime | None

    def __str__(self) -> str:
        named = ", ".join(map(str, self.windows))
        until = (
            self.until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if self.until else "more than a month from now"
        )
        return f"spec.sync.windows hold it back until {until}: {named}"


def closed(windows: Sequence[SyncWindow], at: datetime, *, asked: bool) -> Closed | None:
    """What holds back new commits at a time (UTC); None where nothing does. ``asked``: a person wants the sync.

    A window that denies outdoes those that allow; where any allow, one of them must be open.
    """
    denying = tuple(one for one in windows if not one.allows and one.opened(at))
    allowing = tuple(one for one in windows if one.allows)
    holding = denying or (allowing if not any(one.opened(at) for one in allowing) else ())
    if not holding or (asked and all(one.manual for one in holding)):
        return None
    ends = max if denying else min
    return Closed(holding, ends(_changes(holding, at), default=None))


def _changes(windows: Iterable[SyncWindow], at: datetime) -> Iterator[datetime]:
    for one in windows:
        opened = one.opened(at)
        change = opened + one.duration if opened else one.next_opening(at)
        if change is not None:
            yield change


def read_windows(items: Iterable[dict[str, Any]]) -> tuple[SyncWindow, ...]:
    """The windows of a GitSync. Raises ValueError that says which one is wrong, and how."""
    return tuple(_window(item, number) for number, item in enumerate(items))


def _window(item: dict[str, Any], number: int) -> SyncWindow:
    where = f"spec.sync.windows[{number}]"
    zone = item.get("timezone") or "UTC"
    duration = timedelta(seconds=duration_seconds(item["duration"]))
    if not _MINUTE <= duration <= MAX_WINDOW:
        raise ValueError(f"{where}.duration: {item['duration']} is not between a minute and {MAX_WINDOW.days} days")
    try:
        schedule = Schedule.parse(item["schedule"])
    except ValueError as exc:
        raise ValueError(f"{where}.schedule: {exc}") from exc
    try:
        timezone = ZoneInfo(zone)
    except (ValueError, OSError, KeyError) as exc:  # what is no name, a directory, and what is not known
        raise ValueError(f"{where}.timezone: {zone!r} is not known: write Europe/Berlin or UTC") from exc
    return SyncWindow(
        text=item["schedule"],
        schedule=schedule,
        duration=duration,
        timezone=timezone,
        allows=item.get("kind", "allow") == "allow",
        manual=bool(item.get("manual", False)),
    )
