"""Never two workers on one key, no key lost, no turn too early."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_gitops.reconciler.workqueue import WorkQueue
from tests.testbed.waiting import wait_until


@contextmanager
def running(work: Callable[[str], None], *, threads: int = 4) -> Iterator[WorkQueue[str]]:
    queue = WorkQueue("test", work, threads=threads)
    queue.start()
    try:
        yield queue
    finally:
        assert queue.stop(timeout_seconds=20)


def test_a_key_that_is_added_many_times_before_its_turn_is_worked_on_once() -> None:
    done: list[str] = []
    queue = WorkQueue("test", done.append, threads=1)
    for _ in range(5):
        queue.add("a")
        queue.add("b", delay_seconds=0.001)
    queue.start()
    wait_until(lambda: len(done) >= 2, 20, "both")
    queue.stop()
    assert done == ["a", "b"]


def test_a_key_that_is_added_while_it_is_worked_on_gets_another_turn() -> None:
    began, go_on, turns = threading.Semaphore(0), threading.Semaphore(0), []

    def work(key: str) -> None:
        turns.append(key)
        began.release()
        go_on.acquire(timeout=20)

    with running(work) as queue:
        queue.add("a")
        began.acquire(timeout=20)
        for _ in range(5):
            queue.add("a")
        assert turns == ["a"]
        go_on.release(2)
        assert began.acquire(timeout=20)
        assert turns == ["a", "a"]
        queue.add("b")
        assert began.acquire(timeout=20)
        go_on.release(2)
    assert turns == ["a", "a", "b"]


def test_the_earlier_of_two_turns_counts() -> None:
    done: list[str] = []
    with running(done.append) as queue:
        queue.add("a", delay_seconds=1000)
        queue.add("a")
        wait_until(lambda: done == ["a"], 20, "a")
        queue.add("b")
        queue.add("b", delay_seconds=1000)
        wait_until(lambda: done == ["a", "b"], 20, "b")


def test_a_turn_comes_at_its_time_and_not_before() -> None:
    times: dict[str, float] = {}

    def work(key: str) -> None:
        times[key] = time.monotonic()

    with running(work) as queue:
        started = time.monotonic()
        queue.add("later", delay_seconds=0.2)
        queue.add("soon", delay_seconds=0.05)
        queue.add("now")
        wait_until(lambda: len(times) == 3, 20, "all three")
    assert times["now"] <= times["soon"] <= times["later"]
    assert times["soon"] - started >= 0.05
    assert times["later"] - started >= 0.2


def test_what_is_taken_back_is_not_worked_on() -> None:
    done: list[str] = []
    with running(done.append) as queue:
        queue.add("a", delay_seconds=0.05)
        queue.forget("a")
        queue.forget("never added")
        queue.add("b", delay_seconds=0.1)
        wait_until(lambda: "b" in done, 20, "b")
        queue.add("a")
        wait_until(lambda: "a" in done, 20, "a")
    assert done == ["b", "a"]


def test_one_that_fails_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    def work(key: str) -> None:
        if key == "bad":
            raise RuntimeError("broken")
        done.append(key)

    with running(work, threads=1) as queue, caplog.at_level(logging.ERROR):
        queue.add("bad")
        queue.add("good")
        wait_until(lambda: done, 20, "the good one")
    assert "working on bad failed" in caplog.text


def test_stopping_waits_for_what_has_begun_and_drops_the_rest() -> None:
    began, go_on, done = threading.Event(), threading.Event(), []

    def work(key: str) -> None:
        began.set()
        go_on.wait(20)
        done.append(key)

    queue = WorkQueue("test", work, threads=1)
    queue.start()
    queue.add("a")
    assert began.wait(20)
    queue.add("b")
    assert not queue.stop(timeout_seconds=0.01)
    go_on.set()
    assert queue.join(timeout_seconds=20)
    assert done == ["a"]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), keys=st.integers(1, 6), workers=st.integers(1, 6))
def test_under_stress_no_key_is_lost_and_none_worked_on_twice_at_once(seed: int, keys: int, workers: int) -> None:
    """Each addition is seen by a turn that begins after it."""
    chance = random.Random(seed)
    lock = threading.Lock()
    active: set[str] = set()
    collisions: list[str] = []
    added: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    pauses = {f"k{n}": chance.choice([0.0, 0.0, 0.0005]) for n in range(keys)}

    def work(key: str) -> None:
        with lock:
            if key in active:
                collisions.append(key)
            active.add(key)
            count = added[key]
        time.sleep(pauses[key])
        with lock:
            active.discard(key)
            seen[key] = max(seen[key], count)

    def produce(choices: list[tuple[str, float]]) -> None:
        for key, delay_seconds in choices:
            with lock:
                added[key] += 1
            queue.add(key, delay_seconds=delay_seconds)

    with running(work, threads=workers) as queue:
        delays = [0.0, 0.0, 0.001, 0.003]
        plans = [[(chance.choice(list(pauses)), chance.choice(delays)) for _ in range(60)] for _ in range(3)]
        producers = [threading.Thread(target=produce, args=(plan,)) for plan in plans]
        for producer in producers:
            producer.start()
        for producer in producers:
            producer.join()
        wait_until(lambda: seen == added, 20, "every addition to be seen")
    assert not collisions
