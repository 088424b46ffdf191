"""The reconciler's process, under its own RBAC: restarts, crashes, Git away; GitSyncs that come and go; accounts."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.gitsyncs import (
    LABEL,
    SECONDS,
    App,
    Object,
    config_map,
    deployment,
    holding_up,
    new_repository,
    secret,
)
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import Installation
from tests.testbed.waiting import wait_until

# Git away


def test_while_git_is_away_healing_goes_on(shop: App) -> None:
    with shop.git_unreachable():
        shop.wait_failed("SourceError", "cannot reach repository")
        assert shop.condition("Ready")["status"] == "False"
        assert not shop.condition("Stalled")
        shop.live.delete("configmaps", "settings")
        wait_until(lambda: shop.live.data("settings"), SECONDS, "the ConfigMap to be restored")
    shop.wait_ready()
    assert shop.condition("Synced")["message"].endswith(": 2 objects")


def test_after_a_restart_without_git_all_but_values_of_secrets_is_restored(app: App, reconciler: Installation) -> None:
    app.commit(config_map("settings"), deployment("web"), secret("login", password="from-git"))
    app.create()
    status = app.wait_ready()
    assert reconciler.stop_reconciler() == 0
    shutil.rmtree(Path(reconciler.reconciler_command()[4]))
    with app.git_unreachable():
        app.live.delete("configmaps", "settings")
        app.live.patch("apps/v1/deployments", "web", {"spec": {"replicas": 7}})
        app.live.patch("secrets", "login", {"stringData": {"password": "by-hand"}})
        reconciler.start_reconciler()
        wait_until(lambda: (app.status.get("restored") or {}).get("total") == 2, SECONDS, "two restores")
        (row,) = app.wait_drift(("Modified Secret/login", "data.password"))
        assert row["manager"] == "kubectl-edit"
        assert app.live.data("settings") == {"key": "git"}
        assert app.live.get("apps/v1/deployments", "web")["spec"]["replicas"] == 2
        assert app.status["synced"] == status["synced"]
        wait_until(lambda: "its values are only in Git" in reconciler.log("reconciler", 100), SECONDS, "the reason")
        # What happens from now on is told by the watch.
        app.live.delete("configmaps", "settings")
        wait_until(lambda: app.live.data("settings"), SECONDS, "the ConfigMap to be restored again")
    app.wait_ready()
    assert app.live.get("secrets", "login")["data"]["password"] == "ZnJvbS1naXQ="


# Restarts


def without_health(status: Object) -> Object:
    """What the reconciler tells of its own work: how far the Deployment's controller has got is another's."""
    told = {name: status[name] for name in ("drift", "synced", "inventoryRef")}
    objects = {name: count for name, count in status["objects"].items() if name != "unhealthy"}
    return {**told, "objects": objects, "conditions": [c for c in status["conditions"] if c["type"] != "Healthy"]}


def test_a_restart_changes_nothing(shop: App, reconciler: Installation) -> None:
    status, chunks = shop.status, shop.snapshots()
    mark = shop.plane.audit_mark()
    assert reconciler.stop_reconciler() == 0
    reconciler.start_reconciler()
    shop.live.delete("configmaps", "settings")  # that it is restored shows that the process runs
    wait_until(lambda: (shop.status.get("restored") or {}).get("total") == 1, SECONDS, "a restore")
    assert without_health(shop.wait_ready()) == without_health(status)
    assert shop.snapshots() == chunks
    assert [event["objectRef"]["name"] for event in shop.writes(mark)] == ["settings"]


def test_killed_half_way_through_a_sync_nothing_is_orphaned(app: App, reconciler: Installation) -> None:
    app.commit(config_map("old"))
    app.create()
    app.wait_ready()
    names = [f"new-{n}" for n in range(20)]
    with holding_up(app.plane, app.live.namespace, names="last"):
        app.commit(*(config_map(name) for name in names), config_map("last"), deployment("web"))
        wait_until(lambda: set(names) <= app.live.names("configmaps"), SECONDS, "half of the sync")
        assert reconciler.stop_reconciler(grace_seconds=0) < 0
    assert "last" not in app.live.names("configmaps")
    # The next commit declares hardly any of what the killed process made.
    sha = app.commit(config_map("new-0"), config_map("last"))
    reconciler.start_reconciler()
    app.wait_synced(sha)
    assert app.live.names("configmaps") == {"new-0", "last"}
    assert app.live.names("apps/v1/deployments") == set()
    app.wait_ready()


def test_sigterm_half_way_through_a_sync_ends_it_soon_and_well(app: App, reconciler: Installation) -> None:
    names = [f"c{n:03}" for n in range(100)]
    with holding_up(app.plane, app.live.namespace, names="held"):
        sha = app.commit(*(config_map(name) for name in names), config_map("held"))
        app.create()
        wait_until(lambda: app.live.names("configmaps"), SECONDS, "the sync to have begun")
        assert reconciler.stop_reconciler(grace_seconds=10) == 0
    reconciler.start_reconciler()
    app.wait_synced(sha)
    assert app.live.names("configmaps") == {*names, "held"}


# GitSyncs that come and go


def test_of_a_deleted_gitsync_the_objects_stay_and_the_snapshots_go(shop: App) -> None:
    before = shop.live.get("configmaps", "settings")
    shop.delete()
    shop.wait_gone()
    assert not shop.snapshots()
    released = shop.live.get("configmaps", "settings")
    assert (released["metadata"]["uid"], released["data"]) == (before["metadata"]["uid"], before["data"])
    assert shop.live.names("configmaps") == shop.live.names("apps/v1/deployments") == set()
    shop.live.patch("configmaps", "settings", {"data": {"greeting": "by hand"}})
    # Under the same name again: it takes over what is there.
    shop.create()
    shop.wait_ready()
    assert shop.live.data("settings")["greeting"] == "hello"
    assert shop.live.get("configmaps", "settings")["metadata"]["uid"] == before["metadata"]["uid"]
    shop.live.delete("apps/v1/deployments", "web")
    wait_until(lambda: shop.live.find("apps/v1/deployments", "web"), SECONDS, "the restore")


def test_deleted_and_made_anew_it_does_not_prune_what_only_the_old_one_declared(shop: App) -> None:
    (old,) = {chunk["metadata"]["labels"]["kubectl-gitops.dev/gitsync-uid"] for chunk in shop.snapshots()}
    sha = shop.repository.commit({"all.yaml": "# moved\n", "web.yaml": (shop.repository.path / "all.yaml").read_text()})
    shop.wait_synced(sha)
    shop.delete()
    shop.wait_gone()
    shop.commit(config_map("settings"), web=None)
    shop.create()
    shop.wait_ready()
    assert shop.live.find("apps/v1/deployments", "web")
    assert shop.live.data("settings") == {"key": "git"}
    wait_until(
        lambda: old not in {c["metadata"]["labels"]["kubectl-gitops.dev/gitsync-uid"] for c in shop.snapshots()},
        SECONDS,
        "the old snapshots to be deleted",
    )
    assert shop.snapshots()


def test_deleted_while_the_reconciler_was_away_its_snapshots_go_when_it_is_back(
    shop: App, reconciler: Installation
) -> None:
    assert reconciler.stop_reconciler() == 0
    shop.delete()
    assert shop.exists
    reconciler.start_reconciler()
    shop.wait_gone()
    assert not shop.snapshots()
    assert shop.live.data("settings")


# Accounts


@pytest.fixture
def tenant(control_plane: ControlPlane, reconciler: Installation, namespace: str, tmp_path: Path) -> Iterator[App]:
    """A GitSync in a namespace of its own, which its objects go to."""
    made = App(control_plane, namespace, new_repository(tmp_path), namespace=namespace)
    yield made
    made.delete()


def test_outside_the_system_namespace_a_gitsync_must_name_an_account(tenant: App) -> None:
    tenant.commit(config_map("settings"))
    tenant.create()
    tenant.wait_failed(
        "AccountMissing", f"^GitSync {tenant.namespace}/{tenant.name} must name a spec.serviceAccountName"
    )
    assert tenant.condition("Stalled")["status"] == "True"
    assert tenant.live.names("configmaps") == set()


def test_a_gitsync_with_an_account_may_do_what_the_account_may(tenant: App) -> None:
    user = f"system:serviceaccount:{tenant.namespace}:deployer"
    kubectl = tenant.plane.kubectl
    kubectl("create", "serviceaccount", "deployer", "-n", tenant.namespace)
    kubectl("create", "role", "deployer", "-n", tenant.namespace, "--verb=get,create,patch", "--resource=configmaps")
    account = f"--serviceaccount={tenant.namespace}:deployer"
    kubectl("create", "rolebinding", "deployer", "-n", tenant.namespace, "--role=deployer", account)
    foreign = config_map("settings")
    foreign["metadata"]["namespace"] = "default"
    tenant.commit(config_map("settings"), foreign, deployment("web"))
    mark = tenant.plane.audit_mark()
    tenant.create(serviceAccountName="deployer")
    words = tenant.wait_failed("SyncFailed", "Deployment/web")["message"]
    assert f'configmaps "settings" is forbidden: User "{user}" cannot patch resource "configmaps"' in words
    assert 'in the namespace "default"' in words
    assert f'deployments.apps "web" is forbidden: User "{user}" cannot patch' in words
    assert tenant.live.data("settings") == {"key": "git"}
    (write,) = tenant.writes(mark, resource="configmaps")
    assert write["impersonatedUser"]["username"] == user
    assert write["impersonatedUser"]["extra"]["kubectl-gitops.dev/actor"] == ["reconciler"]
    assert "system:serviceaccounts" in write["impersonatedUser"]["groups"]
    sha = tenant.commit(config_map("settings"))
    tenant.wait_synced(sha)
    mark = tenant.plane.audit_mark()
    tenant.live.patch("configmaps", "settings", {"metadata": {"labels": {LABEL: None}}})
    tenant.wait_ready()
    wait_until(lambda: (tenant.status.get("restored") or {}).get("total") == 1, SECONDS, "the restore")
    (write,) = tenant.writes(mark, resource="configmaps")
    assert write["impersonatedUser"]["username"] == user


def test_what_the_account_may_not_read_is_not_told_by_declaring_it(tenant: App, control_plane: ControlPlane) -> None:
    """Whether a guess at another namespace's Secret is right or wrong, the GitSync's status and Events are the same."""
    kubectl = control_plane.kubectl
    theirs = f"{tenant.live.namespace}-theirs"
    control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": theirs}})
    kubectl("create", "secret", "generic", "login", "-n", theirs, "--from-literal=password=hunter2")
    kubectl("create", "serviceaccount", "deployer", "-n", tenant.namespace)
    kubectl("create", "role", "deployer", "-n", tenant.namespace, "--verb=*", "--resource=configmaps,secrets")
    account = f"--serviceaccount={tenant.namespace}:deployer"
    kubectl("create", "rolebinding", "deployer", "-n", tenant.namespace, "--role=deployer", account)

    def told(sha: str) -> list[str]:
        wait_until(lambda: tenant.status.get("lastAttempted", {}).get("revision") == sha, SECONDS, "the attempt")
        tenant.wait_failed("SyncFailed", "login")
        status = tenant.status
        conditions = [f"{one['type']} {one['status']} {one['reason']} {one['message']}" for one in status["conditions"]]
        rows = [f"{row['kind']} {row['object']} {row.get('field')}" for row in status["drift"]]
        # How long drift has lasted, and which commit it was, is another each time.
        return [re.sub(r"since \S+|[0-9a-f]{8,40}", "", one) for one in [*conditions, *rows, str(status["objects"])]]

    answers = []
    for guess in ("hunter2", "wrong"):
        guessed = secret("login", password=guess)
        guessed["metadata"]["namespace"] = theirs
        sha = tenant.commit(config_map("settings"), guessed)
        if not tenant.exists:
            tenant.create(serviceAccountName="deployer")
        answers.append(told(sha))
    assert answers[0] == answers[1]
    assert not [line for line in answers[0] if "password" in line]
    kubectl("delete", "namespace", theirs, "--wait=false")
