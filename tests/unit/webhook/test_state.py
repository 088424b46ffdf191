"""The handlers of the watches; the watches themselves run in the integration tests."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kubectl_gitops.api.gitsync import EnforcementMode
from kubectl_gitops.api.names import API_VERSION
from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.diff.ignore import Place
from kubectl_gitops.diff.rules import scaled_by
from kubectl_gitops.snapshot.codec import encode
from tests.unit.webhook.cases import LABEL, declared, entry, snapshot
from webhook.requester import Exemption
from webhook.state import _Owners, _SealingKey, _Snapshots, autoscaled_by, read_owner
from webhook.view import View, labels_by_namespace

LABEL_OF_OTHER = "gitops-system.other"


class Published:
    """Takes what a handler publishes."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def __call__(self, part: str, value: Any) -> None:
        assert part in View.__slots__
        self.values.append(value)


def gitsync(mode: str = "Enforce", *, generation: int = 1, name: str = "shop", uid: str = "u", **spec: Any) -> Object:
    return {
        "apiVersion": API_VERSION,
        "kind": "GitSync",
        "metadata": {"name": name, "namespace": "gitops-system", "generation": generation, "uid": uid},
        "spec": {"source": {"repoURL": "https://git.example.org/x"}, "enforcement": {"mode": mode}, **spec},
    }


def test_the_mode_is_read_from_the_gitsync() -> None:
    for mode in EnforcementMode:
        assert read_owner(gitsync(mode.value)).mode is mode


def test_a_gitsync_without_a_mode_enforces() -> None:
    obj = gitsync()
    del obj["spec"]["enforcement"]
    assert read_owner(obj).mode is EnforcementMode.ENFORCE


def test_a_gitsync_that_is_being_deleted_keeps_nothing_any_more() -> None:
    published = Published()
    owners = _Owners(published)
    owners.replaced([gitsync(), gitsync(name="other")], "1")
    ending = gitsync(generation=2)
    ending["metadata"]["deletionTimestamp"] = "2026-11-01T10:00:00Z"
    owners.changed(ending)
    assert [sorted(known) for known in published.values] == [
        [LABEL_OF_OTHER, LABEL],
        [LABEL_OF_OTHER],
    ]
    owners.changed(ending)
    assert len(published.values) == 2
    owners.replaced([ending], "2")
    assert published.values[-1] == {}


@pytest.mark.parametrize("spec", [{"enforcement": {"mode": "off"}}, {"source": {}}, {"unknown": 1}, {"enforcement": 3}])
def test_a_gitsync_that_is_not_valid_enforces(spec: Object) -> None:
    assert read_owner(gitsync("Off", **spec)).mode is EnforcementMode.ENFORCE


def test_exemptions_and_additions_are_read_from_the_gitsync() -> None:
    exempt = [{"users": ["bob"], "serviceAccounts": ["a/*"], "fields": ["/spec/replicas"]}]
    owner = read_owner(gitsync(enforcement={"additions": "deny", "exempt": exempt}))
    assert owner.deny_additions
    assert owner.exempt == (
        Exemption(users=("bob",), service_accounts=("a/*",), places=(Place.parse("/spec/replicas"),)),
    )
    assert (read_owner(gitsync()).deny_additions, read_owner(gitsync()).exempt) == (False, ())


def test_what_autoscalers_scale_is_known_by_its_key() -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    autoscaler = {"metadata": {"name": "load", "namespace": "shop"}, "spec": {"scaleTargetRef": target}}
    assert autoscaled_by(scaled_by([autoscaler])) == {
        ResourceKey("apps", "Deployment", "shop", "web"): "HorizontalPodAutoscaler load scales it"
    }


def test_snapshots_are_found_by_the_namespaces_that_they_declare_in() -> None:
    elsewhere = declared()
    elsewhere["metadata"]["namespace"] = "ops"
    wide = declared()
    del wide["metadata"]["namespace"]
    found = labels_by_namespace(
        {"b": snapshot([entry(declared()), entry(elsewhere), entry(wide)]), "a": snapshot([entry(declared())])}
    )
    assert found == {"shop": ("a", "b"), "ops": ("b",)}


def test_suspending_a_gitsync_does_not_suspend_enforcement() -> None:
    assert read_owner(gitsync("Enforce", suspend=True)).mode is EnforcementMode.ENFORCE


def test_gitsyncs_come_change_and_go() -> None:
    published = Published()
    handler = _Owners(published)
    handler.replaced([gitsync("Warn")], "1")
    handler.changed(gitsync("Off", generation=2))
    handler.changed(gitsync("Warn", name="cart"))
    handler.deleted(gitsync("Off"))
    assert [{label: owner.mode.value for label, owner in owners.items()} for owners in published.values] == [
        {LABEL: "Warn"},
        {LABEL: "Off"},
        {LABEL: "Off", "gitops-system.cart": "Warn"},
        {"gitops-system.cart": "Warn"},
    ]


def test_a_change_of_status_publishes_nothing() -> None:
    published = Published()
    handler = _Owners(published)
    handler.replaced([gitsync()], "1")
    handler.changed(gitsync() | {"status": {"observedGeneration": 1}})
    handler.changed(gitsync(generation=2, suspend=True))
    assert len(published.values) == 1


def test_a_gitsync_that_was_made_anew_is_read_anew() -> None:
    published = Published()
    handler = _Owners(published)
    handler.replaced([gitsync("Enforce")], "1")
    handler.changed(gitsync("Off", uid="another"))
    assert published.values[-1][LABEL].mode is EnforcementMode.OFF


def test_published_values_do_not_change_any_more() -> None:
    published = Published()
    handler = _Owners(published)
    handler.replaced([gitsync()], "1")
    handler.deleted(gitsync())
    assert set(published.values[0]) == {LABEL}


def test_snapshots_are_published_when_they_change() -> None:
    published = Published()
    handler = _Snapshots(published)
    (chunk,) = encode(snapshot([entry(declared())]), namespace="gitops-system")
    handler.replaced([], "1")
    handler.changed(chunk)
    handler.changed(chunk)
    handler.deleted(chunk)
    assert [set(value) for value in published.values] == [set(), {LABEL}, set()]


def test_the_sealing_key_is_read_when_it_appears() -> None:
    published = Published()
    handler = _SealingKey(published)
    secret = {"data": {"key": base64.b64encode(b"k" * 32).decode()}}
    handler.replaced([], "1")
    handler.changed(secret)
    handler.changed({"data": {"key": "not base64"}})
    handler.changed({"data": None})
    handler.replaced([secret], "1")
    handler.deleted(secret)
    assert published.values == [None, b"k" * 32, None, None, b"k" * 32, None]
