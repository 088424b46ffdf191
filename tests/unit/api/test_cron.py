"""Cron expressions mean what crontab(5) says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kubectl_gitops.api.cron import Schedule


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("0 22 * * mon-fri", ["2026-11-23T22:00", "2026-11-27T22:00"]),
        ("*/15 8-9 * * *", ["2026-11-23T08:45", "2026-11-24T09:00"]),
        ("5/20 0 1,15 JAN *", ["2026-01-01T00:05", "2026-01-15T00:45"]),
        ("0 0 * * 7", ["2026-11-22T00:00"]),
        ("0 0 * * sun", ["2026-11-22T00:00"]),
        ("@monthly", ["2026-11-01T00:00"]),
        # Both kinds of day: one of them is enough.
        ("0 0 13 * fri", ["2026-11-13T00:00", "2026-11-27T00:00", "2026-12-13T00:00"]),
    ],
)
def test_what_a_schedule_names(text: str, times: list[str]) -> None:
    schedule = Schedule.parse(text)
    assert all(schedule.matches(datetime.fromisoformat(time).replace(tzinfo=UTC)) for time in times)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("0 22 * * mon-fri", "2026-11-22T22:00"),  # a Sunday
        ("0 22 * * *", "2026-11-22T22:01"),
        ("5/20 * * * *", "2026-11-22T22:00"),
        ("0 0 1 jan *", "2026-02-01T00:00"),
        ("0 0 */2 * fri", "2026-11-28T00:00"),  # with a star, both must fit
    ],
)
def test_what_it_does_not(text: str, time: str) -> None:
    assert not Schedule.parse(text).matches(datetime.fromisoformat(time).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 22 * *", "five fields"),
        ("60 * * * *", "'60' is no minute: it is from 0 to 59"),
        ("0 * * * someday", "'someday' is no day of week: it is from 0 to 7"),
        ("0 5-3 * * *", "'5-3' is no hour: nothing is in it"),
        ("*/0 * * * *", "nothing is in it"),
        ("1,,2 * * * *", "'' is no minute: write 0, 0-59"),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"cron|is no") as caught:
        Schedule.parse(text)
    assert words in str(caught.value)
