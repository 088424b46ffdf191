"""Field sets: reading FieldsV1, and cutting an object down to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_gitops.diff.fieldset import EMPTY, FieldSet, all_fields, managed_fields, our_fields_v1, project, union
from kubectl_gitops.diff.path import ItemKey, SetMember

FIELDS_V1 = {
    "f:metadata": {"f:labels": {".": {}, "f:app": {}}, "f:finalizers": {".": {}, 'v:"keep"': {}}},
    "f:spec": {
        "f:replicas": {},
        "f:template": {
            "f:spec": {
                "f:containers": {
                    'k:{"name":"web"}': {
                        ".": {},
                        "f:name": {},
                        "f:image": {},
                        "f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}},
                    }
                }
            }
        },
    },
}
LIVE: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": {"app": "web", "other": "x"}, "finalizers": ["keep", "theirs"]},
    "spec": {
        "replicas": 3,
        "paused": False,
        "template": {
            "spec": {
                "containers": [
                    {"name": "sidecar", "image": "proxy"},
                    {
                        "name": "web",
                        "image": "shop:1",
                        "ports": [{"containerPort": 80, "protocol": "TCP", "name": "http"}],
                        "terminationMessagePath": "/dev/termination-log",
                    },
                ]
            }
        },
    },
}


def test_parse_knows_fields_items_and_set_members() -> None:
    fields = FieldSet.parse(FIELDS_V1)
    assert set(fields.leaves()) >= {
        ("spec", "replicas"),
        ("metadata", "labels", "app"),
        ("metadata", "finalizers", SetMember("keep")),
    }
    assert fields.contains(("spec", "template", "spec", "containers", ItemKey((("name", "web"),)), "image"))
    assert not fields.contains(("spec", "paused"))


def test_project_keeps_our_fields_and_the_keys_of_items() -> None:
    assert project(LIVE, FieldSet.parse(FIELDS_V1)) == {
        "metadata": {"labels": {"app": "web"}, "finalizers": ["keep"]},
        "spec": {
            "replicas": 3,
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "web",
                            "image": "shop:1",
                            # protocol is defaulted and not ours, but part of the key
                            "ports": [{"containerPort": 80, "protocol": "TCP"}],
                        }
                    ]
                }
            },
        },
    }


def test_a_leaf_is_taken_whole() -> None:
    assert project({"spec": {"a": [1, {"b": 2}]}}, FieldSet.parse({"f:spec": {"f:a": {}}})) == {
        "spec": {"a": [1, {"b": 2}]}
    }


@pytest.mark.parametrize("entries", [None, [], [{}], [{"manager": "x"}]])
def test_an_object_without_managed_fields_has_no_owners(entries: Any) -> None:
    obj = {"metadata": {"managedFields": entries}} if entries is not None else {"metadata": {}}
    assert managed_fields(obj) == []
    assert our_fields_v1(obj) is None
    assert all_fields(obj) is EMPTY


def test_ours_is_the_apply_entry_and_no_update_or_subresource() -> None:
    entries = [
        {"manager": "kubectl-gitops", "operation": "Update", "fieldsV1": {"f:a": {}}},
        {"manager": "kubectl-gitops", "operation": "Apply", "subresource": "status", "fieldsV1": {"f:b": {}}},
        {"manager": "kubectl-gitops", "operation": "Apply", "fieldsV1": {"f:c": {}}},
    ]
    assert our_fields_v1({"metadata": {"managedFields": entries}}) == {"f:c": {}}


@pytest.mark.parametrize("key", ["replicas", "x:1", ""])
def test_what_is_no_field_set_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not a FieldsV1 key"):
        FieldSet.parse({key: {}})


_NAMES = st.text("abcf.:/-", min_size=1, max_size=6)


def _fields_v1() -> st.SearchStrategy[Any]:
    return st.recursive(
        st.just({}),
        lambda sub: st.dictionaries(_NAMES.map(lambda name: f"f:{name}"), sub, max_size=4),
        max_leaves=12,
    )


def _tree(fields: dict[str, Any]) -> Any:
    return {name[2:]: _tree(sub) for name, sub in fields.items()} if fields else 1


@given(_fields_v1())
def test_projecting_twice_is_projecting_once(fields_v1: dict[str, Any]) -> None:
    fields = FieldSet.parse(fields_v1)
    obj = {"more": {"x": 1}, **_tree(fields_v1)} if fields_v1 else {"more": 1}
    once = project(obj, fields)
    assert project(once, fields) == once


@given(_fields_v1(), _fields_v1())
def test_a_union_holds_what_either_holds(left: dict[str, Any], right: dict[str, Any]) -> None:
    both = union([FieldSet.parse(left), FieldSet.parse(right)])
    for one in (left, right):
        if one:
            assert all(both.contains(path) for path in FieldSet.parse(one).leaves())
