"""A map or list that Git declares empty: only that it is there is Git's, unless it is atomic.

In a field set the two look alike; the managed fields of others, who own parts of the one but never of the other, tell.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.diff.compare import canonical_of, compare, covers
from kubectl_gitops.diff.fieldset import FieldSet
from kubectl_gitops.diff.path import format_path


def obj(spec: Any, *others: Any, ours: Any = None, **more: Any) -> dict[str, Any]:
    entries = [("kubectl-gitops", "Apply", {"f:spec": {"f:volume": {}}} if ours is None else ours)]
    entries += [(f"other-{n}", "Update", fields) for n, fields in enumerate(others)]
    managed = [{"manager": m, "operation": o, "fieldsV1": f} for m, o, f in entries if f]
    return {"apiVersion": "v1", "kind": "X", "metadata": {"name": "x", "managedFields": managed}, "spec": spec, **more}


THEIRS: dict[str, Any] = {"f:spec": {"f:volume": {"f:medium": {}}}}
WHOLE: dict[str, Any] = {"f:spec": {"f:volume": {}}}


def changes(answer: dict[str, Any], live: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    canonical = canonical_of(answer)
    return {format_path(c.path): (c.desired, c.live) for c in compare(canonical.tree, live, canonical.fields)}


def test_what_others_put_into_it_is_no_difference() -> None:
    assert changes(obj({"volume": {}}), obj({"volume": {"medium": "Memory"}}, THEIRS)) == {}


def test_what_others_take_out_of_it_again_is_no_difference() -> None:
    answer = obj({"volume": {"medium": "Memory"}}, THEIRS)
    assert canonical_of(answer).tree == {"spec": {"volume": {}}}
    assert changes(answer, obj({"volume": {}})) == {}


def test_that_it_is_gone_is_one() -> None:
    assert list(changes(obj({"volume": {}}), obj({}))) == ["spec.volume"]


def test_what_is_put_into_an_atomic_one_is_one() -> None:
    live = obj({"volume": {"medium": "Memory"}}, WHOLE, ours={"f:spec": {}})
    assert changes(obj({"volume": {}}), live) == {"spec.volume": ({}, {"medium": "Memory"})}


def test_where_managed_fields_were_reset_it_counts_as_one() -> None:
    live = obj({"volume": {"medium": "Memory"}}, ours={})
    assert list(changes(obj({"volume": {}}), live)) == ["spec.volume"]


def test_annotations_that_nobody_owns_are_no_difference() -> None:
    ours: dict[str, Any] = {"f:metadata": {"f:annotations": {}}}
    answer, live = obj({}, ours=ours), obj({}, ours=ours)
    live["metadata"]["annotations"] = {"deprecated.daemonset.template.generation": "2"}
    assert changes(answer, live) == {}


@pytest.mark.parametrize(("found", "empty"), [("x", ""), ([1], []), ({"a": 1}, {}), (3, 0), (True, False)])
def test_an_empty_value_that_the_server_leaves_out_is_what_git_says(found: Any, empty: Any) -> None:
    assert changes(obj({}), obj({"volume": found}, WHOLE)) == {"spec.volume": (empty, found)}
    assert changes(obj({}), obj({"volume": empty})) == {}


def test_a_leaf_of_which_others_own_a_part_covers_only_what_is_empty() -> None:
    ours, schema = FieldSet.parse(WHOLE), FieldSet.parse(THEIRS)
    assert covers(ours, {"spec": {"volume": {}}}, schema)
    assert not covers(ours, {"spec": {"volume": {"medium": "Memory"}}}, schema)
    assert covers(ours, {"spec": {"volume": {"medium": "Memory"}}}, ours)
