"""How often something may happen, for each key: some at once, then one in a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
_MAX_KEYS = 10_000


class TokenBuckets(Generic[Key]):
    """``burst`` at once, and one more every ``refill_seconds``. Safe to use from many threads."""

    def __init__(self, *, burst: int, refill_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._refill_seconds = refill_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._left: dict[Key, tuple[float, float]] = {}  # tokens, and when that was

    def take(self, key: Key) -> bool:
        """Whether it may happen now."""
        with self._lock:
            now = self._clock()
            tokens, since = self._left.get(key, (float(self._burst), now))
            tokens = min(self._burst, tokens + (now - since) / self._refill_seconds)
            if len(self._left) >= _MAX_KEYS and key not in self._left:
                self._forget_full(now)
            self._left[key] = (tokens - 1, now) if tokens >= 1 else (tokens, now)
            return tokens >= 1

    def _forget_full(self, now: float) -> None:
        """What has its whole burst again need not be remembered."""
        full_seconds = self._burst * self._refill_seconds
        self._left = {key: one for key, one in self._left.items() if now - one[1] < full_seconds}
