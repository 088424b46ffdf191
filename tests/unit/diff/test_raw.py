"""What can be told from a declaration as it stands in Git: where it looks otherwise, and what it declares."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.diff.fieldset import EMPTY, FieldSet
from kubectl_gitops.diff.path import ABSENT, format_path
from kubectl_gitops.diff.raw import declared_fields, raw_changes

SCHEMA = FieldSet.parse(
    {
        "f:metadata": {"f:labels": {".": {}, "f:app": {}, "f:tier": {}}, "f:finalizers": {".": {}, 'v:"a"': {}}},
        "f:spec": {
            "f:selector": {},
            "f:containers": {
                'k:{"name":"web"}': {
                    ".": {},
                    "f:image": {},
                    "f:name": {},
                    "f:ports": {
                        ".": {},
                        'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}, "f:protocol": {}},
                    },
                }
            },
        },
    }
)
PORT = {"containerPort": 80, "protocol": "TCP"}
LIVE = {
    "metadata": {"labels": {"app": "web", "tier": "front"}, "finalizers": ["a"]},
    "spec": {"selector": {"app": "web"}, "containers": [{"name": "web", "image": "x:1", "ports": [PORT]}]},
}


def changes(declared: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(format_path(c.path), c.desired, c.live) for c in raw_changes(declared, LIVE, SCHEMA)]


def containers(*items: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(items)}}


@pytest.mark.parametrize(
    "declared",
    [
        {"metadata": {"labels": {"app": "web"}, "finalizers": ["a"]}},
        {"metadata": {"labels": {}}},
        containers({"name": "web", "image": "x:1"}),
        containers({"name": "web", "ports": [{"containerPort": 80}]}),  # the protocol is filled in
    ],
)
def test_what_is_there_as_declared_is_no_change_whatever_else_is(declared: dict[str, Any]) -> None:
    assert changes(declared) == []


def test_the_lowest_field_that_looks_otherwise_is_named() -> None:
    web = "spec.containers[name=web]"
    assert changes({"metadata": {"labels": {"app": "shop"}}}) == [("metadata.labels.app", "shop", "web")]
    assert changes({"metadata": {"annotations": {"a": "b"}}}) == [("metadata.annotations", {"a": "b"}, ABSENT)]
    assert changes(containers({"name": "web", "image": "x:2"})) == [(f"{web}.image", "x:2", "x:1")]
    assert changes(containers({"name": "web", "ports": [{"containerPort": 80, "hostPort": 8}]})) == [
        (f"{web}.ports[containerPort=80,protocol=TCP].hostPort", 8, ABSENT)
    ]


def test_an_item_that_is_gone_is_one_change() -> None:
    new = {"name": "new", "image": "y"}
    assert changes(containers({"name": "web"}, new)) == [("spec.containers[name=new]", new, ABSENT)]
    assert changes({"metadata": {"finalizers": ["a", "b"]}}) == [("metadata.finalizers[=b]", "b", ABSENT)]


def test_what_is_atomic_is_compared_whole() -> None:
    assert changes({"spec": {"selector": {"app": "web", "tier": "x"}}}) == [
        ("spec.selector", {"app": "web", "tier": "x"}, {"app": "web"})
    ]
    assert [path for path, _, _ in changes(containers({"image": "x:1"}, {"image": "y"}))] == ["spec.containers"]


@pytest.mark.parametrize("nonsense", [7, None, "x", [[]], [{"name": {"a": 1}}], {"name": []}])
def test_nonsense_looks_different_and_nothing_breaks(nonsense: Any) -> None:
    declared = {"spec": {"containers": nonsense}, "metadata": {"finalizers": nonsense}}
    assert changes(declared)
    assert list(raw_changes(declared, LIVE, EMPTY))
    declared_fields(declared, SCHEMA)


def test_declared_fields_are_those_that_the_api_server_would_note_down() -> None:
    declared = {
        "metadata": {"labels": {"app": "web"}, "annotations": {}, "finalizers": ["b"]},
        "spec": {
            "selector": {"app": "web"},
            "containers": [{"name": "web", "image": "x:2", "ports": [{"containerPort": 80}]}, {"name": "new"}],
        },
    }
    assert [format_path(path) for path in declared_fields(declared, SCHEMA).leaves()] == [
        "metadata.labels.app",
        "metadata.finalizers[=b]",
        "spec.selector",
        "spec.containers[name=web].name",
        "spec.containers[name=web].image",
        "spec.containers[name=web].ports[containerPort=80,protocol=TCP].containerPort",
        "spec.containers[name=new]",
    ]
