"""What Git declared once, and an apply now drops, is a difference: whether it goes or a default takes its place."""

from __future__ import annotations

from typing import Any

from kubectl_gitops.diff.path import ABSENT, format_path
from kubectl_gitops.sync.judge import differences


def obj(spec: dict[str, Any], owned: dict[str, Any]) -> dict[str, Any]:
    managed = [{"manager": "kubectl-gitops", "operation": "Apply", "fieldsV1": {"f:spec": owned}}]
    return {"apiVersion": "apps/v1", "kind": "X", "metadata": {"name": "x", "managedFields": managed}, "spec": spec}


def dropped(answer: dict[str, Any], live: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {format_path(c.path): (c.desired, c.live) for c in differences(answer, live)}


LIVE = obj({"replicas": 5, "paused": True}, {"f:replicas": {}, "f:paused": {}})


def test_a_field_that_goes() -> None:
    assert dropped(obj({"replicas": 5}, {"f:replicas": {}}), LIVE) == {"spec.paused": (ABSENT, True)}


def test_a_field_that_falls_back_to_its_default() -> None:
    assert dropped(obj({"replicas": 1, "paused": True}, {"f:paused": {}}), LIVE) == {"spec.replicas": (ABSENT, 5)}


def test_a_field_that_keeps_its_value_is_none() -> None:
    assert dropped(obj({"replicas": 5, "paused": True}, {"f:paused": {}}), LIVE) == {}


def test_a_map_that_becomes_a_list_is_one_difference() -> None:
    live = obj({"free": {"a": 1}}, {"f:free": {".": {}, "f:a": {}}})
    assert dropped(obj({"free": [1]}, {"f:free": {}}), live) == {"spec.free": ([1], {"a": 1})}


def test_a_map_that_is_declared_empty_from_now_on() -> None:
    live = obj({"hard": {"pods": "10"}}, {"f:hard": {"f:pods": {}}})
    assert list(dropped(obj({}, {"f:hard": {}}), live)) == ["spec.hard"]
