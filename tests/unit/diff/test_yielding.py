"""What others keep is left out of what is applied."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.path import FieldPath, ItemKey
from kubectl_gitops.diff.yielding import yielded

WEB = ItemKey((("name", "web"),))
HTTP = ItemKey((("containerPort", 80), ("protocol", "TCP")))


def deployment(replicas: int = 2) -> Object:
    containers: list[Any] = [{"name": "web", "image": "a", "ports": [{"containerPort": 80, "name": "http"}]}]
    return {"kind": "Deployment", "spec": {"replicas": replicas, "template": {"spec": {"containers": containers}}}}


WHOLE = deployment()["spec"]["template"]["spec"]["containers"][0]


def live(fields: Object, manager: str = "autoscaler") -> Object:
    entry = {"manager": manager, "operation": "Update", "fieldsV1": fields}
    return {**deployment(5), "metadata": {"managedFields": [entry]}}


def test_what_another_keeps_is_left_out() -> None:
    left = yielded(deployment(), [("spec", "replicas")], live({"f:spec": {"f:replicas": {}}}))
    assert "replicas" not in left["spec"]
    assert left["spec"]["template"] == deployment()["spec"]["template"]


def test_what_nobody_else_keeps_is_applied_as_it_is_so_that_it_is_not_dropped() -> None:
    declared = deployment()
    for others in (live({"f:spec": {"f:paused": {}}}), live({"f:spec": {"f:replicas": {}}}, "kubectl-gitops")):
        assert yielded(declared, [("spec", "replicas")], others)["spec"]["replicas"] == 5
    assert declared == deployment()


@pytest.mark.parametrize(
    ("path", "fields", "expected"),
    [
        (
            (WEB, "image"),
            {'k:{"name":"web"}': {"f:image": {}}},
            {"name": "web", "ports": [{"containerPort": 80, "name": "http"}]},
        ),
        (
            (WEB, "ports", HTTP, "name"),
            {'k:{"name":"web"}': {"f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {"f:name": {}}}}},
            {"name": "web", "image": "a", "ports": [{"containerPort": 80}]},
        ),
        (
            (WEB, "ports", HTTP),
            {'k:{"name":"web"}': {"f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {}}}},
            {"name": "web", "image": "a"},
        ),
        (
            (WEB, "name"),
            {'k:{"name":"web"}': {"f:name": {}}},
            deployment()["spec"]["template"]["spec"]["containers"][0],
        ),
    ],
)
def test_items_of_lists_are_found_by_their_keys(path: FieldPath, fields: Object, expected: Object) -> None:
    at: FieldPath = ("spec", "template", "spec", "containers")
    owned: Object = {"f:spec": {"f:template": {"f:spec": {"f:containers": fields}}}}
    left = yielded(deployment(), [(*at, *path)], live(owned))
    assert left["spec"]["template"]["spec"]["containers"] == [expected]
