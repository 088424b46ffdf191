"""How a sync that failed is tried again, and when it ends."""

from __future__ import annotations

import pytest

from kubectl_gitops.api.gitsync import Retry
from kubectl_gitops.errors import GitOpsError
from kubectl_gitops.reconciler.retrying import Retries, RetriesExhausted
from kubectl_gitops.reconciler.work import work_of
from tests.unit.reconciler.test_work import GITSYNC

WORK = work_of(GITSYNC, "a")
POLICY = Retry(limit=2, first_seconds=5, factor=3, max_seconds=20)
ERROR = GitOpsError("Deployment/web: no")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def retries(clock: Clock) -> Retries:
    return Retries(clock=clock)


def test_each_time_later_up_to_the_longest() -> None:
    assert [POLICY.delay_seconds(failures) for failures in (1, 2, 3, 1000)] == [5, 15, 20, 20]


def test_too_soon_the_same_error_is_told_again(retries: Retries, clock: Clock) -> None:
    retries.failed(WORK, ERROR, POLICY)
    with pytest.raises(GitOpsError, match=r"^Deployment/web: no$"):
        retries.check(WORK, POLICY)
    assert retries.due_in_seconds == 5
    clock.now = 5
    retries.check(WORK, POLICY)


def test_after_the_last_retry_a_person_is_told_what_to_do(retries: Retries, clock: Clock) -> None:
    for _ in range(3):
        retries.check(WORK, POLICY)
        retries.failed(WORK, ERROR, POLICY)
        clock.now += 100
    with pytest.raises(RetriesExhausted, match=r"^Deployment/web: no; tried 3 times, and not again$"):
        retries.check(WORK, POLICY)
    retries.check(WORK._replace(sha="b"), POLICY)  # another commit is another matter
    retries.forgive()
    retries.check(WORK, POLICY)


def test_failures_of_another_commit_do_not_count(retries: Retries, clock: Clock) -> None:
    for sha in "bcdefg":
        retries.failed(WORK._replace(sha=sha), ERROR, POLICY)
        clock.now += 100
    retries.failed(WORK, ERROR, POLICY)
    clock.now += 100
    retries.check(WORK, POLICY)


def test_without_a_policy_nothing_is_held_back(retries: Retries) -> None:
    for _ in range(100):
        retries.failed(WORK, ERROR, None)
        retries.check(WORK, None)
