"""Values of Secrets never leave in clear."""

from __future__ import annotations

import base64

import orjson
from hypothesis import given
from hypothesis import strategies as st

from kubectl_gitops.api.objects import Declared, Origin
from kubectl_gitops.diff.compare import FieldChange
from kubectl_gitops.diff.path import ABSENT
from kubectl_gitops.diff.secrets import LAST_APPLIED_ANNOTATION, declared_digest, masked, seal


def secret(values: dict[str, str], annotation: str = "") -> dict[str, object]:
    annotations = {LAST_APPLIED_ANNOTATION: annotation} if annotation else {}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "annotations": annotations},
        "data": {name: base64.b64encode(value.encode()).decode() for name, value in values.items()},
    }


@given(st.dictionaries(st.text("abc", min_size=1), st.text("xyz", min_size=8), min_size=1), st.binary(min_size=16))
def test_a_sealed_secret_holds_no_value(values: dict[str, str], key: bytes) -> None:
    original = secret(values, annotation="".join(values.values()))
    text = orjson.dumps(seal(original, key)).decode()
    for encoded in original["data"].values():  # type: ignore[attr-defined]
        assert encoded not in text
    assert not any(value in text for value in values.values())


@given(st.text(min_size=1), st.text(min_size=1), st.binary(min_size=16))
def test_sealed_values_are_equal_exactly_when_the_values_are(left: str, right: str, key: bytes) -> None:
    sealed = [seal(secret({"k": value}), key)["data"]["k"] for value in (left, right)]
    assert (sealed[0] == sealed[1]) == (left == right)


def test_the_digest_of_a_secrets_declaration_cannot_be_guessed_without_the_key() -> None:
    one = Declared(object=secret({"password": "hunter2"}), origin=Origin("a.yaml", 1))
    assert declared_digest(one, b"key") == declared_digest(one, b"key")
    assert declared_digest(one, b"key") != declared_digest(one, b"another")


def test_sealing_twice_is_sealing_once() -> None:
    once = seal(secret({"k": "v"}), b"key")
    assert seal(once, b"key") == once


def test_other_kinds_are_left_alone() -> None:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "v"}}
    assert seal(obj, b"key") is obj


def test_a_masked_change_tells_only_that_there_is_one() -> None:
    change = masked(FieldChange(("data", "password"), "b2xk", "bmV3"))
    assert (change.desired, change.live) == ("*** (before)", "*** (after)")
    added = masked(FieldChange(("data", "password"), ABSENT, "bmV3"))
    assert (added.desired, added.live) == (ABSENT, "*** (after)")
    assert masked(FieldChange(("data",), {"a": "b2xk"}, ABSENT)).desired == {"a": "*** (before)"}
    kept = FieldChange(("metadata", "labels", "app"), "a", "b")
    assert masked(kept) is kept
