"""Ignore rules: by place, by manager, by object."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.api.schema import schema
from kubectl_gitops.diff.ignore import IgnoreRule, Place, annotated_rule, default_rules, rules_of, why_ignored
from kubectl_gitops.diff.path import FieldPath, ItemKey, SetMember

WEB = ItemKey((("name", "web"),))
PORT = ItemKey((("port", 80), ("protocol", "TCP")))
CONTAINERS: FieldPath = ("spec", "template", "spec", "containers")


@pytest.mark.parametrize(
    ("pointer", "path", "holds"),
    [
        ("/spec/replicas", ("spec", "replicas"), True),
        ("/spec/replicas", ("spec", "replica"), False),
        ("/spec", ("spec", "replicas"), True),
        ("/spec/replicas", ("spec",), False),
        ("/spec/template/spec/containers/[name=web]/image", (*CONTAINERS, WEB, "image"), True),
        ("/spec/template/spec/containers/[name=web]", (*CONTAINERS, WEB, "env"), True),
        ("/spec/template/spec/containers/[name=api]/image", (*CONTAINERS, WEB, "image"), False),
        ("/spec/template/spec/containers/*/image", (*CONTAINERS, WEB, "image"), True),
        ("/spec/ports/[*]/nodePort", ("spec", "ports", PORT, "nodePort"), True),
        ("/spec/ports/[port=80]/nodePort", ("spec", "ports", PORT, "nodePort"), True),
        ("/spec/ports/[port=80,protocol=UDP]/nodePort", ("spec", "ports", PORT, "nodePort"), False),
        ("/metadata/annotations/example.com~1a", ("metadata", "annotations", "example.com/a"), True),
        ("/metadata/annotations/a~0b", ("metadata", "annotations", "a~b"), True),
        ("/metadata/finalizers/[*]", ("metadata", "finalizers", SetMember("x")), True),
        ("/metadata/finalizers/[=x]", ("metadata", "finalizers", SetMember("y")), False),
        ("/webhooks/0/clientConfig", ("webhooks", 0, "clientConfig"), True),
        ("/spec/x/[path=/a/b]/y", ("spec", "x", ItemKey((("path", "/a/b"),)), "y"), True),
    ],
)
def test_places(pointer: str, path: FieldPath, holds: bool) -> None:
    assert Place.parse(pointer).holds(path) is holds


@pytest.mark.parametrize("pointer", ["", "/", "spec/replicas", "/spec/[name]/x", "/spec/[]/x"])
def test_what_is_no_place_is_refused(pointer: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        Place.parse(pointer)


def test_a_rule_is_for_the_objects_that_its_globs_match() -> None:
    (rule,) = rules_of([{"kind": "Deploy*", "namespace": "shop", "jsonPointers": ["/spec/replicas"]}], why="GitSync")
    assert rule.is_for(ResourceKey("apps", "Deployment", "shop", "web"), {})
    assert not rule.is_for(ResourceKey("apps", "Deployment", "other", "web"), {})
    assert not rule.is_for(ResourceKey("apps", "StatefulSet", "shop", "web"), {})


def test_a_rule_with_place_and_manager_needs_both() -> None:
    rule = IgnoreRule(why="hpa", places=(Place.parse("/spec/replicas"),), managers=("kube-controller-*",))
    assert why_ignored([rule], ("spec", "replicas"), "kube-controller-manager") == "hpa"
    assert why_ignored([rule], ("spec", "replicas"), "kubectl") == ""
    assert why_ignored([rule], ("spec", "paused"), "kube-controller-manager") == ""


def test_a_rule_that_would_ignore_everything_is_refused() -> None:
    with pytest.raises(ValueError, match="would ignore everything"):
        rules_of([{"kind": "Deployment"}], why="GitSync")


def test_an_annotation_lists_places() -> None:
    rule = annotated_rule("/spec/replicas, /spec/ports/[port=80,protocol=TCP]/nodePort\n/data/a", why="annotation")
    assert [place.steps for place in rule.places] == [
        ("spec", "replicas"),
        ("spec", "ports", "[port=80,protocol=TCP]", "nodePort"),
        ("data", "a"),
    ]


def test_the_defaults_hold_only_where_they_should() -> None:
    role = ResourceKey("rbac.authorization.k8s.io", "ClusterRole", "", "view")
    aggregated = [rule for rule in default_rules() if rule.is_for(role, {"aggregationRule": {}})]
    assert why_ignored(aggregated, ("rules",), "clusterrole-aggregation-controller")
    plain = [rule for rule in default_rules() if rule.is_for(role, {})]
    assert not why_ignored(plain, ("rules",), "kubectl-edit")


@given(st.text("/[]=,*ab~", max_size=24))
def test_every_pointer_that_the_schema_of_gitsync_accepts_is_understood(pointer: str) -> None:
    rule = schema()["properties"]["spec"]["properties"]["ignoreDifferences"]["items"]
    pattern = rule["properties"]["jsonPointers"]["items"]["pattern"]
    if re.search(pattern, pointer):
        Place.parse(pointer)
