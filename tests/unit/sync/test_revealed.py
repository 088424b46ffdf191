"""The drift that steps reveal: its kind, its fields, what is not sure; and never the value of a Secret."""

from __future__ import annotations

import base64
from dataclasses import replace

from kubectl_gitops.diff.additions import AddedField
from kubectl_gitops.diff.attribution import FieldOwner
from kubectl_gitops.diff.compare import FieldChange
from kubectl_gitops.diff.drift import DriftKind, ObjectDrift
from kubectl_gitops.diff.path import ABSENT
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.diff.secrets import MASKED_AFTER
from kubectl_gitops.errors import Rejected
from kubectl_gitops.sync.revealed import drift_in
from kubectl_gitops.sync.steps import Plan, Step, Target
from tests.unit.sync.samples import applied, declared

TARGET = Target(namespace="", name="", label="", default_namespace="shop")
WEB = declared({"a": "1"})
OWNER = FieldOwner(manager="kubectl-edit", operation="Update", subresource="", time="2026-01-01T00:00:00Z")
STEP = Step(kind=ActionKind.UNCHANGED, key=WEB.key, api_version="v1", declared=WEB, live=applied(WEB))
CHANGE = FieldChange(("data", "a"), "1", "2")


def drift_of(step: Step) -> ObjectDrift | None:
    (found,) = drift_in(Plan(target=TARGET, steps=(step,), previous=None))
    return found.drift


def test_what_is_as_declared_is_no_drift() -> None:
    assert drift_of(STEP) is None
    assert drift_of(replace(STEP, kind=ActionKind.TAKE_OVER)) is None


def test_a_field_that_only_our_field_set_loses_is_no_drift() -> None:
    dropped = FieldChange(("data", "b"), ABSENT, "2")
    assert drift_of(replace(STEP, kind=ActionKind.CHANGE, changes=(dropped,))) is None


def test_an_object_is_what_the_gravest_of_its_fields_is() -> None:
    added = (AddedField(("data", "b"), "2", OWNER),)
    only_added = drift_of(replace(STEP, added=added))
    assert only_added
    assert (only_added.kind, [field.kind for field in only_added.fields]) == (DriftKind.ADDED, [DriftKind.ADDED])
    (field,) = only_added.fields
    assert (field.desired, field.live, field.owner, field.confirmed) == (ABSENT, "2", OWNER, True)
    both = drift_of(replace(STEP, kind=ActionKind.CHANGE, changes=(CHANGE,), added=added))
    assert both
    assert both.kind is DriftKind.MODIFIED
    assert [field.kind for field in both.fields] == [DriftKind.MODIFIED, DriftKind.ADDED]


def test_what_was_added_stands_where_it_is_in_the_live_tree() -> None:
    live = {**applied(WEB), "data": {"a": "1", "b": "2"}}
    drift = drift_of(replace(STEP, live=live, added=(AddedField(("data", "b"), "2", OWNER),)))
    assert drift
    assert drift.desired
    assert drift.live
    assert (drift.desired["data"], drift.live["data"]) == ({"a": "1"}, {"a": "1", "b": "2"})


def test_what_is_not_confirmed_is_marked() -> None:
    drift = drift_of(replace(STEP, kind=ActionKind.CHANGE, changes=(CHANGE,), confirmed=False))
    assert drift
    assert [field.confirmed for field in drift.fields] == [False]
    assert drift.desired
    assert drift.live
    assert (drift.desired["data"], drift.live["data"]) == ({"a": "1"}, {"a": "1"})


def test_an_object_that_cannot_be_judged_does_differ_and_says_why() -> None:
    refused = replace(STEP, kind=ActionKind.CHANGE, confirmed=False)
    for step in (replace(refused, note="field is immutable"), replace(refused, error=Rejected("field is immutable"))):
        drift = drift_of(step)
        assert drift
        assert (drift.kind, drift.fields, drift.note) == (DriftKind.MODIFIED, (), "field is immutable")


def test_no_value_of_a_secret_is_in_it_whoever_says_it() -> None:
    value = base64.b64encode(b"geheim-und-lang").decode()
    login = declared({"password": value}, kind="Secret")
    step = Step(
        kind=ActionKind.CHANGE,
        key=login.key,
        api_version="v1",
        declared=login,
        live=applied(declared({"password": "YW5kZXJz"}, kind="Secret")),
        changes=(FieldChange(("data", "password"), value, "YW5kZXJz"),),
        added=(AddedField(("data", "added"), "bm9jaCBlaW5z", OWNER),),
        confirmed=False,
        note=f"a webhook that talks: {value} is geheim-und-lang, not YW5kZXJz",
    )
    drift = drift_of(step)
    assert drift
    for word in (value, "geheim-und", "YW5kZXJz", "bm9jaCBlaW5z"):
        assert word not in repr(drift)
    assert drift.note == "a webhook that talks: *** is ***, not ***"
    assert [field.live for field in drift.fields] == [MASKED_AFTER, MASKED_AFTER]
