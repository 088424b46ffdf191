"""When new commits may be applied."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kubectl_gitops.api.windows import closed, read_windows

NIGHT: dict[str, Any] = {"schedule": "0 22 * * *", "duration": "6h"}
NOON: dict[str, Any] = {"schedule": "0 12 * * *", "duration": "1h", "kind": "deny"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def is_open(text: str, *items: dict[str, Any], asked: bool = False) -> bool:
    return closed(read_windows(items), at(text), asked=asked) is None


def test_without_windows_always() -> None:
    assert is_open("2026-11-23T12:00")


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-11-23T21:59:59", False),
        ("2026-11-23T22:00:00", True),
        ("2026-11-24T03:59:59", True),
        ("2026-11-24T04:00:00", False),
    ],
)
def test_a_window_is_open_from_its_time_on_for_its_duration(time: str, expected: bool) -> None:
    assert is_open(time, NIGHT) is expected


def test_one_that_denies_outdoes_those_that_allow() -> None:
    always = {"schedule": "* * * * *", "duration": "1m"}
    assert is_open("2026-11-23T11:59", always, NOON)
    assert not is_open("2026-11-23T12:30", always, NOON)
    assert not is_open("2026-11-23T12:30", NOON)
    assert is_open("2026-11-23T13:00", NOON)


def test_what_a_person_asks_for_passes_if_all_that_hold_it_back_say_so() -> None:
    assert not is_open("2026-11-23T12:30", NIGHT, asked=True)
    assert is_open("2026-11-23T12:30", {**NIGHT, "manual": True}, asked=True)
    assert not is_open("2026-11-23T12:30", {**NIGHT, "manual": True})
    assert not is_open("2026-11-23T12:30", {**NOON, "manual": True}, NOON, asked=True)


def test_times_are_local_and_follow_the_clock_s_changes() -> None:
    berlin = {**NIGHT, "timezone": "Europe/Berlin"}
    assert is_open("2026-07-01T20:00", berlin)  # two hours ahead
    assert not is_open("2026-12-01T20:59", berlin)
    assert is_open("2026-12-01T21:00", berlin)
    # On 2026-03-29 there is no half past two in Berlin; on 2026-10-25 there are two.
    half_past_two = {"schedule": "30 2 * * *", "duration": "5m", "timezone": "Europe/Berlin"}
    assert not any(
        is_open(f"2026-03-29T{hour:02}:{minute:02}", half_past_two) for hour in range(5) for minute in (0, 30, 32)
    )
    assert is_open("2026-10-25T00:32", half_past_two)
    assert is_open("2026-10-25T01:32", half_past_two)


def test_until_when_is_told() -> None:
    windows = read_windows([{**NIGHT, "timezone": "Europe/Berlin"}])
    shut = closed(windows, at("2026-11-23T12:00"), asked=False)
    assert str(shut) == ("spec.sync.windows hold it back until 2026-11-23T21:00:00Z: allow 0 22 * * * (Europe/Berlin)")
    shut = closed(read_windows([NOON]), at("2026-11-23T12:30"), asked=False)
    assert shut is not None
    assert shut.until == at("2026-11-23T13:00")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schedule": "0 25 * * *"}, r"spec\.sync\.windows\[0\]\.schedule: '25' is no hour"),
        ({"timezone": "Europe/Atlantis"}, r"windows\[0\]\.timezone: 'Europe/Atlantis' is not known"),
        ({"timezone": "../../etc/passwd"}, "is not known"),
        ({"duration": "1s"}, r"windows\[0\]\.duration: 1s is not between a minute and 7 days"),
        ({"duration": "200h"}, "is not between"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(change: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_windows([{**NIGHT, **change}])
