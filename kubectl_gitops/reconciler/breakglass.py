"""What break-glass keeps the reconciler from doing with the objects of one GitSync."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubectl_gitops.api.breakglass import BreakGlass
from kubectl_gitops.api.objects import Object, ResourceKey

#: What was changed at the last moment must have been seen before it is judged whether anything is left to report.
SETTLE_SECONDS = 5.0


class Hold:
    """``found`` are the GitSync's break-glasses; ``wall_clock`` gives seconds since 1970.

    One holds its objects while it is open. One that only reports goes on holding them after its end, for as long as
    it is there.
    """

    def __init__(self, found: Callable[[], Sequence[BreakGlass]], wall_clock: Callable[[], float]) -> None:
        self._found = found
        self._wall_clock = wall_clock

    def holds(self, key: ResourceKey) -> bool:
        """Whether an object is to be left as it is."""
        return any(one.covers(key) for one in self._holding())

    def latest(self) -> BreakGlass | None:
        """The one that holds longest; None where none does. While there is one, no new commit is synced by itself."""
        return max(self._holding(), key=lambda one: one.until, default=None)

    def is_open(self, one: BreakGlass) -> bool:
        return one.is_open(self._wall_clock())

    def opened(self) -> list[BreakGlass]:
        """Those that are open now."""
        return [one for one in self._found() if self.is_open(one)]

    def settled(self, drifted: Sequence[ResourceKey]) -> list[BreakGlass]:
        """Those that have ended and have nothing left to do: of what they cover, nothing has drifted."""
        now = self._wall_clock()
        return [
            one
            for one in self._found()
            if not one.is_open(now)
            and (one.restores or now >= one.until + SETTLE_SECONDS)
            and (one.restores or not any(one.covers(key) for key in drifted))
        ]

    def _holding(self) -> list[BreakGlass]:
        return [one for one in self._found() if self.is_open(one) or not one.restores]


def status_of(one: BreakGlass | None, previous: Object, *, is_open: bool) -> Object | None:
    """``status.breakGlass``: the one that holds, else the last that did; None where there never was any."""
    if one is None:
        return {**previous, "open": False} if previous else None
    return {
        "by": one.by,
        "reason": one.reason,
        "until": one.until_text,
        "only": [str(target) for target in one.only],
        "then": "Restore" if one.restores else "Report",
        "open": is_open,
    }
