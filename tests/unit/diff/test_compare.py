"""Comparison: exact where it says "different", careful where it says "the same"."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_gitops.diff.compare import canonical_of, compare, covers, is_subset, without_identity
from kubectl_gitops.diff.fieldset import FieldSet, project
from kubectl_gitops.diff.path import ABSENT, format_path, lookup, same
from tests.unit.diff.test_fieldset import FIELDS_V1, LIVE

FIELDS = FieldSet.parse(FIELDS_V1)
DESIRED = project(LIVE, FIELDS)


def changes(live: Any) -> dict[str, tuple[Any, Any]]:
    return {format_path(c.path): (c.desired, c.live) for c in compare(DESIRED, live, FIELDS)}


def edited(edit: Any) -> dict[str, Any]:
    live = copy.deepcopy(LIVE)
    edit(live)
    return live


def web(live: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = live["spec"]["template"]["spec"]["containers"][-1]
    return container


def test_an_object_that_is_as_declared_has_no_changes() -> None:
    assert changes(LIVE) == {}


def test_a_changed_field_is_named_with_both_values() -> None:
    live = edited(lambda o: web(o).update(image="shop:2"))
    assert changes(live) == {"spec.template.spec.containers[name=web].image": ("shop:1", "shop:2")}


def test_a_field_that_is_gone_is_absent() -> None:
    assert changes(edited(lambda o: o["spec"].pop("replicas"))) == {"spec.replicas": (3, ABSENT)}


def test_a_container_that_is_gone_is_one_change() -> None:
    live = edited(lambda o: o["spec"]["template"]["spec"]["containers"].pop())
    assert list(changes(live)) == ["spec.template.spec.containers[name=web]"]


def test_a_reordered_keyed_list_is_no_drift() -> None:
    assert changes(edited(lambda o: o["spec"]["template"]["spec"]["containers"].reverse())) == {}


def test_a_set_member_that_is_gone_is_drift_and_a_foreign_one_is_not() -> None:
    assert changes(edited(lambda o: o["metadata"]["finalizers"].remove("theirs"))) == {}
    assert list(changes(edited(lambda o: o["metadata"]["finalizers"].remove("keep")))) == ["metadata.finalizers[=keep]"]


def test_a_reordered_atomic_list_is_drift() -> None:
    fields = FieldSet.parse({"f:args": {}})
    assert list(compare({"args": [1, 2]}, {"args": [2, 1]}, fields))


def test_duplicate_keys_in_the_live_object_are_drift() -> None:
    live = edited(lambda o: o["spec"]["template"]["spec"]["containers"].append({"name": "web", "image": "shop:1"}))
    assert list(changes(live)) == ["spec.template.spec.containers[name=web]"]


@pytest.mark.parametrize(
    ("left", "right"), [(True, 1), (0, False), ("1", 1), (None, 0), ([], {}), ({"a": True}, {"a": 1})]
)
def test_values_of_other_types_are_not_the_same(left: Any, right: Any) -> None:
    assert not same(left, right)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda sub: st.lists(sub, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=2), sub, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_everything_is_the_same_as_its_copy(value: Any) -> None:
    assert same(value, copy.deepcopy(value))


@given(st.dictionaries(st.text("abc", min_size=1, max_size=2), JSON, min_size=1), JSON)
def test_a_subset_by_an_empty_schema_is_only_what_is_equal(declared: dict[str, Any], other: Any) -> None:
    schema = FieldSet.parse({f"f:{name}": {} for name in declared})
    assert is_subset(declared, {**declared, "more": other}, schema)
    name = next(iter(declared))
    if not same(declared[name], other):
        assert not is_subset(declared, {**declared, name: other}, schema)


def test_an_atomic_map_with_more_in_it_is_not_a_superset() -> None:
    schema = FieldSet.parse({"f:spec": {"f:nodeSelector": {}}})
    declared = {"spec": {"nodeSelector": {"a": "1"}}}
    assert not is_subset(declared, {"spec": {"nodeSelector": {"a": "1", "b": "2"}}}, schema)


def test_a_keyed_list_with_more_items_is_a_superset_but_duplicates_are_in_doubt() -> None:
    declared = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "shop:1"}]}}}}
    assert is_subset(declared, LIVE, FIELDS)
    doubled = edited(lambda o: o["spec"]["template"]["spec"]["containers"].append({"name": "web", "image": "shop:1"}))
    assert not is_subset(declared, doubled, FIELDS)


def test_a_key_part_that_was_defaulted_may_be_left_out_but_not_one_that_was_set() -> None:
    key = 'k:{"port":80,"protocol":"TCP"}'
    live = {"ports": [{"port": 80, "protocol": "TCP"}]}
    defaulted = FieldSet.parse({"f:ports": {key: {".": {}, "f:port": {}}}})
    assert is_subset({"ports": [{"port": 80}]}, live, defaulted)
    was_set = FieldSet.parse({"f:ports": {key: {".": {}, "f:port": {}, "f:protocol": {}}}})
    assert not is_subset({"ports": [{"port": 80}]}, live, was_set)
    udp = FieldSet.parse({"f:ports": {'k:{"port":80,"protocol":"UDP"}': {".": {}, "f:port": {}, "f:protocol": {}}}})
    assert not is_subset({"ports": [{"port": 80}]}, {"ports": [{"port": 80, "protocol": "UDP"}]}, udp)


def test_a_field_set_covers_what_it_declares_and_nothing_stale() -> None:
    declared = {"metadata": {"labels": {"app": "web"}}, "spec": {"replicas": 3}}
    fields = FieldSet.parse({"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {"f:replicas": {}}})
    assert covers(fields, declared, fields)
    assert not covers(fields, {**declared, "spec": {"replicas": 3, "paused": True}}, fields)
    assert not covers(fields, {**declared, "spec": {}}, fields)


def test_identity_is_no_part_of_what_is_compared() -> None:
    obj = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "a", "namespace": "b"}, "data": {}}
    assert without_identity(obj) == {"data": {}}


def test_what_declares_nothing_has_an_empty_canonical_form_which_nothing_differs_from() -> None:
    canonical = canonical_of(LIVE)
    assert (canonical.tree, canonical.fields_v1) == ({}, {})
    assert not list(compare(canonical.tree, LIVE, canonical.fields))


def test_a_path_reads_as_people_write_it() -> None:
    path = ("metadata", "annotations", "example.com/a")
    assert format_path(path) == "metadata.annotations[example.com/a]"
    assert lookup({"metadata": {"annotations": {"example.com/a": 1}}}, path) == 1
