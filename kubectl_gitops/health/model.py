"""How an object does, in Argo CD's words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class HealthStatus(StrEnum):
    """From best to worst, as Argo CD orders them."""

    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"  # paused on purpose
    PROGRESSING = "Progressing"  # not healthy yet, and may still become so by itself
    MISSING = "Missing"
    DEGRADED = "Degraded"  # it failed, or did not become healthy in time
    UNKNOWN = "Unknown"  # its status cannot be read


_BADNESS = {status: badness for badness, status in enumerate(HealthStatus)}


@dataclass(frozen=True, slots=True)
class Health:
    """The health of one object, and why; ``message`` is "" where there is nothing to add."""

    status: HealthStatus
    message: str = ""

    @property
    def is_well(self) -> bool:
        """Whether nothing is to be waited for or looked after: it is healthy, or paused on purpose."""
        return self.status in {HealthStatus.HEALTHY, HealthStatus.SUSPENDED}

    def __str__(self) -> str:
        return f"{self.status}: {self.message}" if self.message else str(self.status)


def badness(health: Health | None) -> int:
    """For sorting: the worse, the greater; nothing is known of None, which is least."""
    return -1 if health is None else _BADNESS[health.status]


def worst(statuses: Iterable[HealthStatus]) -> HealthStatus:
    """The health of several objects together; that of none is Healthy."""
    return max(statuses, key=_BADNESS.__getitem__, default=HealthStatus.HEALTHY)
