"""Aggregated discovery, as the API server answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kubectl_gitops.cluster.discovery import Discovery, Resource
from kubectl_gitops.errors import ClusterError, InvalidInput
from tests.unit.cluster.fakeserver import Answer, FakeServer, Request, serving


def resource(kind: str, plural: str, *, scope: str = "Namespaced", short: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "resource": plural,
        "responseKind": {"group": "", "version": "", "kind": kind},
        "scope": scope,
        "shortNames": list(short),
        "verbs": ["get", "list", "patch", "watch"],
        "subresources": [{"subresource": "status", "responseKind": {"kind": kind}, "verbs": ["patch"]}],
    }


def group(name: str, *versions: tuple[str, list[dict[str, Any]]], stale: bool = False) -> dict[str, Any]:
    freshness = "Stale" if stale else "Current"
    return {
        "metadata": {"name": name} if name else {},
        "versions": [{"version": v, "resources": resources, "freshness": freshness} for v, resources in versions],
    }


def document(*groups: dict[str, Any]) -> Answer:
    return Answer({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": list(groups)})


CONFIG_MAPS, NODES = resource("ConfigMap", "configmaps", short=("cm",)), resource("Node", "nodes", scope="Cluster")
DEPLOYMENTS = resource("Deployment", "deployments")
CORE = group("", ("v1", [CONFIG_MAPS, NODES]))
APPS = group("apps", ("v1", [DEPLOYMENTS]), ("v1beta1", [DEPLOYMENTS]))
METRICS = group("metrics.k8s.io", ("v1", []), stale=True)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    def answer(request: Request) -> Answer:
        assert "APIGroupDiscoveryList" in request.headers["Accept"]
        return document(CORE) if request.path == "/api" else document(APPS, METRICS)

    with serving(answer) as running:
        yield running


def test_each_version_of_a_kind_is_known_by_itself(server: FakeServer) -> None:
    discovery = Discovery(server.cluster())
    assert discovery.need("v1", "ConfigMap") == Resource(
        group="",
        version="v1",
        kind="ConfigMap",
        plural="configmaps",
        namespaced=True,
        verbs=frozenset({"get", "list", "patch", "watch"}),
        short_names=("cm",),
        subresources=frozenset({"status"}),
    )
    assert discovery.need("apps/v1beta1", "Deployment").api_version == "apps/v1beta1"
    assert discovery.resolve("deployments").version == "v1"
    assert not discovery.need("v1", "Node").namespaced
    assert discovery.stale_groups == {"metrics.k8s.io"}
    assert len(server.requests) == 2


def test_each_kind_that_is_served_is_listed_once_in_its_preferred_version(server: FakeServer) -> None:
    served = [(one.api_version, one.kind) for one in Discovery(server.cluster()).served()]
    assert served == [("v1", "ConfigMap"), ("v1", "Node"), ("apps/v1", "Deployment")]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("cm", "/api/v1/configmaps"),
        ("ConfigMap", "/api/v1/configmaps"),
        ("deployment.apps", "/apis/apps/v1/deployments"),
        ("deployments.v1beta1.apps", "/apis/apps/v1beta1/deployments"),
    ],
)
def test_a_kind_may_be_called_as_kubectl_calls_it(server: FakeServer, text: str, path: str) -> None:
    assert Discovery(server.cluster()).resolve(text).path() == path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("deplyoment", "the cluster has no kind 'deplyoment'; did you mean deployment or deployments?"),
        ("configmaps.apps", "the cluster has no kind 'configmaps.apps'"),
        (
            "pods.metrics.k8s.io",
            "the cluster has no kind 'pods.metrics.k8s.io'; the server of API group metrics.k8s.io is down",
        ),
        ("x", "the cluster has no kind 'x'"),
    ],
)
def test_of_a_kind_that_is_not_there_the_nearest_are_named(server: FakeServer, text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Discovery(server.cluster()).resolve(text)
    assert str(caught.value) == said
    assert caught.value.hint == "kubectl api-resources lists those it has"


def test_paths() -> None:
    namespaced = Resource(group="apps", version="v1", kind="Deployment", plural="deployments", namespaced=True)
    assert namespaced.path() == "/apis/apps/v1/deployments"
    assert namespaced.path("shop", "web", "status") == "/apis/apps/v1/namespaces/shop/deployments/web/status"
    roles = Resource(group="rbac.x", version="v1", kind="ClusterRole", plural="clusterroles", namespaced=False)
    assert roles.path("ignored", "system:a/b?c") == "/apis/rbac.x/v1/clusterroles/system:a%2Fb%3Fc"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_unknown_kind_is_asked_for_again_but_not_by_each_of_many(server: FakeServer) -> None:
    clock = Clock()
    discovery = Discovery(server.cluster(), clock=clock)
    for _ in range(3):
        with pytest.raises(InvalidInput, match=r"the cluster has no kind Lamp in example\.com/v1") as caught:
            discovery.need("example.com/v1", "Lamp")
    assert caught.value.hint == "is its CRD installed?"
    assert len(server.requests) == 2
    clock.now = 2.0
    for _ in range(3):
        with pytest.raises(InvalidInput) as caught:
            discovery.need("metrics.k8s.io/v1", "PodMetrics")
    assert caught.value.hint == "the server of API group metrics.k8s.io is down"
    assert len(server.requests) == 4


@pytest.mark.parametrize("answer", [lambda _: Answer({"kind": "APIVersions"}), lambda _: Answer({})])
def test_a_server_without_it_is_too_old(answer: Callable[[Request], Answer]) -> None:
    with serving(answer) as old, pytest.raises(ClusterError, match="no aggregated discovery"):
        Discovery(old.cluster()).find("v1", "ConfigMap")
