"""Dry-runs: one lack of right is enough for a kind and namespace, and a busy server is waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kubectl_gitops.api.objects import Declared, Origin
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.errors import ClusterError, Forbidden, InvalidInput, Rejected, Unauthorized
from kubectl_gitops.sync.dryrun import DryRuns, is_lack_of_right
from tests.unit.cluster.fakeserver import Answer, FakeServer, Request, serving

LACK = (
    'configmaps "a" is forbidden: User "jane" cannot patch resource "configmaps" in API group "" in the namespace "x"'
)


def config_map(name: str, namespace: str = "shop", kind: str = "ConfigMap") -> Declared:
    metadata = {"name": name, "namespace": namespace}
    return Declared(object={"apiVersion": "v1", "kind": kind, "metadata": metadata}, origin=Origin("a.yaml", 1))


def resource(kind: str, *verbs: str) -> dict[str, Any]:
    return {"resource": f"{kind.lower()}s", "responseKind": {"kind": kind}, "scope": "Namespaced", "verbs": verbs}


@contextmanager
def api_server(answer: Callable[[Request], Answer]) -> Iterator[tuple[FakeServer, DryRuns]]:
    """One that serves ConfigMaps, and Events that nobody can create."""
    resources = [resource("ConfigMap", "create", "patch"), resource("Event", "patch")]
    core = {"metadata": {"name": ""}, "versions": [{"version": "v1", "resources": resources}]}

    def any_request(request: Request) -> Answer:
        if request.path in {"/api", "/apis"}:
            return Answer({"kind": "APIGroupDiscoveryList", "items": [core] if request.path == "/api" else []})
        return answer(request)

    with serving(any_request) as server:
        cluster = server.cluster()
        yield server, DryRuns(cluster, Discovery(cluster))


def status(code: int, message: str, **details: Any) -> Answer:
    return Answer({"kind": "Status", "message": message, "code": code, "details": details}, status=code)


def asked(server: FakeServer) -> list[str]:
    return sorted(request.path for request in server.requests if request.query.get("dryRun") == "All")


def test_all_are_asked_about_in_dry_runs() -> None:
    with api_server(lambda request: Answer(request.body)) as (server, dry_runs):
        many = [config_map(str(number)) for number in range(50)]
        answers = dry_runs.applied(many)
        assert answers == {one.key: one.object for one in many}
        assert len(asked(server)) == 50
        references = dry_runs.created([config_map("web")])
        assert "name" not in references[config_map("web").key]["metadata"]  # type: ignore[index]
        assert len(asked(server)) == 51
        assert not [r for r in server.requests if r.method != "GET" and r.query.get("dryRun") != "All"]


def test_one_lack_of_right_is_enough_for_a_kind_and_namespace() -> None:
    def answer(request: Request) -> Answer:
        return status(403, LACK) if "/shop/" in request.path else Answer(request.body)

    with api_server(answer) as (server, dry_runs):
        here = [config_map(str(number)) for number in range(50)]
        answers = dry_runs.applied([*here, config_map("a", "else"), config_map("b", "else")])
        assert all(is_lack_of_right(error) for one in here if isinstance(error := answers[one.key], Forbidden))
        assert [path.rpartition("/namespaces/")[2] for path in asked(server)] == [
            "else/configmaps/a",
            "else/configmaps/b",
            "shop/configmaps/0",
        ]


def test_what_admission_refuses_with_the_same_code_concerns_one_object() -> None:
    with api_server(lambda _: status(403, 'configmaps "a" is forbidden: exceeded quota: full')) as (server, dry_runs):
        answers = dry_runs.applied([config_map("a"), config_map("b")])
        assert not any(is_lack_of_right(error) for error in answers.values() if isinstance(error, ClusterError))
        assert len(asked(server)) == 2


def test_refusals_are_answers_and_bad_credentials_are_not() -> None:
    with api_server(lambda _: status(422, "is invalid")) as (_, dry_runs):
        assert isinstance(dry_runs.applied([config_map("a")])[config_map("a").key], Rejected)
        event = config_map("a", kind="Event")
        assert isinstance(dry_runs.created([event])[event.key], InvalidInput)
    with api_server(lambda _: status(401, "who?")) as (_, dry_runs), pytest.raises(Unauthorized):
        dry_runs.applied([config_map("a")])


def test_a_busy_server_is_asked_again_when_it_says() -> None:
    answers = iter([status(429, "busy", retryAfterSeconds=0.001), Answer({"kind": "ConfigMap"})])
    with api_server(lambda _: next(answers)) as (server, dry_runs):
        assert dry_runs.applied([config_map("a")]) == {config_map("a").key: {"kind": "ConfigMap"}}
        assert len(asked(server)) == 2
    with api_server(lambda _: status(429, "busy", retryAfterSeconds=0.001)) as (server, dry_runs):
        assert isinstance(dry_runs.applied([config_map("a")])[config_map("a").key], ClusterError)
        assert len(asked(server)) == 3
