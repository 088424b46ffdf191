"""The reconciler's process, under its own RBAC: it restores what drifts, or reports it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import pytest

from kubectl_gitops.api.names import FLOOR_CONTENT
from tests.integration.gitsyncs import (
    LABEL,
    RECONCILER,
    SECONDS,
    Api,
    App,
    Object,
    config_map,
    deployment,
    secret,
)
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import SYSTEM_NAMESPACE, Installation
from tests.testbed.waiting import wait_until


def modify(app: App) -> None:
    app.live.patch("configmaps", "settings", {"data": {"greeting": "by hand"}})


def drop_field(app: App) -> None:
    app.live.patch("configmaps", "settings", {"data": {"greeting": None}})


def drop_label(app: App) -> None:
    app.live.patch("configmaps", "settings", {"metadata": {"labels": {LABEL: None}}})


def change_label(app: App) -> None:
    app.live.patch("configmaps", "settings", {"metadata": {"labels": {LABEL: "somebody.else"}}})


def delete(app: App) -> None:
    app.live.delete("configmaps", "settings")


def wait_restored(app: App, total: int) -> Object:
    def restored() -> Object | None:
        found: Object = app.status.get("restored") or {}
        return found if found.get("total") == total else None

    found = wait_until(restored, SECONDS, f"restore number {total}")
    assert found is not None
    return found


@pytest.mark.parametrize("change", [modify, drop_field, drop_label, change_label, delete])
def test_drift_is_restored_by_one_write(shop: App, change: Callable[[App], None]) -> None:
    mark = shop.plane.audit_mark()
    change(shop)
    assert wait_restored(shop, 1)["object"] == f"ConfigMap/settings in namespace {shop.live.namespace}"
    live = shop.live.get("configmaps", "settings")
    assert live["data"] == {"greeting": "hello", "colour": "red"}
    assert live["metadata"]["labels"][LABEL] == f"{SYSTEM_NAMESPACE}.{shop.name}"
    (write,) = shop.writes(mark)
    assert write["verb"] == "patch"
    assert write["impersonatedUser"]["username"] == RECONCILER
    assert write["impersonatedUser"]["extra"] == {"kubectl-gitops.dev/actor": ["reconciler"]}
    counts = shop.wait_ready()["objects"]
    del counts["unhealthy"]  # whether anything runs pods here is not the question
    assert counts == {
        "total": 2,
        "synced": 2,
        "drifted": 0,
        "missing": 0,
        "added": 0,
        "orphaned": 0,
        "ignored": 0,
    }


def test_what_git_does_not_declare_is_left_alone(shop: App) -> None:
    """The last change shows that the others had been seen by then."""
    mark = shop.plane.audit_mark()
    shop.live.patch("apps/v1/deployments", "web", {"metadata": {"annotations": {"note": "by hand"}}})
    shop.live.patch("apps/v1/deployments", "web/status", {"status": {"observedGeneration": 1, "replicas": 2}})
    shop.live.patch("apps/v1/deployments", "web", {"spec": {"paused": True}})
    shop.live.patch("apps/v1/deployments", "web", {"spec": {"replicas": 7}})
    wait_restored(shop, 1)
    assert len(shop.writes(mark)) == 1
    web = shop.live.get("apps/v1/deployments", "web")
    assert (web["spec"]["replicas"], web["spec"]["paused"]) == (2, True)
    assert web["metadata"]["annotations"]["note"] == "by hand"


def test_nobody_writes_anything_for_a_change_of_the_status(shop: App) -> None:
    """Each restore is told by one write of the status or two, and that leads to no other."""
    mark = shop.plane.audit_mark()
    for count in (1, 2, 3):
        modify(shop)
        wait_restored(shop, count)
    shop.wait_ready()
    assert len(shop.status_writes(mark)) <= 2 * 3
    by_reconciler = [
        event
        for event in shop.plane.audit_events(since=mark)
        if event["user"]["username"] == RECONCILER
        and event["verb"] not in {"get", "list", "watch"}
        and event["objectRef"].get("namespace") == SYSTEM_NAMESPACE
        # It keeps its lease all the while, and an Event tells of a restore. The floor is told what there is to guard,
        # and what an earlier test's GitSync leaves behind is deleted.
        and event["objectRef"]["resource"] not in {"leases", "events"}
        and event["objectRef"].get("name") != FLOOR_CONTENT
        and not (event["objectRef"]["resource"] == "gitsyncs" and event["objectRef"].get("name") != shop.name)
        and not (event["objectRef"]["resource"] == "secrets" and event["verb"] == "delete")
    ]
    assert by_reconciler == shop.status_writes(mark)


def test_a_secret_is_restored_and_its_values_are_shown_nowhere(app: App) -> None:
    app.commit(secret("login", password="from-git"))
    app.create(sync={"selfHeal": False})
    app.wait_ready()
    app.live.patch("secrets", "login", {"stringData": {"password": "by-hand"}})
    (row,) = app.wait_drift(("Modified Secret/login", "data.password"))
    assert row["manager"] == "kubectl-edit"
    assert "by-hand" not in str(app.get())
    app.change({"sync": {"selfHeal": True}})
    wait_until(
        lambda: app.live.get("secrets", "login")["data"]["password"] == "ZnJvbS1naXQ=", SECONDS, "the Secret's value"
    )
    assert "ZnJvbS1naXQ=" not in str(app.snapshots())


# Reporting only


def test_without_self_healing_drift_is_reported_with_who_made_it(app: App, reconciler: Installation) -> None:
    sha = app.commit(config_map("settings", greeting="hello"), config_map("gone"), config_map("unlabelled"))
    app.create(sync={"selfHeal": False})
    app.wait_ready()
    mark = app.plane.audit_mark()
    before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    modify(app)
    app.live.delete("configmaps", "gone")
    app.live.patch("configmaps", "unlabelled", {"metadata": {"labels": {LABEL: None}}})
    drift = (
        ("Missing ConfigMap/gone", ""),
        ("Modified ConfigMap/settings", "data.greeting"),
        ("Modified ConfigMap/unlabelled", "metadata.labels"),
    )
    rows = {row["object"]: row for row in app.wait_drift(*drift)}
    assert rows["ConfigMap/settings"]["manager"] == "kubectl-edit"
    assert rows["ConfigMap/settings"]["namespace"] == app.live.namespace
    assert all(row["since"] >= before for row in rows.values())
    status = app.status
    del status["objects"]["unhealthy"]
    assert status["objects"] == {
        "total": 3,
        "synced": 0,
        "drifted": 2,
        "missing": 1,
        "added": 0,
        "orphaned": 0,
        "ignored": 0,
    }
    assert app.condition("Drifted")["status"] == "True"
    assert app.condition("Synced")["status"] == "True"
    assert (app.condition("Ready")["status"], app.condition("Ready")["reason"]) == ("False", "Drifted")
    oldest = min(row["since"] for row in rows.values())
    assert app.condition("Drifted")["message"] == f"3 of 3 objects are not as Git says, since {oldest}"
    # Neither settings that are none of the sync's, nor a restart, make it a sync.
    app.change({"enforcement": {"mode": "Off"}})
    app.wait_observed()
    assert reconciler.stop_reconciler() == 0
    reconciler.start_reconciler()
    app.live.patch("configmaps", "settings", {"data": {"greeting": "hello"}})
    again = app.wait_drift(*(row for row in drift if "settings" not in row[0]))
    assert all(row["since"] == rows[row["object"]]["since"] for row in again)
    modify(app)
    app.wait_drift(*drift)
    assert app.writes(mark) == []
    app.change({"sync": {"selfHeal": True}})
    assert app.wait_ready()["drift"] == []
    assert app.live.data("settings") == {"greeting": "hello"}
    assert app.live.names("configmaps") == {"gone", "settings", "unlabelled"}
    app.wait_synced(sha)


def test_what_somebody_mends_is_reported_no_longer(app: App) -> None:
    app.commit(config_map("settings", greeting="hello"))
    app.create(sync={"selfHeal": False})
    app.wait_ready()
    modify(app)
    app.wait_drift(("Modified ConfigMap/settings", "data.greeting"))
    app.live.patch("configmaps", "settings", {"data": {"greeting": "hello"}})
    app.wait_drift()
    app.wait_ready()


def test_while_suspended_nothing_is_synced_or_restored(shop: App) -> None:
    shop.change({"suspend": True})
    shop.wait_observed()
    mark = shop.plane.audit_mark()
    modify(shop)
    shop.wait_drift(("Modified ConfigMap/settings", "data.greeting"))
    sha = shop.commit(config_map("settings", greeting="new"), deployment("web"))
    wait_until(lambda: sha[:8] in shop.condition("Synced")["message"], SECONDS, "the commit to be seen")
    assert shop.condition("Synced")["reason"] == "Suspended"
    assert shop.writes(mark) == []
    shop.change({"suspend": False})
    shop.wait_synced(sha)
    assert shop.live.data("settings") == {"greeting": "new"}
    shop.wait_ready()


# Objects on their way out


def test_a_terminating_object_is_left_alone_and_comes_back_afterwards(shop: App) -> None:
    finalizers = {"metadata": {"finalizers": ["example.com/hold"]}}
    uid = shop.live.patch("configmaps", "settings", finalizers)["metadata"]["uid"]
    mark = shop.plane.audit_mark()
    shop.live.delete("configmaps", "settings")
    shop.live.patch("apps/v1/deployments", "web", {"spec": {"replicas": 7}})
    wait_restored(shop, 1)
    shop.live.patch("configmaps", "settings", {"metadata": {"finalizers": []}})
    wait_restored(shop, 2)
    live = shop.live.get("configmaps", "settings")
    assert live["metadata"]["uid"] != uid
    assert live["data"] == {"greeting": "hello", "colour": "red"}
    assert [event["objectRef"]["name"] for event in shop.writes(mark)] == ["web", "settings"]


def test_a_namespace_that_is_deleted_comes_back_with_what_is_in_it(controller_manager: ControlPlane, app: App) -> None:
    """One of the namespaces is declared in Git, the other is made again by hand."""
    own, other = f"{app.live.namespace}-own", f"{app.live.namespace}-other"
    app.plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": other}})
    declared = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": own}}
    inside = [config_map("a"), config_map("b")]
    for obj, namespace in zip(inside, (own, other), strict=True):
        obj["metadata"]["namespace"] = namespace
    app.commit(declared, *inside)
    app.create()
    app.wait_ready()
    uid = app.plane.request("GET", f"/api/v1/namespaces/{own}")["metadata"]["uid"]
    app.plane.kubectl("delete", "namespace", own, other)
    app.plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": other}})
    # The status may still be that of before the deletion; the objects are what counts.
    for name, namespace in (("a", own), ("b", other)):
        place = Api(app.plane, namespace)
        wait_until(partial(place.data, name), SECONDS, f"{name} to be restored")
        assert place.data(name) == {"key": "git"}
    assert app.plane.request("GET", f"/api/v1/namespaces/{own}")["metadata"]["uid"] != uid
    app.wait_ready()
    app.delete()
    app.plane.kubectl("delete", "namespace", own, other, "--wait=false")


# Those who keep changing it


def test_somebody_who_keeps_changing_an_object_is_named_until_he_stops(shop: App) -> None:
    def value() -> str:
        return str(shop.live.data("settings")["greeting"])

    for _ in range(11):
        shop.live.patch("configmaps", "settings", {"data": {"greeting": "theirs"}}, manager="some-operator")
        wait_until(lambda: value() == "hello", SECONDS, "the restore")

    def told() -> Object:
        condition = shop.condition("Fighting")
        assert condition.get("status") == "True"
        return condition

    name = f"ConfigMap/settings in namespace {shop.live.namespace}"
    assert f"{name}: some-operator changes data.greeting" in wait_until(told, SECONDS, "the fight")["message"]
    # Nobody else waits for it.
    shop.live.delete("apps/v1/deployments", "web")
    wait_until(lambda: shop.live.find("apps/v1/deployments", "web"), SECONDS, "the other object")
    wait_until(lambda: not shop.condition("Fighting"), SECONDS, "the fight to be over")
    assert value() == "hello"
    shop.wait_ready()
