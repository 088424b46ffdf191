"""Regular expressions of CRDs, which may come from anybody: none of them may stop the program.

The API server's take time in proportion to the text; Python's may take for ever. CPU time is limited by the timer that
counts it, which Python's matching looks at; only the main thread can do that.
"""

from __future__ import annotations

import re
import signal
import threading
import warnings
from types import FrameType
from typing import Final

_LIMIT_SECONDS: Final = 0.2
#: After so many that could not be matched, no more are tried.
_MOST_GIVEN_UP: Final = 20


class _TooLong(Exception):
    """The match takes longer than it may."""


class Patterns:
    """Matches patterns, and knows which ones it could not: ``given_up``."""

    def __init__(self) -> None:
        self._compiled: dict[str, re.Pattern[str] | None] = {}
        self.given_up: set[str] = set()

    def matches(self, pattern: str, text: str) -> bool:
        """Whether ``text`` has a match anywhere; True where that cannot be told."""
        compiled = self._find(pattern)
        if compiled is None:
            return True
        if threading.current_thread() is not threading.main_thread():
            return True
        try:
            return _search(compiled, text)
        except _TooLong:
            self._give_up(pattern)
            return True

    def _find(self, pattern: str) -> re.Pattern[str] | None:
        if pattern not in self._compiled and len(self.given_up) >= _MOST_GIVEN_UP:
            self._give_up(pattern)
        if pattern not in self._compiled:
            try:
                with warnings.catch_warnings(action="ignore"):  # what Python may read otherwise one day
                    self._compiled[pattern] = re.compile(pattern)
            except (re.error, OverflowError, RecursionError):  # Go's notation is not quite Python's
                self._give_up(pattern)
        return self._compiled[pattern]

    def _give_up(self, pattern: str) -> None:
        self._compiled[pattern] = None
        self.given_up.add(pattern)


def _search(pattern: re.Pattern[str], text: str) -> bool:
    before = signal.signal(signal.SIGVTALRM, _stop)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, _LIMIT_SECONDS)
        return pattern.search(text) is not None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signal module's signature
    raise _TooLong
