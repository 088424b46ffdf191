from __future__ import annotations

import pytest

from tests.testbed.waiting import wait_until


def test_returns_the_first_truthy_value() -> None:
    values = iter([0, "", "third", "fourth"])
    assert wait_until(lambda: next(values), 10, "a value") == "third"


def test_says_what_it_waited_for_and_what_it_saw() -> None:
    with pytest.raises(AssertionError, match=r"waited 0 s in vain for the pods; last: \[\]"):
        wait_until(list, 0, "the pods")


def test_assertion_of_the_condition_is_not_yet() -> None:
    values = iter([1, 2, 3])

    def is_three() -> bool:
        assert next(values) == 3
        return True

    assert wait_until(is_three, 10, "three")


def test_shows_the_assertion_it_ended_with() -> None:
    def never() -> bool:
        raise AssertionError("two pods, not three")

    with pytest.raises(AssertionError, match="two pods, not three"):
        wait_until(never, 0, "the pods")


def test_other_exceptions_are_not_waited_out() -> None:
    with pytest.raises(ZeroDivisionError):
        wait_until(lambda: 1 / 0, 10, "nothing")
