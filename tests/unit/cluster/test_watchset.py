"""A set of watches, and what it knows: what a real API server hardly ever does is shown here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.cluster.watchset import Scope, WatchSet
from kubectl_gitops.errors import Forbidden
from tests.testbed.waiting import wait_until
from tests.unit.cluster.fakeserver import Answer, FakeServer, Request, events, listing, serving
from tests.unit.cluster.test_connection import CONFIG_MAPS
from tests.unit.cluster.test_watching import obj

SHOP = Scope(resource=CONFIG_MAPS, namespace="shop", label_selector="a")
TEAM = Scope(resource=CONFIG_MAPS, namespace="team", name="one", field_selector="type=x")
FORBIDDEN = Answer({"kind": "Status", "message": "configmaps is forbidden", "reason": "Forbidden"}, status=403)


@contextmanager
def watching(answer: Callable[[Request], Answer]) -> Iterator[tuple[WatchSet, FakeServer]]:
    """A server that answers a LIST and the first WATCH as told; any later WATCH tells nothing, until the end."""
    over = threading.Event()
    watched: set[str] = set()

    def answered(request: Request) -> Answer:
        is_watch = "watch" in request.query
        if is_watch and request.path in watched:
            over.wait(30)
            return Answer(hang_up=True)
        found = answer(request)
        if is_watch and found.status < 300:
            watched.add(request.path)
        return found

    with serving(answered) as server, WatchSet(server.cluster()) as watches:
        try:
            yield watches, server
        finally:
            over.set()


def known(name: str, version: int) -> dict[str, Any]:
    found = obj(name, version)
    return {**found, "apiVersion": "v1", "kind": "ConfigMap", "metadata": {**found["metadata"], "namespace": "shop"}}


def names(watches: WatchSet, scope: Scope) -> list[str] | None:
    found = watches.objects(scope)
    return sorted(key.name for key in found) if found is not None else None


def settle(watches: WatchSet, *scopes: Scope) -> None:
    while not watches.want(scopes):
        watches.wait(20)


def calm(request: Request) -> Answer:
    return events() if "watch" in request.query else listing("a", "b", version=5)


def test_a_scope_is_known_once_it_was_listed_and_is_followed() -> None:
    with watching(calm) as (watches, server):
        assert not watches.want([SHOP])
        settle(watches, SHOP)
        assert names(watches, SHOP) == ["a", "b"]
        assert names(watches, TEAM) is None
        assert watches.objects(TEAM) is None
        assert server.requests[0].query["labelSelector"] == "a"


def test_what_happens_is_seen() -> None:
    def answer(request: Request) -> Answer:
        if "watch" not in request.query:
            return listing("a", "b", version=5)
        return events(("ADDED", known("c", 6)), ("DELETED", {**known("c", 7)}), ("MODIFIED", known("d", 8)))

    with watching(answer) as (watches, _):
        settle(watches, SHOP)
        wait_until(lambda: ResourceKey("", "ConfigMap", "shop", "d") in (watches.objects(SHOP) or {}), 20, "d")
        assert ResourceKey("", "ConfigMap", "shop", "c") not in (watches.objects(SHOP) or {})


def test_what_is_wanted_no_more_is_watched_no_more() -> None:
    with watching(calm) as (watches, server):
        settle(watches, SHOP, TEAM)
        team = [request for request in server.requests if "/team/" in request.path]
        assert team[0].query["fieldSelector"] == "metadata.name=one,type=x"
        settle(watches, SHOP)
        assert watches.objects(TEAM) is None


def test_who_may_list_and_not_watch_is_told_so() -> None:
    with watching(lambda request: FORBIDDEN if "watch" in request.query else calm(request)) as (watches, _):
        assert not watches.want([SHOP])
        with pytest.raises(Forbidden, match="configmaps is forbidden"):
            settle(watches, SHOP)


def test_what_is_optional_and_may_not_be_read_counts_as_empty() -> None:
    optional = Scope(resource=CONFIG_MAPS, namespace="shop", optional=True)
    with watching(lambda _: FORBIDDEN) as (watches, server):
        settle(watches, optional)
        assert names(watches, optional) == []
        assert len(server.requests) == 1


def test_a_kind_that_is_served_no_more_has_no_objects() -> None:
    gone = Answer({"kind": "Status", "message": "not found", "reason": "NotFound"}, status=404)
    with watching(lambda _: gone) as (watches, _):
        settle(watches, SHOP)
        assert names(watches, SHOP) == []
        assert watches.troubles() == []


def test_what_is_known_stays_known_through_troubles_which_are_told() -> None:
    broken = threading.Event()
    over = threading.Event()

    def answer(request: Request) -> Answer:
        if "watch" not in request.query:
            return listing("a", version=5)
        if broken.is_set() and not over.is_set():
            return Answer({"kind": "Status", "message": "the dog ate it", "reason": "InternalError"}, status=500)
        broken.set()
        return events()

    with serving(answer) as server, WatchSet(server.cluster()) as watches:
        settle(watches, SHOP)
        wait_until(lambda: watches.troubles() and "the dog ate it" in watches.troubles()[0], 20, "the trouble")
        assert names(watches, SHOP) == ["a"]
        assert watches.want([SHOP])
        over.set()
        wait_until(lambda: not watches.troubles(), 20, "the end of the trouble")
