"""Deleting, suspending and resuming GitSyncs, by kubectl gitops and by plain kubectl, with the reconciler's process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.commandline import CommandLine
from tests.integration.gitsyncs import LABEL, SECONDS, App, Object, config_map, deployment, new_repository
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import Installation
from tests.testbed.waiting import wait_until

SYSTEM = ("-n", "gitops-system")


@pytest.fixture
def gitops(control_plane: ControlPlane, tmp_path: Path) -> CommandLine:
    return CommandLine(control_plane, tmp_path)


def annotated(obj: Object, **annotations: str) -> Object:
    obj["metadata"]["annotations"] = {f"kubectl-gitops.dev/{name}": value for name, value in annotations.items()}
    return obj


def managers(obj: Object) -> set[str]:
    return {entry["manager"] for entry in obj["metadata"].get("managedFields", [])}


# Orphan


def test_orphaned_objects_stay_and_are_nobody_s(shop: App, gitops: CommandLine) -> None:
    shop.live.patch("configmaps", "settings", {"metadata": {"annotations": {"note": "by hand"}}})
    done = gitops("delete", shop.name, *SYSTEM, "--cascade=orphan")
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    whose = f"of GitSync {SYSTEM[1]}/{shop.name}"
    assert first == f"2 objects (1 ConfigMap, 1 Deployment) {whose} stay, and are managed by nobody any more"
    assert last == f"GitSync {SYSTEM[1]}/{shop.name} deleted"
    assert not shop.exists
    assert not shop.snapshots()
    for kind, name in (("configmaps", "settings"), ("apps/v1/deployments", "web")):
        left = shop.live.get(kind, name)
        assert LABEL not in (left["metadata"].get("labels") or {})
        assert "kubectl-gitops" in managers(left)  # who declares it next must know what the last one had set
    settings = shop.live.get("configmaps", "settings")
    assert settings["data"] == {"greeting": "hello", "colour": "red"}
    assert settings["metadata"]["annotations"] == {"note": "by hand"}
    assert "kubectl-edit" in managers(settings)  # what others own stays theirs


def test_plain_kubectl_orphans_unless_the_spec_says_otherwise(shop: App) -> None:
    shop.plane.kubectl("delete", "gitsync", shop.name, *SYSTEM)
    assert not shop.exists
    assert shop.live.data("settings")
    assert shop.live.names("configmaps") == set()


def test_what_another_gitsync_has_taken_over_is_left_alone(shop: App) -> None:
    shop.change({"suspend": True, "deletionPolicy": "Foreground"})
    shop.wait_observed()
    shop.live.patch("configmaps", "settings", {"metadata": {"labels": {LABEL: "team.other"}}}, manager="other")
    shop.delete()
    shop.wait_gone()
    assert shop.live.get("configmaps", "settings")["metadata"]["labels"] == {LABEL: "team.other"}
    assert shop.live.find("apps/v1/deployments", "web") is None


# Foreground


def test_foreground_deletes_all_but_what_is_to_stay(app: App, gitops: CommandLine) -> None:
    claim: Object = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    sha = app.commit(
        config_map("settings"),
        deployment("web"),
        annotated(config_map("kept"), prune="disabled"),
        claim,
        annotated(claim | {"metadata": {"name": "scratch"}}, prune="allowed"),
    )
    app.create()
    app.wait_synced(sha)
    done = gitops("delete", app.name, *SYSTEM, "--cascade=foreground")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == (
        f"with GitSync {SYSTEM[1]}/{app.name}, 3 objects (1 ConfigMap, 1 Deployment, 1 PersistentVolumeClaim) "
        "will be deleted"
    )
    where = f"in namespace {app.live.namespace}"
    assert f"ConfigMap/kept {where} stays: kubectl-gitops.dev/prune: disabled" in lines
    assert (
        f"PersistentVolumeClaim/data {where} stays: a PersistentVolumeClaim goes only with "
        "kubectl-gitops.dev/prune: allowed in Git"
    ) in lines
    assert not app.exists
    assert app.live.find("configmaps", "settings") is None
    assert app.live.find("apps/v1/deployments", "web") is None
    for kind, name in (("configmaps", "kept"), ("persistentvolumeclaims", "data")):
        assert LABEL not in (app.live.get(kind, name)["metadata"].get("labels") or {})
    wait_until(
        lambda: (app.live.find("persistentvolumeclaims", "scratch") or {"metadata": {"deletionTimestamp": "now"}})[
            "metadata"
        ].get("deletionTimestamp"),
        SECONDS,
        "the claim to go",
    )


def test_it_is_deleted_in_reverse_and_waits_for_finalizers(app: App, gitops: CommandLine) -> None:
    app.commit(config_map("settings"), deployment("web"))
    app.create(deletionPolicy="Foreground")
    app.wait_ready()
    held = {"metadata": {"finalizers": ["example.com/hold"]}}
    app.live.patch("apps/v1/deployments", "web", held, manager="controller")
    app.delete()

    def waits() -> bool:
        found = app.condition("Reconciling")
        assert found.get("reason") == "Deleting", found
        assert f"Deployment/web in namespace {app.live.namespace} (example.com/hold" in found["message"], found
        return True

    wait_until(waits, SECONDS, "the status to say what holds it")
    assert app.live.data("settings")  # needed by what is still there
    assert "is being deleted: 2 of 2 objects are still there" in gitops.ok("status", app.name, *SYSTEM)
    app.live.patch("apps/v1/deployments", "web", {"metadata": {"finalizers": None}}, manager="controller")
    app.wait_gone()
    assert app.live.find("configmaps", "settings") is None


def test_nothing_is_restored_while_it_is_being_deleted(app: App) -> None:
    app.commit(*(config_map(f"c{number:02}") for number in range(30)))
    app.create(deletionPolicy="Foreground")
    app.wait_ready()
    for number in range(0, 30, 3):
        app.live.delete("configmaps", f"c{number:02}")  # restores begin
    app.delete()
    app.wait_gone()
    assert app.live.names("configmaps") == set()


# The rights of the account


@pytest.fixture
def tenant(control_plane: ControlPlane, reconciler: Installation, namespace: str, tmp_path: Path) -> Iterator[App]:
    made = App(control_plane, namespace, new_repository(tmp_path), namespace=namespace)
    yield made
    made.delete()
    made.wait_gone()


def test_what_the_account_may_not_delete_holds_the_gitsync_until_a_person_decides(tenant: App) -> None:
    kubectl, where = tenant.plane.kubectl, ("-n", tenant.namespace)
    kubectl("create", "serviceaccount", "deployer", *where)
    kubectl("create", "role", "deployer", *where, "--verb=get,create,patch", "--resource=configmaps")
    account = f"--serviceaccount={tenant.namespace}:deployer"
    kubectl("create", "rolebinding", "deployer", *where, "--role=deployer", account)
    tenant.commit(config_map("settings"))
    tenant.create(serviceAccountName="deployer", deletionPolicy="Foreground")
    tenant.wait_ready()
    tenant.delete()
    stalled = wait_until(lambda: tenant.condition("Stalled"), SECONDS, "the reason")
    assert stalled["reason"] == "Deleting"
    assert f"ConfigMap/settings in namespace {tenant.namespace} cannot be deleted: " in stalled["message"]
    assert "kubectl patch gitsync" in stalled["message"]
    tenant.change({"deletionPolicy": "Orphan"})
    tenant.wait_gone()
    assert tenant.live.names("configmaps") == set()
    assert tenant.live.data("settings")


# Without a reconciler


def test_without_a_reconciler_it_says_so_and_local_does_it(
    shop: App, reconciler: Installation, gitops: CommandLine
) -> None:
    assert reconciler.stop_reconciler() == 0
    try:
        done = gitops("delete", shop.name, *SYSTEM, "--cascade=foreground", "--timeout", "300ms")
        assert done.returncode == 2
        assert "no reconciler has taken notice within" in done.stderr
        assert "--local does it from here" in done.stderr
        assert shop.live.data("settings")
        done = gitops("delete", shop.name, *SYSTEM, "--local")
        assert (done.returncode, done.stderr) == (0, "")
        assert not shop.exists
        assert not shop.snapshots()
        assert shop.live.find("configmaps", "settings") is None
    finally:
        reconciler.start_reconciler()
    shop.create()
    shop.wait_ready()  # which shows that it runs


def test_local_releases_as_well(shop: App, reconciler: Installation, gitops: CommandLine) -> None:
    assert reconciler.stop_reconciler() == 0
    try:
        assert "stay, and are managed by nobody" in gitops.ok("delete", shop.name, *SYSTEM, "--local")
        assert not shop.exists
        assert shop.live.names("configmaps") == set()
        assert shop.live.data("settings")
    finally:
        reconciler.start_reconciler()
    shop.create()
    shop.wait_ready()  # which shows that it runs


# Suspend and resume


def test_suspended_it_writes_nothing_and_says_why(shop: App, gitops: CommandLine) -> None:
    name = f"GitSync {SYSTEM[1]}/{shop.name}"
    assert gitops.ok("suspend", shop.name, *SYSTEM, "--reason", "INC-42") == f"{name} suspended\n"
    assert gitops.ok("suspend", shop.name, *SYSTEM) == f"{name} is suspended already\n"
    shop.wait_observed()
    shop.live.patch("configmaps", "settings", {"data": {"greeting": "by hand"}})
    shop.wait_drift(("Modified ConfigMap/settings", "data.greeting"))
    status = gitops.ok("status", shop.name, *SYSTEM)
    assert "Enforce (suspended)" in status
    assert f"{shop.name}: suspended: INC-42" in status
    assert shop.live.data("settings")["greeting"] == "by hand"
    assert gitops.ok("resume", shop.name, *SYSTEM) == f"{name} resumed\n"
    shop.wait_ready()
    assert shop.live.data("settings")["greeting"] == "hello"
    assert "INC-42" not in gitops.ok("status", shop.name, *SYSTEM)
    assert gitops.ok("resume", shop.name, *SYSTEM) == f"{name} is not suspended\n"


def test_all_names_each_gitsync_of_the_namespace(shop: App, gitops: CommandLine) -> None:
    assert f"GitSync {SYSTEM[1]}/{shop.name} suspended\n" in gitops.ok("suspend", "--all", *SYSTEM)
    assert shop.get()["spec"]["suspend"] is True
    gitops.ok("resume", "--all", *SYSTEM)
    refused = gitops.refused("suspend", *SYSTEM)
    assert refused.error == "give the names of GitSyncs, or --all"
    refused = gitops.refused("suspend", "absent", shop.name, *SYSTEM)
    assert refused.error.startswith("no GitSync absent in namespace gitops-system")
