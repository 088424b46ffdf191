"""How soon an object is restored: at once, unless that failed, or somebody keeps changing it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from kubectl_gitops.api.objects import ResourceKey

#: So often within the memory an object is restored at once; after that it looks like a fight, and we slow down.
FREE_RESTORES = 10
MEMORY_SECONDS = 60.0
MAX_DELAY_SECONDS = 30.0
_FIRST_DELAY_SECONDS = 0.25


@dataclass(slots=True)
class _Tries:
    last: float
    failures: int = 0
    restores: int = 0


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

    def restored(self, key: ResourceKey) -> None:
        with self._lock:
            tries = self._tried(key)
            tries.failures = 0
            tries.restores += 1

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
            excess = tries.failures or max(0, tries.restores - FREE_RESTORES + 1)
            delay = min(_FIRST_DELAY_SECONDS * 2 ** (excess - 1), MAX_DELAY_SECONDS) if excess else 0.0
            return max(0.0, tries.last + delay - now)

    def _tried(self, key: ResourceKey) -> _Tries:
        now = self._clock()
        tries = self._tries.get(key)
        if tries is None or now - tries.last > MEMORY_SECONDS:
            tries = self._tries[key] = _Tries(now)
        tries.last = now
        return tries
