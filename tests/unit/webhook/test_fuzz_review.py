"""Reviews of any shape against the app as a whole, found by hypothesis: ``CASES=100000`` tries more of them."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import orjson
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.fieldset import FieldSet, our_fields_v1
from kubectl_gitops.diff.path import lookup, same
from tests.unit.webhook.cases import live, review, view
from tests.unit.webhook.test_fuzz import CASES, CONFIG, NAMESPACE, OBJECTS, ODD, USERS, containers
from webhook.app import create_app
from webhook.view import View

MANY = settings(
    max_examples=CASES,
    phases=(Phase.generate, Phase.shrink),
    database=None,
    suppress_health_check=list(HealthCheck),
)
SOME = settings(MANY, max_examples=CASES // 20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
#: Where a change is made (of all maps and lists, and then of the keys in one), and what to.
CHANGES = st.lists(st.tuples(st.integers(0, 63), st.integers(0, 15), st.sampled_from(ODD)), max_size=4)
#: Which object, operation, user and subresource: one number for all is drawn much faster than four choices.
KINDS = list(
    itertools.product(
        (*map(live, OBJECTS), NAMESPACE),
        ("CREATE", "UPDATE", "UPDATE", "UPDATE", "DELETE", "CONNECT", "PATCH"),
        USERS,
        ("", "", "", "scale", "status", "x"),
    )
)


class Known:
    """The state as the app asks for it."""

    ready = True

    def __init__(self, known: View) -> None:
        self.view = known


def client(known: View) -> FlaskClient:
    return create_app(Known(known)).test_client()


def changed(value: Any, changes: list[tuple[int, int, Any]]) -> Any:
    """A copy with another value, or none, at each of the places."""
    made = copy.deepcopy(value)
    for place, position, odd in changes:
        nodes = containers(made)
        node = nodes[place % len(nodes)]
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            continue
        key = keys[position % len(keys)]
        if odd == "":
            del node[key]
        else:
            node[key] = copy.deepcopy(odd)
    return made


def answer(asked: FlaskClient, body: bytes) -> tuple[int, Any]:
    """The status and the response in the review; None where what is answered is none."""
    found = asked.post("/validate", data=body, content_type="application/json")
    if found.status_code != 200:
        assert b"allowed" not in found.data
        assert found.data.count(b"\n") == 1
        return found.status_code, None
    response = orjson.loads(found.data)["response"]
    assert isinstance(response["allowed"], bool)
    return 200, response


ASKED = client(view(*OBJECTS))
UNKNOWN = client(View(owners=view().owners, synced=True))


@MANY
@given(
    kind=st.integers(0, len(KINDS) - 1),
    changes=CHANGES,
    parts=st.integers(0, 80),  # which part each of up to four changes is made in: before, after, or around both
)
def test_any_review_gets_a_verdict_or_none_and_never_one_for_a_fault(
    kind: int, changes: list[tuple[int, int, Any]], parts: int
) -> None:
    whole, operation, user, subresource = KINDS[kind]
    places = [parts // 3**number % 3 for number in range(len(changes))]
    before, after, around = (
        [change for change, place in zip(changes, places, strict=True) if place == part] for part in range(3)
    )
    sent = review(operation, old=whole, new=whole, user=user, subResource=subresource)
    sent["request"] |= {"oldObject": changed(whole, before), "object": changed(whole, after)}
    body = orjson.dumps(changed(sent, around))
    status, response = answer(ASKED, body)
    # 500 is for managedFields that no API server sends: then nothing is said, and the failurePolicy decides.
    assert status in {200, 400, 503} or (status == 500 and b"managedFields" in body)
    if response and not response["allowed"]:
        assert len(response["status"]["message"].encode()) < 1024
    said = orjson.dumps(response)
    assert b"aHVudGVyMg" not in said
    assert b"hunter2" not in said


@SOME
@given(data=st.dictionaries(st.sampled_from(["mode", "level", "other"]), JSON, max_size=3), after=CHANGES)
def test_declared_data_that_ends_elsewhere_is_never_allowed(data: Object, after: Any) -> None:
    """Whatever else is odd about the request, where the object stays what it is."""
    old = live(CONFIG)
    odd = changed(old, after)
    new = {**odd, "apiVersion": "v1", "kind": "ConfigMap", "data": data}
    kept = {name: old["metadata"][name] for name in ("name", "namespace", "managedFields")}
    new["metadata"] = {**kept, "labels": old["metadata"]["labels"]}
    _, response = answer(ASKED, orjson.dumps(review("UPDATE", old=old, new=new)))
    if {name: data.get(name) for name in CONFIG["data"]} != CONFIG["data"]:
        assert response is None or not response["allowed"]


@SOME
@given(body=st.binary(max_size=200) | JSON.map(orjson.dumps))
def test_what_is_no_review_gets_no_verdict(body: bytes) -> None:
    assert answer(ASKED, body) == (400, None)


@SOME
@given(after=CHANGES)
def test_without_git_s_word_nothing_that_we_own_changes(after: Any) -> None:
    old = live(CONFIG)
    new = {**changed(old, after), "apiVersion": "v1", "kind": "ConfigMap"}
    sent = review("UPDATE", old=old, new=old)
    sent["request"]["object"] = new
    _, response = answer(UNKNOWN, orjson.dumps(sent))
    if response and response["allowed"]:
        owned = FieldSet.parse(our_fields_v1(old) or {})
        assert [path for path in owned.leaves() if not same(lookup(old, path), lookup(new, path))] == []
