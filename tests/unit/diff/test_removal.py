"""Taking away what people added leaves the object as it was before, and everything else in it alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_gitops.diff.additions import added_fields, default_human_managers
from kubectl_gitops.diff.fieldset import EMPTY, FieldSet
from kubectl_gitops.diff.path import ItemKey
from kubectl_gitops.diff.removal import removal_patch

HUMANS = default_human_managers()
Json = dict[str, Any]


class TestFailed(Exception):
    """As the API server answers 422 where a ``test`` of a JSON patch fails."""

    __test__ = False


def patched(obj: Json, operations: list[Json]) -> Json:
    """What RFC 6902 makes of an object, as far as our patches use it."""
    result = copy.deepcopy(obj)
    for operation in operations:
        *parents, last = [t.replace("~1", "/").replace("~0", "~") for t in operation["path"].split("/")[1:]]
        node: Any = result
        for token in parents:
            node = node[int(token)] if isinstance(node, list) else node[token]
        where: Any = int(last) if isinstance(node, list) else last
        if operation["op"] == "remove":
            del node[where]
        elif (node.get(where) if isinstance(node, dict) else node[where]) != operation["value"]:
            raise TestFailed(operation["path"])
    return result


def fields_of(value: Any) -> Json:
    """FieldsV1 of a tree as server-side apply writes them: lists of maps are keyed by ``name``."""
    if isinstance(value, dict) and value:
        return {f"f:{name}": fields_of(sub) for name, sub in value.items()}
    if isinstance(value, list) and value:
        return {f'k:{{"name":"{item["name"]}"}}': {".": {}, **fields_of(item)} for item in value}
    return {}


def merged(left: Any, right: Any) -> Any:
    if isinstance(left, dict) and isinstance(right, dict):
        return {name: merged(left.get(name), right.get(name)) for name in [*left, *(n for n in right if n not in left)]}
    if isinstance(left, list) and isinstance(right, list):
        by_name = {item["name"]: item for item in left}
        for item in right:
            by_name[item["name"]] = merged(by_name.get(item["name"]), item)
        return list(by_name.values())
    return left if right is None else right


def live_of(tree: Json, **trees: Json) -> Json:
    entries = [
        {"manager": manager.replace("_", "-"), "operation": "Apply", "time": "2026-01-01T00:00:00Z", "fieldsV1": fields}
        for manager, fields in ((manager, fields_of(tree)) for manager, tree in trees.items())
        if fields
    ]
    return {"apiVersion": "v1", "kind": "Thing", "metadata": {"uid": "u", "managedFields": entries}, **tree}


def removed(live: Json, declared: FieldSet = EMPTY) -> Json:
    added = list(added_fields(live, declared, HUMANS))
    return patched(live, removal_patch(live, [one.path for one in added], declared, HUMANS))


def spec_of(obj: Json) -> Any:
    return obj.get("spec")


# Who adds what, in trees that never say anything different of one field

NAMES = st.sampled_from("abcd")
TREES = st.recursive(
    st.just("v"),
    lambda sub: (
        st.dictionaries(NAMES, sub, min_size=1, max_size=3)
        | st.dictionaries(NAMES, sub, min_size=1, max_size=3).map(
            lambda one: {"items": [{"name": name, "of": value} for name, value in one.items()]}
        )
    ),
    max_leaves=8,
)
SPECS = st.dictionaries(NAMES, TREES, min_size=1, max_size=3).map(lambda spec: {"spec": spec})


def agrees(left: Any, right: Any) -> bool:
    """Whether two trees can both be of one object: what is a map to one is no value to the other."""
    if isinstance(left, dict) and isinstance(right, dict):
        return all(agrees(left[name], right[name]) for name in left.keys() & right.keys())
    if isinstance(left, list) and isinstance(right, list):
        theirs = {item["name"]: item for item in right}
        return all(agrees(item, theirs[item["name"]]) for item in left if item["name"] in theirs)
    return type(left) is type(right)


def share_an_item(left: Any, right: Any, ours: Any) -> bool:
    """Whether both have a list item that we do not: it stays as a whole, for a controller owns a part of it."""
    if isinstance(left, dict) and isinstance(right, dict):
        known = ours if isinstance(ours, dict) else {}
        return any(share_an_item(left[name], right[name], known.get(name)) for name in left.keys() & right.keys())
    if isinstance(left, list) and isinstance(right, list):
        theirs = {item["name"]: item for item in right}
        known = {item["name"]: item for item in ours} if isinstance(ours, list) else {}
        both = [item for item in left if item["name"] in theirs]
        return any(
            item["name"] not in known or share_an_item(item, theirs[item["name"]], known[item["name"]]) for item in both
        )
    return False


@given(ours=SPECS, controller=SPECS, person=SPECS)
def test_what_a_person_added_is_gone_and_all_else_is_as_before(ours: Json, controller: Json, person: Json) -> None:
    if not (agrees(ours, controller) and agrees(merged(ours, controller), person)):
        return
    if share_an_item(controller, person, ours):
        return
    before = merged(ours, controller)
    live = live_of(merged(before, person), kubectl_gitops=ours, some_controller=controller, kubectl_edit=person)
    assert spec_of(removed(live, FieldSet.parse(fields_of(ours)))) == spec_of(before)


@given(person=SPECS)
def test_of_what_only_people_set_nothing_is_left(person: Json) -> None:
    assert spec_of(removed(live_of(person, kubectl_edit=person))) is None


# One by one


def containers(*items: Json) -> Json:
    return {"spec": {"containers": list(items)}}


WEB: Json = {"name": "web", "image": "a"}


def test_the_index_of_an_item_is_that_in_this_very_object_and_is_tested() -> None:
    sidecar = {"name": "x", "image": "b"}
    live = live_of(containers(sidecar, WEB), kubectl_gitops=containers(WEB), kubectl_edit=containers(sidecar))
    declared = FieldSet.parse(fields_of(containers(WEB)))
    patch = removal_patch(live, [one.path for one in added_fields(live, declared, HUMANS)], declared, HUMANS)
    assert patch[-1] == {"op": "remove", "path": "/spec/containers/0"}
    assert patched(live, patch)["spec"] == containers(WEB)["spec"]
    turned = {**live, **containers(WEB, sidecar)}
    with pytest.raises(TestFailed, match="/spec/containers/0"):
        patched(turned, patch)


def test_another_item_at_the_index_of_the_one_around_it_fails_the_test() -> None:
    env = [{"name": "DEBUG", "value": "1"}]
    person = containers({"name": "web", "env": env})
    live = live_of(containers({**WEB, "env": env}), kubectl_gitops=containers(WEB), kubectl_edit=person)
    declared = FieldSet.parse(fields_of(containers(WEB)))
    patch = removal_patch(live, [one.path for one in added_fields(live, declared, HUMANS)], declared, HUMANS)
    assert patched(live, patch)["spec"] == containers(WEB)["spec"]
    other = {**live, **containers({"name": "other", "image": "a", "env": env})}
    with pytest.raises(TestFailed, match="/spec/containers/0/name"):
        patched(other, patch)


def test_neither_a_terminating_nor_another_object_of_that_name_is_touched() -> None:
    live = live_of({"spec": {"a": "v"}}, kubectl_edit={"spec": {"a": "v"}})
    patch = removal_patch(live, [("spec", "a")], EMPTY, HUMANS)
    for metadata in ({"uid": "other"}, {"uid": "u", "deletionTimestamp": "2026-01-01T00:00:00Z"}):
        with pytest.raises(TestFailed):
            patched({**live, "metadata": metadata}, patch)


def test_items_with_the_same_key_go_all_and_the_right_ones() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B"}, {"name": "A", "value": "2"}]
    live = {"metadata": {"uid": "u"}, "spec": {"env": env}}
    patch = removal_patch(live, [("spec", "env", ItemKey((("name", "A"),)))], EMPTY, HUMANS)
    assert patched(live, patch)["spec"] == {"env": [{"name": "B"}]}


def test_an_item_in_which_a_controller_owns_something_stays() -> None:
    live = live_of(
        containers({"name": "x", "image": "b", "tag": "1"}),
        kubectl_edit=containers({"name": "x", "image": "b"}),
        injector={"spec": {"containers": []}},
    )
    live["metadata"]["managedFields"].append(
        {
            "manager": "injector",
            "operation": "Update",
            "fieldsV1": {"f:spec": {"f:containers": {'k:{"name":"x"}': {"f:tag": {}}}}},
        }
    )
    path = ("spec", "containers", ItemKey((("name", "x"),)))
    assert removal_patch(live, [path], EMPTY, HUMANS) == []


def test_of_a_secret_no_value_is_in_the_patch() -> None:
    live = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"uid": "u", "resourceVersion": "7"},
        "data": {"password": "Z2VoZWlt", "a/b~c": "Z2VoZWlt"},
    }
    patch = removal_patch(live, [("data", "a/b~c")], EMPTY, HUMANS)
    assert "Z2VoZWlt" not in str(patch)
    assert {"op": "test", "path": "/metadata/resourceVersion", "value": "7"} in patch
    assert patch[-1] == {"op": "remove", "path": "/data/a~1b~0c"}
