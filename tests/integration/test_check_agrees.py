"""What ``check`` says without a cluster is what the API server says in earnest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kubectl_gitops.check.schemas import Schemas
from tests.testbed.apiclient import RequestFailed
from tests.testbed.controlplane import ControlPlane
from tests.testbed.waiting import wait_until

STRING, INTEGER = {"type": "string"}, {"type": "integer"}
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def mapping(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


SPEC = mapping(
    text=STRING,
    short=STRING | {"maxLength": 2},
    like=STRING | {"pattern": "^a+$"},
    one=STRING | {"enum": ["x", "y"]},
    number=INTEGER,
    below=INTEGER | {"maximum": 3, "exclusiveMaximum": True},
    either={"x-kubernetes-int-or-string": True},
    maybe=STRING | {"nullable": True},
    maybeOne=STRING | {"nullable": True, "enum": ["x"]},
    small=STRING | {"default": "s"},
    needy=mapping(a=INTEGER, b=STRING | {"default": "s"}) | {"required": ["a", "b"]},
    free={"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    open=mapping(a=STRING) | {"x-kubernetes-preserve-unknown-fields": True},
    named={"type": "object", "additionalProperties": INTEGER},
    items={"type": "array", "items": mapping(a=STRING)},
    choice=mapping(a=INTEGER, b=INTEGER) | {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
    pod={"type": "object", "x-kubernetes-embedded-resource": True} | mapping(spec=mapping(a=INTEGER)),
    empty={"type": "object"},
)
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.check.example.com"},
    "spec": {
        "group": "check.example.com",
        "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": mapping(spec=SPEC)}}
        ],
    },
}
CONTAINER = {"name": "web", "image": "x"}


@pytest.fixture(scope="module")
def served(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    control_plane.request("POST", CRDS, DEFINITION)
    wait_until(lambda: is_served(control_plane), 30, "the custom resources to be served")
    yield control_plane
    control_plane.request("DELETE", f"{CRDS}/widgets.check.example.com")


def is_served(plane: ControlPlane) -> bool:
    try:
        plane.request("GET", "/apis/check.example.com/v1/widgets")
    except RequestFailed:
        return False
    return True


def refused(plane: ControlPlane, namespace: str, plural: str, obj: dict[str, Any]) -> str:
    """What the API server says to a creation or to a server-side apply, which store nothing; "" where it takes both.

    Each is the stricter one in some way: a creation takes a null for a field that is left out, and a server-side apply
    drops unknown fields of a map that has no known ones.
    """
    root = "/api/v1" if obj["apiVersion"] == "v1" else f"/apis/{obj['apiVersion']}"
    path = f"{root}/namespaces/{namespace}/{plural}"
    options = "fieldManager=kubectl-gitops&dryRun=All&fieldValidation=Strict"
    try:
        plane.request("POST", f"{path}?{options}", obj)
        applied = f"{path}/{obj['metadata']['name']}?{options}&force=true"
        plane.request("PATCH", applied, obj, content_type="application/apply-patch+yaml")
    except RequestFailed as exc:
        return exc.body
    return ""


@pytest.mark.parametrize(
    ("spec", "is_valid"),
    [
        ({"text": "x", "number": 1, "either": 1, "maybe": None, "one": "x"}, True),
        ({"either": "50%", "small": None}, True),
        ({"text": None}, False),
        ({"maybeOne": None}, False),
        ({"needy": {"a": 1}}, True),
        ({"needy": {"a": 1, "b": None}}, True),
        ({"needy": {"a": None}}, False),
        ({"needy": {}}, False),
        ({"free": {"a": {"b": [1]}}, "open": {"a": "x", "b": 1}, "named": {"a": 1}}, True),
        ({"open": {"a": 1}}, False),
        ({"named": {"a": "x"}}, False),
        ({"pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"a": 1}}}, True),
        ({"choice": {"a": 1}}, True),
        ({"choice": {}}, False),
        ({"choice": {"a": 1, "b": 1}}, False),
        ({"texts": "x"}, False),
        ({"items": [{"a": "x"}, {"b": "x"}]}, False),
        ({"empty": {}}, True),
        ({"empty": {"a": 1}}, False),
        ({"text": 1}, False),
        ({"text": True}, False),
        ({"number": "1"}, False),
        ({"number": 1.5}, False),
        ({"either": True}, False),
        ({"short": "abc"}, False),
        ({"like": "b"}, False),
        ({"one": "z"}, False),
        ({"below": 3}, False),
        ({"below": 2}, True),
        ([], False),
    ],
    ids=str,
)
def test_of_a_custom_resource(served: ControlPlane, namespace: str, spec: Any, is_valid: bool) -> None:
    widget = {"apiVersion": "check.example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec}
    answer = refused(served, namespace, "widgets", widget)
    assert (answer == "") is is_valid, answer
    faults = Schemas([DEFINITION]).faults(widget)
    assert (faults == []) is is_valid, faults


def pod(**spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": [CONTAINER], **spec}}


@pytest.mark.parametrize(
    ("kind", "plural", "body", "is_valid"),
    [
        ("Pod", "pods", pod(), True),
        ("Pod", "pods", pod(hostname=None), True),
        ("Pod", "pods", pod(hostnam="x"), False),
        ("Pod", "pods", pod(hostNetwork="yes"), False),
        ("Pod", "pods", pod(containers=[{**CONTAINER, "ports": [{"containerPort": "80"}]}]), False),
        ("Pod", "pods", pod(containers=[{**CONTAINER, "ports": [{"name": "http"}]}]), False),
        ("Pod", "pods", pod(containers=[{**CONTAINER, "resources": {"limits": {"cpu": "1 core"}}}]), False),
        ("Pod", "pods", pod(containers=[{**CONTAINER, "resources": {"limits": {"cpu": 1}}}]), True),
        ("Pod", "pods", pod(containers=[{"image": "x"}]), False),
        ("Pod", "pods", pod(containers={}), False),
        ("ConfigMap", "configmaps", {"data": {"a": "1"}}, True),
        ("ConfigMap", "configmaps", {"data": {"a": 1}}, False),
        ("ConfigMap", "configmaps", {"dataa": {}}, False),
        ("ConfigMap", "configmaps", {"immutable": "true"}, False),
        ("Service", "services", {"spec": {"ports": [{"port": 80, "targetPort": "http"}]}}, True),
        ("Service", "services", {"spec": {"ports": [{"port": 80, "targetPort": True}]}}, False),
        ("Service", "services", {"spec": {"ports": [{}]}}, False),
    ],
    ids=str,
)
def test_of_kubernetes_own_kinds(
    served: ControlPlane, namespace: str, kind: str, plural: str, body: dict[str, Any], is_valid: bool
) -> None:
    obj = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, **body}
    answer = refused(served, namespace, plural, obj)
    assert (answer == "") is is_valid, answer
    faults = Schemas([]).faults(obj)
    assert (faults == []) is is_valid, faults
