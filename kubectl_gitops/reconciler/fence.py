"""Until when this replica may write: no longer than its lease is good for, whatever has held it up meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kubectl_gitops.errors import NotLeader


def uptime_seconds() -> float:
    """A clock that goes on while the machine sleeps, where there is one; CLOCK_MONOTONIC stands still then."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Fence:
    """One term in charge. It is extended by each renewal of the lease, and once closed it stays so.

    ``allow`` is called right before each request that writes (kubectl_gitops.cluster.connection). A process that was
    stopped, swapped out or starved therefore writes nothing when it goes on after its time.
    """

    def __init__(self, *, clock: Callable[[], float] = uptime_seconds) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until = 0.0
        self._closed = False

    def extend(self, until: float) -> None:
        """Allow writing until then, on the clock. Only for who knows that nobody else was in charge meanwhile."""
        with self._lock:
            self._until = max(self._until, until)

    def close(self) -> None:
        """Allow nothing any more."""
        with self._lock:
            self._closed = True

    @property
    def is_open(self) -> bool:
        with self._lock:
            return not self._closed and self._clock() < self._until

    def allow(self) -> float:
        """For how many seconds writing is still allowed. Raises NotLeader where it is not."""
        with self._lock:
            left = 0.0 if self._closed else self._until - self._clock()
        if left <= 0:
            raise NotLeader("nothing was written: this replica's lease is over, and another may be in charge")
        return left
