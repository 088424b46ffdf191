"""Requests over real HTTP: what is sent, what is tried again, and what goes wrong on the way."""

from __future__ import annotations

import socket
import threading

import pytest

from kubectl_gitops.cluster.connection import Impersonation
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.reading import list_objects
from kubectl_gitops.errors import ClusterError, Expired, Unreachable
from tests.unit.cluster.fakeserver import Answer, Request, cluster_at, expired, listing, serving

CONFIG_MAPS = Resource(group="", version="v1", kind="ConfigMap", plural="configmaps", namespaced=True)


def test_what_is_sent() -> None:
    with serving(lambda _: Answer({"ok": True})) as server:
        cluster = server.cluster()
        jane = Impersonation(user="jane", groups=["a", "b"], extra={"example.com/actor": "me"})
        answer = cluster.acting_as(jane).request(
            "POST", "/api", query={"force": True, "limit": 5, "none": None, "text": "a b&c"}, body={"x": "ü"}
        )
        assert answer == {"ok": True}
        cluster.get("/api")
        assert cluster.calls.count == 2
    first, second = server.requests
    assert (first.method, first.path, first.body) == ("POST", "/api", {"x": "ü"})
    assert first.query == {"force": "true", "limit": "5", "text": "a b&c"}
    assert first.headers["Content-Type"] == "application/json"
    assert first.headers["Impersonate-User"] == "jane"
    assert first.headers["Impersonate-Extra-example.com%2Factor"] == "me"
    assert not [name for name in second.headers if name.startswith("Impersonate")]


def test_a_connection_that_dies_is_tried_again_for_reading_only() -> None:
    answers = iter([Answer(hang_up=True), Answer({"ok": True}), Answer(hang_up=True), Answer({"ok": True})])
    with serving(lambda _: next(answers)) as server:
        cluster = server.cluster()
        assert cluster.get("/api") == {"ok": True}
        with pytest.raises(Unreachable):
            cluster.request("PATCH", "/api", body={})
    assert [request.method for request in server.requests] == ["GET", "GET", "PATCH"]


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(
        Unreachable, match=f"cannot reach the API server at http://127.0.0.1:{port}: connection refused"
    ):
        cluster_at(f"http://127.0.0.1:{port}").get("/api")


def test_who_listens_and_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cluster = cluster_at(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=0.2)
        with pytest.raises(Unreachable, match="it did not answer in time"):
            cluster.request("POST", "/api", body={})


def test_a_redirect_is_not_followed() -> None:
    """It would take the credentials along to wherever it leads."""
    with serving(lambda _: Answer(status=302, headers={"Location": "/elsewhere"})) as server:
        with pytest.raises(ClusterError, match="answered 302"):
            server.cluster().get("/api")
        assert len(server.requests) == 1


def test_a_list_whose_next_page_has_expired_starts_anew() -> None:
    answers = iter(
        [
            listing("a", "b", version=5, more="token-5"),
            expired(),
            listing("b", version=9, more="token-9"),
            listing("c", version=9),
        ]
    )
    with serving(lambda _: next(answers)) as server:
        found = list_objects(server.cluster(), CONFIG_MAPS, namespace="shop", label_selector="x=y")
    assert [item["metadata"]["name"] for item in found.items] == ["b", "c"]
    assert found.resource_version == "9"
    assert [request.query.get("continue") for request in server.requests] == [None, "token-5", None, "token-9"]
    assert {request.query["labelSelector"] for request in server.requests} == {"x=y"}


def test_a_list_that_is_expired_from_the_first_page_is_an_error() -> None:
    with serving(lambda _: expired()) as server, pytest.raises(Expired):
        list_objects(server.cluster(), CONFIG_MAPS)


def test_many_threads_share_one_connection_pool() -> None:
    together = threading.Barrier(8, timeout=10)

    def answer(request: Request) -> Answer:
        together.wait()
        return Answer({"path": request.path})

    with serving(answer) as server:
        cluster = server.cluster()
        paths: list[str] = []
        threads = [threading.Thread(target=lambda n=n: paths.append(cluster.get(f"/{n}")["path"])) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(paths) == [f"/{n}" for n in range(8)]
