"""How soon an object is restored."""

from __future__ import annotations

import pytest

from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.reconciler.pacing import FREE_RESTORES, MAX_DELAY_SECONDS, MEMORY_SECONDS, QUIET_SECONDS, Pacing

WEB, OTHER = ResourceKey("apps", "Deployment", "shop", "web"), ResourceKey("apps", "Deployment", "shop", "other")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pacing(clock: Clock) -> Pacing:
    return Pacing(clock=clock)


def test_at_once_at_first(pacing: Pacing) -> None:
    assert pacing.delay_seconds(WEB) == 0
    for _ in range(FREE_RESTORES - 1):
        pacing.restored(WEB)
        assert pacing.delay_seconds(WEB) == 0


def test_a_fight_is_fought_ever_more_slowly_and_is_over_after_a_while(pacing: Pacing, clock: Clock) -> None:
    delays = []
    for _ in range(FREE_RESTORES + 20):
        pacing.restored(WEB)
        delays.append(pacing.delay_seconds(WEB))
        clock.now += delays[-1]
    assert delays == sorted(delays)
    assert delays[FREE_RESTORES] > 0
    assert delays[-1] == MAX_DELAY_SECONDS < MEMORY_SECONDS
    assert pacing.delay_seconds(OTHER) == 0
    clock.now += MEMORY_SECONDS + 1
    assert pacing.delay_seconds(WEB) == 0


def test_what_fails_waits_twice_as_long_each_time_until_it_succeeds(pacing: Pacing, clock: Clock) -> None:
    delays = []
    for _ in range(4):
        pacing.failed(WEB)
        delays.append(pacing.delay_seconds(WEB))
        clock.now += delays[-1]
        assert pacing.delay_seconds(WEB) == 0
    assert delays == [0.25, 0.5, 1.0, 2.0]
    pacing.restored(WEB)
    assert pacing.delay_seconds(WEB) == 0


def test_the_delay_counts_from_the_last_try_however_often_it_is_asked_for(pacing: Pacing, clock: Clock) -> None:
    for _ in range(4):
        pacing.failed(WEB)
    assert pacing.delay_seconds(WEB) == 2
    clock.now += 1.5
    assert pacing.delay_seconds(WEB) == 0.5
    clock.now += 5
    assert pacing.delay_seconds(WEB) == 0


def test_failures_are_forgiven(pacing: Pacing) -> None:
    for _ in range(4):
        pacing.failed(WEB)
    pacing.forgive()
    assert pacing.delay_seconds(WEB) == 0


# Fights


def fight(pacing: Pacing, clock: Clock, restores: int) -> None:
    for _ in range(restores):
        clock.now += pacing.delay_seconds(WEB)
        pacing.restored(WEB, how="k9s changes data.a")


def test_a_fight_is_told_with_who_fights_and_ends_by_itself(pacing: Pacing, clock: Clock) -> None:
    fight(pacing, clock, FREE_RESTORES - 1)
    assert pacing.fights() == []
    assert pacing.fight_ends_in(WEB) is None
    fight(pacing, clock, 1)
    assert pacing.fights() == [(WEB, "k9s changes data.a")]
    assert pacing.fight_ends_in(WEB) == QUIET_SECONDS
    clock.now += QUIET_SECONDS
    assert pacing.fights() == []
    assert pacing.fight_ends_in(WEB) == 0


def test_a_fight_that_has_become_slow_takes_longer_to_be_over(pacing: Pacing, clock: Clock) -> None:
    fight(pacing, clock, FREE_RESTORES + 20)
    clock.now += 2 * MAX_DELAY_SECONDS - 1
    assert pacing.fights()
    clock.now += 1
    assert not pacing.fights()
