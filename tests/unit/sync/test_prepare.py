"""What Git declares becomes what is sent: namespaces, the label, and nothing that only the cluster may set."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kubectl_gitops.api.names import MANAGED_BY_LABEL
from kubectl_gitops.api.objects import Declared, Origin
from kubectl_gitops.errors import InvalidInput, InvalidManifest
from kubectl_gitops.sync.prepare import prepare

CLUSTER_SCOPED = {"Namespace", "ClusterRole", "Lamp"}


def is_namespaced(api_version: str, kind: str) -> bool:
    if kind == "Unknown":
        raise InvalidInput(f"no kind {kind} in {api_version}")
    return kind not in CLUSTER_SCOPED


def declared(kind: str = "ConfigMap", *, line: int = 1, api_version: str = "v1", **fields: Any) -> Declared:
    metadata = {"name": "web", **fields.pop("metadata", {})}
    obj = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}
    return Declared(object=obj, origin=Origin("web.yaml", line))


def prepared(one: Declared, *, label: str | None = None) -> Any:
    before = copy.deepcopy(one.object)
    (ready,) = prepare([one], is_namespaced=is_namespaced, namespace="shop", label=label)
    assert one.object == before
    assert ready.origin == one.origin
    return ready.object


def test_the_namespace_is_filled_in_where_there_is_none() -> None:
    assert prepared(declared())["metadata"] == {"name": "web", "namespace": "shop"}
    assert prepared(declared(metadata={"namespace": ""}))["metadata"]["namespace"] == "shop"
    assert prepared(declared(metadata={"namespace": "own"}))["metadata"]["namespace"] == "own"


@pytest.mark.parametrize("metadata", [{}, {"namespace": "own"}])
def test_what_is_cluster_scoped_has_none(metadata: dict[str, str]) -> None:
    assert prepared(declared("ClusterRole", metadata=metadata))["metadata"] == {"name": "web"}


def test_the_label_is_set_beside_others_and_over_a_copied_one() -> None:
    assert "labels" not in prepared(declared())["metadata"]
    assert prepared(declared(metadata={"labels": None}), label="a.b")["metadata"]["labels"] == {MANAGED_BY_LABEL: "a.b"}
    labels = {"app": "web", MANAGED_BY_LABEL: "copied"}
    assert prepared(declared(metadata={"labels": labels}), label="a.b")["metadata"]["labels"] == {
        "app": "web",
        MANAGED_BY_LABEL: "a.b",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("uid", "1-2"),
        ("resourceVersion", "5"),
        ("managedFields", [{}]),
        ("ownerReferences", [{"name": "x"}]),
        ("deletionTimestamp", "2026-01-01T00:00:00Z"),
        ("selfLink", "/x"),
    ],
)
def test_what_only_the_cluster_may_set_is_refused_with_its_place(name: str, value: Any) -> None:
    with pytest.raises(InvalidManifest, match=rf"^web\.yaml:7: ConfigMap/web: metadata\.{name} is set by the cluster"):
        prepared(declared(line=7, metadata={name: value}))
    assert name not in prepared(declared(metadata={name: None}))["metadata"]


def test_noise_of_exported_manifests_is_dropped() -> None:
    metadata = {"creationTimestamp": None, "generation": 3, "annotations": None}
    found = prepared(declared("Deployment", metadata=metadata, status={"replicas": 1}, spec={"replicas": 1}))
    assert found == {
        "apiVersion": "v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 1},
    }


def test_null_means_not_set_in_built_in_kinds_and_may_be_a_value_in_others() -> None:
    spec: dict[str, Any] = {"a": None, "list": [{"b": None, "c": 1}, None], "empty": {}}
    assert prepared(declared("Deployment", api_version="apps/v1", spec=spec))["spec"] == {
        "list": [{"c": 1}, None],
        "empty": {},
    }
    assert prepared(declared("Lamp", api_version="example.com/v1", spec=spec))["spec"] == spec


def test_two_declarations_of_one_object_are_refused_naming_both() -> None:
    """Whatever the version that they are written in, and whether the namespace is written out or not."""
    first = declared("Deployment", api_version="apps/v1")
    second = declared("Deployment", line=9, api_version="apps/v1beta1", metadata={"namespace": "shop"})
    with pytest.raises(InvalidManifest) as caught:
        prepare([first, second], is_namespaced=is_namespaced, namespace="shop", label=None)
    assert str(caught.value) == "web.yaml:9: Deployment/web in namespace shop is declared twice, first at web.yaml:1"


def test_order_is_kept_and_unknown_kinds_are_refused() -> None:
    many = [declared(metadata={"name": name}) for name in ("b", "a", "c")]
    ready = prepare(many, is_namespaced=is_namespaced, namespace="shop", label=None)
    assert [one.name for one in ready] == ["b", "a", "c"]
    with pytest.raises(InvalidInput, match="no kind Unknown in v1"):
        prepared(declared("Unknown"))


@pytest.mark.parametrize("value", ["of", "", "Enforced", "disabled", "true"])
def test_a_slip_in_the_mode_of_an_object_is_refused_where_it_stands(value: str) -> None:
    annotated = declared(line=7, metadata={"annotations": {"kubectl-gitops.dev/enforcement": value}})
    with pytest.raises(InvalidManifest) as refused:
        prepared(annotated)
    assert str(refused.value) == (
        "web.yaml:7: ConfigMap/web: annotation kubectl-gitops.dev/enforcement: "
        f"must be one of off, warn, audit, enforce, not {value!r}"
    )


@pytest.mark.parametrize("value", ["off", "Off", "warn", "Audit", "enforce"])
def test_a_mode_of_an_object_is_sent_as_it_is(value: str) -> None:
    annotations = {"kubectl-gitops.dev/enforcement": value}
    assert prepared(declared(metadata={"annotations": annotations}))["metadata"]["annotations"] == annotations
