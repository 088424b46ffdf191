"""How soon an object is restored: at once, unless that failed, or somebody keeps changing it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from kubectl_gitops.api.objects import ResourceKey

#: So often within the memory an object is restored at once; after that it looks like a fight, and we slow down.
FREE_RESTORES = 10
MEMORY_SECONDS = 60.0
MAX_DELAY_SECONDS = 30.0
_FIRST_DELAY_SECONDS = 0.25
#: A fight is over when nobody has changed the object for this long, or twice the delay that it has come to.
QUIET_SECONDS = 10.0


class Fight(NamedTuple):
    """An object that is changed again each time it is restored; ``how`` says by whom, as far as it is known."""

    key: ResourceKey
    how: str


@dataclass(slots=True)
class _Tries:
    last: float
    failures: int = 0
    restores: int = 0
    how: str = ""

    @property
    def is_fight(self) -> bool:
        return self.restores >= FREE_RESTORES

    @property
    def delay_seconds(self) -> float:
        """How long after the last try the next one may be."""
        excess = self.failures or max(0, self.restores - FREE_RESTORES + 1)
        return float(min(_FIRST_DELAY_SECONDS * 2 ** (excess - 1), MAX_DELAY_SECONDS)) if excess else 0.0


class Pacing:
    """Remembers the tries to restore each object. Safe to use from many threads."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tries: dict[ResourceKey, _Tries] = {}

    def failed(self, key: ResourceKey) -> None:
        with self._lock:
            tries = self._tried(key)
            tries.failures += 1

    def restored(self, key: ResourceKey, *, how: str = "") -> None:
        """It was put back; ``how`` says who had made it drift."""
        with self._lock:
            tries = self._tried(key)
            tries.failures = 0
            tries.restores += 1
            tries.how = how

    def forgive(self) -> None:
        """Forget all failures: what made them may be gone. And all that is too long ago to count."""
        with self._lock:
            now = self._clock()
            self._tries = {key: tries for key, tries in self._tries.items() if now - tries.last <= MEMORY_SECONDS}
            for tries in self._tries.values():
                tries.failures = 0

    def delay_seconds(self, key: ResourceKey) -> float:
        """How long from now the object must wait for its next try."""
        with self._lock:
            now = self._clock()
            tries = self._tries.get(key)
            if tries is None or now - tries.last > MEMORY_SECONDS:
                return 0.0
            return max(0.0, tries.last + tries.delay_seconds - now)

    def fights(self) -> list[Fight]:
        """Those that are going on, in a stable order."""
        with self._lock:
            return [Fight(key, tries.how) for key, tries in sorted(self._tries.items()) if self._quiet_in(tries) > 0]

    def fight_ends_in(self, key: ResourceKey) -> float | None:
        """In how many seconds the fight about an object is over if nobody changes it; 0 where it is. None: no fight."""
        with self._lock:
            tries = self._tries.get(key)
            return max(0.0, self._quiet_in(tries)) if tries is not None and tries.is_fight else None

    def _quiet_in(self, tries: _Tries) -> float:
        if not tries.is_fight:
            return 0.0
        return tries.last + max(QUIET_SECONDS, 2 * tries.delay_seconds) - self._clock()

    def _tried(self, key: ResourceKey) -> _Tries:
        now = self._clock()
        tries = self._tries.get(key)
        if tries is None or now - tries.last > MEMORY_SECONDS:
            tries = self._tries[key] = _Tries(now)
        tries.last = now
        return tries
