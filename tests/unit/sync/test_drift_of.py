"""How one object differs from what was synced, and who made it so."""

from __future__ import annotations

from kubectl_gitops.api.objects import Origin
from kubectl_gitops.diff.drift import DriftKind
from kubectl_gitops.diff.path import ABSENT
from kubectl_gitops.sync.drift import drift_of
from tests.unit.sync.samples import KEY, applied, changed, declared, entry_of

WEB = declared({"a": "1", "b": "2"}, line=7)
LIVE = applied(WEB)
ENTRY = entry_of(WEB, LIVE)


def test_what_is_as_synced_has_not_drifted() -> None:
    assert drift_of(ENTRY, LIVE, KEY) is None
    assert drift_of(ENTRY, changed(LIVE, version=6, c="undeclared"), KEY) is None


def test_each_field_is_named_with_both_values_and_who_set_it() -> None:
    drift = drift_of(ENTRY, changed(LIVE, version=6, a="x", b=None), KEY)
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
        drift = drift_of(entry, None, KEY)
        assert drift is not None
        assert (drift.kind, drift.fields, drift.live) == (DriftKind.MISSING, (), None)


def test_where_the_form_is_not_known_nothing_that_is_there_has_drifted() -> None:
    assert drift_of(entry_of(WEB), changed(LIVE, version=6, a="x"), KEY) is None


def test_values_of_secrets_appear_nowhere() -> None:
    login = declared({"password": "Z2VoZWlt", "user": "amFuZQ=="}, kind="Secret")
    live = applied(login)
    entry = entry_of(login, live)
    assert drift_of(entry, live, KEY) is None
    drift = drift_of(entry, changed(live, version=6, password="YnktaGFuZA=="), KEY)
    assert drift is not None
    (field,) = drift.fields
    assert field.path == ("data", "password")
    for value in ("Z2VoZWlt", "YnktaGFuZA==", "amFuZQ=="):
        assert value not in repr(drift)
