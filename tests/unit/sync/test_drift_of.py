"""How one object differs from what was synced, and who made it so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubectl_gitops.api.objects import Object, Origin
from kubectl_gitops.diff.drift import DriftKind
from kubectl_gitops.diff.ignore import rules_of
from kubectl_gitops.diff.path import ABSENT
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.diff.secrets import MASKED_AFTER
from kubectl_gitops.sync.drift import Judged, drift_of
from tests.unit.sync.samples import KEY, applied, changed, declared, entry_of

WEB = declared({"a": "1", "b": "2"}, line=7)
LIVE = applied(WEB)
RULES = Rules()
ENTRY = entry_of(WEB, LIVE)


def test_what_is_as_synced_has_not_drifted() -> None:
    assert drift_of(ENTRY, LIVE, KEY, RULES).drift is None
    assert drift_of(ENTRY, changed(LIVE, version=6, by="some-controller", c="undeclared"), KEY, RULES) == Judged()


def test_each_field_is_named_with_both_values_and_who_set_it() -> None:
    drift = drift_of(ENTRY, changed(LIVE, version=6, a="x", b=None), KEY, RULES).drift
    assert drift is not None
    assert (drift.kind, drift.origin) == (DriftKind.MODIFIED, Origin("web.yaml", 7))
    first, second = drift.fields
    assert (first.path, first.desired, first.live) == (("data", "a"), "1", "x")
    assert first.owner
    assert (first.owner.manager, first.owner.time) == ("kubectl-edit", "2026-01-01T00:00:00Z")
    assert (second.path, second.desired, second.live, second.owner) == (("data", "b"), "2", ABSENT, None)
    assert drift.desired == {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1", "b": "2"}}
    assert drift.live == {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "x"}}


def test_what_is_gone_is_missing_whether_its_form_is_known_or_not() -> None:
    for entry in (ENTRY, entry_of(WEB)):
        drift = drift_of(entry, None, KEY, RULES).drift
        assert drift is not None
        assert (drift.kind, drift.fields, drift.live) == (DriftKind.MISSING, (), None)


def test_where_the_form_is_not_known_nothing_that_is_there_has_drifted() -> None:
    assert drift_of(entry_of(WEB), changed(LIVE, version=6, a="x"), KEY, RULES).drift is None


def test_values_of_secrets_appear_nowhere() -> None:
    login = declared({"password": "Z2VoZWlt", "user": "amFuZQ=="}, kind="Secret")
    live = applied(login)
    entry = entry_of(login, live)
    assert drift_of(entry, live, KEY, RULES).drift is None
    drift = drift_of(entry, changed(live, version=6, password="YnktaGFuZA=="), KEY, RULES).drift
    assert drift is not None
    (field,) = drift.fields
    assert field.path == ("data", "password")
    for value in ("Z2VoZWlt", "YnktaGFuZA==", "amFuZQ=="):
        assert value not in repr(drift)


# What Git does not declare


def test_what_a_person_added_is_named_with_who_added_it() -> None:
    drift = drift_of(ENTRY, changed(LIVE, version=6, c="undeclared"), KEY, RULES).drift
    assert drift is not None
    assert drift.kind is DriftKind.ADDED
    assert not drift.is_restorable
    (field,) = drift.fields
    assert (field.kind, field.path, field.desired, field.live) == (DriftKind.ADDED, ("data", "c"), ABSENT, "undeclared")
    assert field.owner
    assert field.owner.manager == "kubectl-edit"
    assert drift.live == {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1", "b": "2", "c": "undeclared"}}


def test_an_object_is_what_the_gravest_of_its_fields_is() -> None:
    drift = drift_of(ENTRY, changed(LIVE, version=6, a="x", c="undeclared"), KEY, RULES).drift
    assert drift is not None
    assert drift.kind is DriftKind.MODIFIED
    assert [field.kind for field in drift.fields] == [DriftKind.MODIFIED, DriftKind.ADDED]


def test_what_was_applied_under_our_name_and_is_not_declared_is_stale() -> None:
    live = applied(declared({"a": "1", "b": "2", "c": "?"}), version=6)
    drift = drift_of(ENTRY, live, KEY, RULES).drift
    assert drift is not None
    assert (drift.kind, drift.fields[0].path) == (DriftKind.STALE, ("data", "c"))
    assert drift.is_restorable


@pytest.mark.parametrize(
    ("managed_fields", "words"), [([{}], "cleared"), ([], "cleared"), (None, "owns nothing of it")]
)
def test_as_declared_but_never_ours_or_ours_no_more_is_unowned(managed_fields: list[Object] | None, words: str) -> None:
    live = applied(WEB, version=6, by="some-controller")
    if managed_fields is not None:
        live["metadata"]["managedFields"] = managed_fields
    drift = drift_of(ENTRY, live, KEY, RULES).drift
    assert drift is not None
    assert drift.kind is DriftKind.UNOWNED
    assert words in drift.note


def test_added_values_of_secrets_appear_nowhere() -> None:
    login = declared({"user": "amFuZQ=="}, kind="Secret")
    live = applied(login)
    drift = drift_of(entry_of(login, live), changed(live, version=6, token="Z2VoZWlt"), KEY, RULES).drift
    assert drift is not None
    assert drift.fields[0].live == MASKED_AFTER
    assert "Z2VoZWlt" not in repr(drift)


# What does not count


def ignoring(rules: Rules, **data: str) -> Judged:
    return drift_of(ENTRY, changed(LIVE, version=6, **data), KEY, rules)


def test_what_a_rule_ignores_is_listed_apart_with_the_reason() -> None:
    rules = RULES.beside(rules_of([{"kind": "ConfigMap", "jsonPointers": ["/data/a"], "why": "tuned"}], why=""))
    judged = ignoring(rules, a="x")
    assert judged.drift is None
    assert judged.ignored is not None
    assert [(field.path, field.ignored) for field in judged.ignored.fields] == [(("data", "a"), "tuned")]
    both = ignoring(rules, a="x", c="undeclared")
    assert both.drift is not None
    assert both.drift.kind is DriftKind.ADDED
    assert both.ignored is not None


def test_an_object_s_own_annotation_counts_as_git_declares_it_and_no_other() -> None:
    annotated = declared({"a": "1", "b": "2"})
    annotated.object["metadata"]["annotations"] = {"kubectl-gitops.dev/ignore": "/data/a"}
    live = applied(annotated)
    entry = entry_of(annotated, live)
    form = replace(entry.canonical, tree={**entry.canonical.tree, "metadata": annotated.object["metadata"]})  # type: ignore[union-attr, type-var]
    judged = drift_of(replace(entry, canonical=form), changed(live, version=6, a="x"), KEY, RULES)
    assert judged.drift is None
    assert judged.ignored is not None
    by_hand = changed(LIVE, version=6, a="x")
    by_hand["metadata"]["annotations"] = {"kubectl-gitops.dev/ignore": "/data/a"}
    assert drift_of(ENTRY, by_hand, KEY, RULES).drift is not None


def test_the_label_by_which_it_is_watched_cannot_be_ignored() -> None:
    rules = RULES.beside(rules_of([{"jsonPointers": ["/metadata"]}], why="all"))
    of_object = rules.for_object(ENTRY.key, LIVE, {})
    assert of_object.why(("metadata", "labels", "app"), "kubectl") == "all"
    assert of_object.why(("metadata", "labels", "kubectl-gitops.dev/managed-by"), "kubectl") == ""
