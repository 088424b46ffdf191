"""A watch goes on, whatever happens to it; what a real API server hardly ever does is shown here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kubectl_gitops.cluster.watching import Watch
from kubectl_gitops.errors import ClusterError
from tests.testbed.waiting import wait_until
from tests.unit.cluster.fakeserver import Answer, FakeServer, Request, event, events, listing, serving
from tests.unit.cluster.test_connection import CONFIG_MAPS


class Recorder:
    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    def replaced(self, items: list[dict[str, Any]], resource_version: str) -> None:
        self.told.append(("all", resource_version, *(item["metadata"]["name"] for item in items)))

    def changed(self, obj: dict[str, Any]) -> None:
        self.told.append(("changed", obj["metadata"]["name"]))

    def deleted(self, obj: dict[str, Any]) -> None:
        self.told.append(("deleted", obj["metadata"]["name"]))


def obj(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


def script(*answers: Answer, until: threading.Event) -> Callable[[Request], Answer]:
    """One answer after the other; then none, until the test is over."""
    rest = iter(answers)

    def answer(_: Request) -> Answer:
        found = next(rest, None)
        if found is None:
            until.wait(30)
            return Answer(hang_up=True)
        return found

    return answer


@contextmanager
def watched(*answers: Answer) -> Iterator[tuple[Watch, Recorder, FakeServer]]:
    over, recorder = threading.Event(), Recorder()
    with serving(script(*answers, until=over)) as server:
        watch = Watch(server.cluster(), CONFIG_MAPS, recorder, namespace="shop", label_selector="a")
        watch.start()
        try:
            yield watch, recorder, server
        finally:
            over.set()
            watch.stop()


def versions(server: FakeServer) -> list[str]:
    """Of each request the version to watch from; "list" for a LIST."""
    return [request.query.get("resourceVersion", "list") for request in server.requests]


def wait_requests(server: FakeServer, count: int) -> None:
    wait_until(lambda: len(server.requests) >= count, 20, f"{count} requests")


def test_a_watch_that_ends_is_taken_up_where_it_stopped() -> None:
    first = events(("ADDED", obj("b", 6)), ("BOOKMARK", obj("", 8)))
    second = events(("DELETED", obj("b", 9)))
    with watched(listing("a", version=5), first, second) as (_, recorder, server):
        wait_requests(server, 4)
        assert recorder.told == [("all", "5", "a"), ("changed", "b"), ("deleted", "b")]
        assert versions(server) == ["list", "5", "8", "9"]
        assert {request.query["labelSelector"] for request in server.requests} == {"a"}
        assert server.requests[1].query["allowWatchBookmarks"] == "true"


GONE = {"kind": "Status", "message": "too old resource version", "code": 410}


@pytest.mark.parametrize("refusal", [events(("ERROR", GONE)), Answer(GONE, status=410)])
def test_one_that_is_too_old_lists_again(refusal: Answer) -> None:
    with watched(listing("a", version=5), refusal, listing("b", version=20)) as (watch, recorder, server):
        wait_requests(server, 4)
        assert recorder.told == [("all", "5", "a"), ("all", "20", "b")]
        assert versions(server) == ["list", "5", "list", "20"]
        assert watch.synced


@pytest.mark.parametrize(
    "nonsense",
    [
        Answer(lines=(b"no json\n",)),
        Answer(lines=(b'{"type": "ADDED"}\n',)),
        events(("ERROR", {"message": "etcd is on fire", "code": 500})),
        events(("ERROR", {})),
    ],
)
def test_nonsense_and_errors_are_made_up_for_by_a_list(nonsense: Answer, caplog: pytest.LogCaptureFixture) -> None:
    with watched(listing("a", version=5), nonsense, listing("b", version=20)) as (_, recorder, server):
        wait_requests(server, 4)
        assert recorder.told == [("all", "5", "a"), ("all", "20", "b")]
    assert "watch of configmaps" in caplog.text


@pytest.mark.parametrize("status", [429, 503])
def test_not_now_is_no_reason_to_list_again(status: int) -> None:
    busy = Answer({"message": "later"}, status=status, headers={"Retry-After": "0.01"})
    with watched(listing("a", version=5), busy, events(("ADDED", obj("b", 6)))) as (watch, recorder, server):
        wait_requests(server, 4)
        assert recorder.told == [("all", "5", "a"), ("changed", "b")]
        assert versions(server) == ["list", "5", "5", "6"]
        assert watch.last_error is None or isinstance(watch.last_error, ClusterError)


def test_a_connection_that_breaks_within_an_event_loses_nothing() -> None:
    b, c = event("ADDED", obj("b", 6)), event("ADDED", obj("c", 7))
    torn = Answer(lines=(b[:30], b[30:] + c[:30]), hang_up=True)
    with watched(listing("a", version=5), torn, events(("ADDED", obj("c", 7)))) as (_, recorder, server):
        wait_requests(server, 4)
        assert recorder.told == [("all", "5", "a"), ("changed", "b"), ("changed", "c")]
        assert versions(server) == ["list", "5", "6", "7"]


def test_watches_that_end_at_once_do_not_make_it_hurry() -> None:
    """Some proxies close what says nothing. Each turn waits longer than the one before."""
    empty = [events() for _ in range(3)]
    with watched(listing("a", version=5), *empty) as (watch, _, server):
        wait_requests(server, 5)
        assert watch._backoff_seconds > 1
        assert versions(server) == ["list", "5", "5", "5", "5"]


def test_it_can_be_stopped_while_nothing_is_told() -> None:
    with watched(listing("a", version=5)) as (watch, _, server):
        wait_requests(server, 2)
        watch.ask_to_stop()


def test_it_can_be_stopped_while_the_server_cannot_be_reached() -> None:
    refused = [Answer({"message": "no"}, status=500, headers={"Retry-After": "1000"})]
    with watched(*refused) as (watch, _, server):
        wait_requests(server, 1)
        wait_until(lambda: watch.last_error, 20, "the error")
        watch.stop()
        assert watch.join(timeout_seconds=0)
        assert not watch.synced
