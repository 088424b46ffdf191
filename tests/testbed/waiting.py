"""The one place where tests and the testbed let time pass."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_INTERVAL_SECONDS = 0.02


def wait_until(condition: Callable[[], T], timeout_seconds: float, what: str) -> T:
    """First truthy value of ``condition``; AssertionError with the last value when there is none in time.

    An AssertionError in ``condition`` counts as "not yet", so that it may be written with asserts.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        last: object
        try:
            value = last = condition()
        except AssertionError as exc:
            last = exc
        else:
            if value:
                return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {timeout_seconds:g} s in vain for {what}; last: {last!r}")
        time.sleep(_INTERVAL_SECONDS)
