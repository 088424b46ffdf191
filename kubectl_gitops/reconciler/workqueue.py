"""A queue of keys to be worked on, as controllers use it (k8s.io/client-go, util/workqueue).

A key that is added many times before its turn is worked on once; a key that is added while it is being
worked on gets another turn after; the same key is never worked on twice at once.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

_log = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)


class WorkQueue(Generic[Key]):
    """Calls ``work(key)`` from ``threads`` threads for every key added, at its time."""

    def __init__(self, name: str, work: Callable[[Key], None], *, threads: int) -> None:
        self._name = name
        self._work = work
        self._ready = threading.Condition()
        self._heap: list[tuple[float, int, Key]] = []
        self._due: dict[Key, float] = {}
        self._active: set[Key] = set()
        self._order = itertools.count()
        self._stopped = False
        self._threads = [threading.Thread(target=self._run, name=f"{name}-{n}", daemon=True) for n in range(threads)]

    @contextmanager
    def standing_aside(self) -> Iterator[None]:
        """While in here the calling worker only waits: a substitute works on what is due, until it is back."""
        is_back = threading.Event()
        substitute = threading.Thread(target=self._run, args=(is_back,), name=f"{self._name}-substitute", daemon=True)
        with self._ready:
            self._threads.append(substitute)
        substitute.start()
        try:
            yield
        finally:
            is_back.set()
            with self._ready:
                self._ready.notify_all()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def add(self, key: Key, *, delay_seconds: float = 0.0) -> None:
        """Give a key a turn, ``delay_seconds`` from now at the latest: an earlier turn already due stays."""
        due = time.monotonic() + delay_seconds
        with self._ready:
            if self._due.get(key, float("inf")) <= due:
                return
            self._due[key] = due
            heapq.heappush(self._heap, (due, next(self._order), key))
            self._ready.notify()

    def forget(self, key: Key) -> None:
        """Take back any turn that is still due."""
        with self._ready:
            self._due.pop(key, None)

    def depth(self) -> int:
        """How many keys are due now, and have not got their turn."""
        now = time.monotonic()
        with self._ready:
            return sum(due <= now for due in self._due.values())

    def ask_to_stop(self) -> None:
        """Begin nothing more; what is being worked on goes on."""
        with self._ready:
            self._stopped = True
            self._ready.notify_all()

    def join(self, *, timeout_seconds: float) -> bool:
        """Wait for the threads, after they were asked to stop. Whether all of them have ended."""
        deadline = time.monotonic() + timeout_seconds
        with self._ready:
            threads = list(self._threads)
        for thread in threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def stop(self, *, timeout_seconds: float = 10.0) -> bool:
        """Finish what is being worked on, drop the rest, and wait for the threads. Whether all of them have ended."""
        self.ask_to_stop()
        return self.join(timeout_seconds=timeout_seconds)

    def _run(self, is_back: threading.Event | None = None) -> None:
        """Work until stopped; a substitute until who it stands in for is back."""
        self._work_off(is_back or threading.Event())
        if is_back is not None:
            with self._ready:
                self._threads.remove(threading.current_thread())
                self._ready.notify()  # who was told of a key, and goes, passes it on

    def _work_off(self, is_over: threading.Event) -> None:
        while (key := self._take(is_over)) is not None:
            try:
                self._work(key[0])
            except Exception:  # noqa: BLE001 - the loop's boundary: one key must not stop the others
                _log.exception("working on %s failed", key[0])
            with self._ready:
                self._active.discard(key[0])
                self._ready.notify_all()

    def _take(self, is_over: threading.Event) -> tuple[Key] | None:
        """The next key whose time has come, in a tuple, waiting for it; None when stopped, or it is over."""
        with self._ready:
            while not self._stopped and not is_over.is_set():
                key, wait_seconds = self._pick()
                if key is not None:
                    return key
                self._ready.wait(wait_seconds)
            return None

    def _pick(self) -> tuple[tuple[Key] | None, float | None]:
        """A key to work on now, or how long to wait until there may be one (None: until something changes)."""
        now = time.monotonic()
        busy: list[tuple[float, int, Key]] = []
        try:
            while self._heap:
                due, _, key = self._heap[0]
                if self._due.get(key) == due and due > now:
                    return None, due - now
                item = heapq.heappop(self._heap)
                if self._due.get(key) != due:  # taken back, or moved to an earlier time
                    continue
                if key in self._active:
                    busy.append(item)
                    continue
                del self._due[key]
                self._active.add(key)
                return (key,), None
            return None, None
        finally:
            for item in busy:
                heapq.heappush(self._heap, item)
