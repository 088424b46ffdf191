"""The reconciler's process, under its own RBAC: it follows Git."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.gitsyncs import (
    GITSYNCS,
    LABEL,
    MERGE_PATCH,
    RECONCILER,
    SECONDS,
    App,
    config_map,
    deployment,
    holding_up,
    manifest,
    new_repository,
)
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import SYSTEM_NAMESPACE, Installation
from tests.testbed.waiting import wait_until


def test_a_new_gitsync_is_synced_and_says_so(app: App) -> None:
    sha = app.commit(config_map("settings"), deployment("web"))
    app.create()
    done = app.plane.kubectl(
        "wait", "--for=condition=Ready", f"gitsync/{app.name}", "-n", SYSTEM_NAMESPACE, "--timeout=30s"
    )
    assert "condition met" in done.stdout
    status = app.status
    assert status["observedGeneration"] == 1
    assert status["lastAttempted"]["revision"] == sha
    assert status["synced"].pop("time")
    assert status["synced"] == {"revision": sha, "message": "change", "author": "Jane Doe"}
    del status["objects"]["unhealthy"]  # whether anything runs pods here is not the question
    assert status["objects"] == {
        "total": 2,
        "synced": 2,
        "drifted": 0,
        "missing": 0,
        "added": 0,
        "orphaned": 0,
        "ignored": 0,
    }
    assert [(c["type"], c["status"]) for c in status["conditions"] if c["type"] != "Healthy"] == [
        ("Ready", "True"),
        ("Synced", "True"),
        ("Drifted", "False"),
    ]
    assert app.condition("Synced")["message"] == f"synced {sha[:8]}: 2 objects"
    columns = app.plane.kubectl("get", "gitsync", app.name, "-n", SYSTEM_NAMESPACE).stdout.splitlines()
    assert columns[0].split() == ["NAME", "REVISION", "SYNCED", "HEALTH", "DRIFT", "ENFORCEMENT", "AGE"]
    name, revision, synced, _, *rest = columns[1].split()
    assert [name, revision, synced, *rest[:2]] == [app.name, sha, "True", "0", "Enforce"]
    assert app.live.get("configmaps", "settings")["metadata"]["labels"] == {LABEL: f"{SYSTEM_NAMESPACE}.{app.name}"}
    (chunk,) = app.snapshots()
    assert (chunk["type"], chunk["immutable"]) == ("kubectl-gitops.dev/snapshot", True)


def test_a_new_commit_changes_what_changed_and_prunes_what_is_gone(app: App) -> None:
    kept, removed = config_map("kept"), config_map("removed")
    app.commit(kept, config_map("changed"), removed)
    app.create()
    app.wait_ready()
    before = app.live.versions("configmaps")
    mark = app.plane.audit_mark()
    app.wait_synced(app.commit(kept, config_map("changed", key="new")))
    after = app.live.versions("configmaps")
    assert app.live.data("changed") == {"key": "new"}
    assert "removed" not in after
    assert after["kept"] == before["kept"]
    written = [(event["verb"], event["objectRef"]["name"]) for event in app.writes(mark)]
    assert sorted(written) == [("delete", "removed"), ("patch", "changed")]


def test_without_prune_what_is_gone_from_git_is_an_orphan_until_it_is_wanted(app: App) -> None:
    app.commit(config_map("kept"), config_map("removed"))
    app.create(sync={"prune": False})
    app.wait_ready()
    status = app.wait_synced(app.commit(config_map("kept")))
    assert status["objects"]["orphaned"] == 1
    assert app.live.data("removed") == {"key": "git"}
    app.change({"sync": {"prune": True}})
    wait_until(lambda: not app.live.find("configmaps", "removed"), SECONDS, "the orphan to be pruned")


def test_fifty_changed_objects_are_each_written_once(app: App) -> None:
    """The events of a sync's own writes, and the old state of what is still to come, are no drift."""
    names = [f"c{n:02}" for n in range(50)]
    app.commit(*(config_map(name, key="old") for name in names))
    app.create()
    app.wait_ready()
    mark = app.plane.audit_mark()
    app.wait_synced(app.commit(*(config_map(name, key="new") for name in names)))
    assert sorted(event["objectRef"]["name"] for event in app.writes(mark)) == names
    assert all(app.live.data(name) == {"key": "new"} for name in names)
    assert "restored" not in app.wait_ready()


def test_what_a_sync_has_still_to_apply_is_not_restored_to_what_it_was(app: App) -> None:
    app.commit(config_map("held", key="old"), deployment("web", "example.com/web:old"))
    app.create()
    app.wait_ready()
    mark = app.plane.audit_mark()
    with holding_up(app.plane, app.live.namespace, names="held"):
        # The ConfigMap is in an earlier stage than the Deployment, which so has its turn when we let go of it.
        sha = app.commit(config_map("held", key="new"), deployment("web", "example.com/web:new"))
        wait_until(lambda: app.condition("Synced")["reason"] == "Syncing", SECONDS, "the sync to begin")
        assert app.condition("Reconciling")["status"] == "True"
        assert app.condition("Ready")["status"] == "False"
        by_hand = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "example.com/web:hand"}]}}}}
        app.live.patch("apps/v1/deployments", "web", by_hand)
        app.live.create("configmaps", config_map("other"))
    app.wait_synced(sha)
    assert not app.condition("Reconciling")
    assert len(app.writes(mark, resource="deployments")) == 1
    containers = app.live.get("apps/v1/deployments", "web")["spec"]["template"]["spec"]["containers"]
    assert [container["image"] for container in containers] == ["example.com/web:new"]
    assert "restored" not in app.status, app.status["restored"]


def test_a_commit_that_cannot_be_read_leaves_the_cluster_as_it_was_and_healing_goes_on(shop: App) -> None:
    before = shop.live.versions("configmaps") | shop.live.versions("apps/v1/deployments")
    good = manifest(config_map("settings", greeting="new"))
    broken = shop.commit(all=None, good=good, broken="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [}\n")
    condition = shop.wait_failed("InvalidManifest", r"^broken\.yaml:3:\d+: ")
    assert shop.condition("Stalled")["message"] == condition["message"]
    assert shop.condition("Ready")["status"] == "False"
    assert shop.live.versions("configmaps") | shop.live.versions("apps/v1/deployments") == before
    shop.live.patch("configmaps", "settings", {"data": {"greeting": "by hand"}})
    wait_until(lambda: shop.live.data("settings")["greeting"] == "hello", SECONDS, "the old state to be restored")
    assert shop.status["synced"]["revision"] != broken
    shop.wait_synced(shop.commit(broken=None))
    assert shop.live.data("settings") == {"greeting": "new"}
    assert shop.live.names("apps/v1/deployments") == set()
    assert not shop.condition("Stalled")


def test_one_refused_object_fails_alone_and_stays_as_it_was(shop: App) -> None:
    wrong = deployment("web")
    wrong["spec"]["selector"]["matchLabels"] = {"app": "another"}
    files = {"new": manifest(config_map("new"))}
    shop.commit(all=None, web=f"# the front end\n{manifest(wrong)}", **files)
    condition = shop.wait_failed("SyncFailed", r"^Deployment/web in namespace \S+ \(web\.yaml:2\): .*selector")
    assert "`selector` does not match template `labels`" in condition["message"]
    assert shop.live.data("new") == {"key": "git"}
    # Git says no longer that there are settings; but nothing is pruned while something fails.
    assert shop.live.data("settings") == {"greeting": "hello", "colour": "red"}
    shop.live.patch("apps/v1/deployments", "web", {"spec": {"replicas": 7}})
    wait_until(lambda: shop.live.get("apps/v1/deployments", "web")["spec"]["replicas"] == 2, SECONDS, "the restore")
    shop.wait_synced(shop.commit(web=manifest(deployment("web", "example.com/web:2.0"))))
    assert not shop.live.find("configmaps", "settings")


def test_a_sync_that_fails_again_and_again_stores_nothing_again(shop: App) -> None:
    wrong = deployment("web")
    wrong["spec"]["selector"]["matchLabels"] = {"app": "another"}
    shop.commit(wrong)
    shop.wait_failed("SyncFailed", "selector")
    stored, conditions = [chunk["metadata"]["name"] for chunk in shop.snapshots()], shop.status["conditions"]
    mark = shop.plane.audit_mark()

    def tries() -> list[object]:
        events = shop.plane.audit_events(since=mark)
        return [e for e in events if e["verb"] == "patch" and e["objectRef"].get("namespace") == shop.live.namespace]

    wait_until(lambda: len(tries()) >= 4, SECONDS, "more tries")
    assert [chunk["metadata"]["name"] for chunk in shop.snapshots()] == stored
    assert shop.status["conditions"] == conditions


def test_a_crd_and_its_objects_in_one_commit(app: App) -> None:
    group = f"{app.name}.example.com"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"lamps.{group}", "annotations": {"kubectl-gitops.dev/prune": "allowed"}},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "lamps", "kind": "Lamp"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
    lamp = {"apiVersion": f"{group}/v1", "kind": "Lamp", "metadata": {"name": "desk"}, "spec": {"on": True}}
    plural = f"{group}/v1/lamps"
    app.commit(lamp, crd)
    app.create()
    app.wait_ready()
    assert app.live.get(plural, "desk")["spec"]["on"] is True
    app.live.patch(plural, "desk", {"spec": {"on": False}})
    wait_until(lambda: app.live.get(plural, "desk")["spec"]["on"], SECONDS, "the lamp to be restored")
    app.wait_synced(app.commit(config_map("settings")))
    assert not [item for item in app.plane.request("GET", _CRDS)["items"] if item["spec"]["group"] == group]


_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def test_the_second_gitsync_that_declares_an_object_is_told_of_the_first(app: App) -> None:
    app.commit(config_map("shared", key="first"))
    app.create()
    app.wait_ready()
    second = App(app.plane, app.live.namespace, app.repository)
    try:
        second.create(interval="1s")
        holder = f"GitSync {SYSTEM_NAMESPACE}/{app.name} declares it, too"
        second.wait_failed("SyncFailed", rf"^ConfigMap/shared .*\(all\.yaml:1\): {holder}")
        for one, other in ((app, second), (second, app)):
            wait_until(lambda: one.condition("Contested"), SECONDS, "both to say so")  # noqa: B023 - called at once
            assert f"GitSync {SYSTEM_NAMESPACE}/{other.name}" in one.condition("Contested")["message"]
        mark = app.plane.audit_mark()
        app.live.patch("configmaps", "shared", {"data": {"key": "by hand"}})
        wait_until(lambda: app.live.data("shared") == {"key": "first"}, SECONDS, "the restore")
        app.wait_ready()
        assert len(app.writes(mark)) == 1
        app.delete()
        second.wait_ready()  # nobody else declares it any more
        assert not second.condition("Contested")
        assert app.live.get("configmaps", "shared")["metadata"]["labels"][LABEL] == f"{SYSTEM_NAMESPACE}.{second.name}"
    finally:
        second.delete()


def test_an_object_that_moves_to_another_repository_is_handed_over_as_it_is(app: App, tmp_path: Path) -> None:
    app.commit(config_map("kept"), moves=manifest(config_map("moving", key="old"), deployment("web")))
    app.create()
    app.wait_ready()
    uids = {app.live.get(*one)["metadata"]["uid"] for one in MOVING}
    second = App(app.plane, app.live.namespace, new_repository(tmp_path))
    sha = second.commit(config_map("moving", key="new"), deployment("web"))
    try:
        second.create()
        second.wait_failed("SyncFailed", "had it first")
        mark = app.plane.audit_mark()
        app.wait_synced(app.commit(moves=None))
        second.wait_synced(sha)
        second.wait_ready()
        app.wait_ready()
        assert app.live.data("moving") == {"key": "new"}
        assert {app.live.get(*one)["metadata"]["uid"] for one in MOVING} == uids
        assert "delete" not in {write["verb"] for write in app.writes(mark)}
        wait_until(lambda: not app.condition("Contested"), SECONDS, "nothing to be contested")
        # It is the second one's alone now.
        app.live.delete("configmaps", "moving")
        wait_until(lambda: app.live.data("moving") == {"key": "new"}, SECONDS, "the restore")
        second.wait_synced(second.commit(deployment("web")))
        assert app.live.names("configmaps") == {"kept"}
    finally:
        second.delete()


MOVING = (("configmaps", "moving"), ("apps/v1/deployments", "web"))


def test_sync_requests_are_answered_whether_the_sync_succeeds_or_not(app: App, reconciler: Installation) -> None:
    app.commit(config_map("settings"))
    app.create(interval="1h")
    app.wait_ready()
    sha = app.commit(config_map("settings", key="new"))
    done = reconciler.gitops("sync", app.name, "-n", SYSTEM_NAMESPACE)
    assert f"synced {sha[:8]}: 1 objects" in done.stdout
    assert app.live.data("settings") == {"key": "new"}
    app.commit(all="kind: [\n")
    done = reconciler.gitops("sync", app.name, "-n", SYSTEM_NAMESPACE, check=False)
    assert done.returncode == 2
    assert "all.yaml:" in done.stderr
    with app.git_unreachable():
        done = reconciler.gitops("sync", app.name, "-n", SYSTEM_NAMESPACE, check=False)
    assert done.returncode == 2
    assert "cannot reach repository" in done.stderr


def test_without_automation_new_commits_wait_to_be_asked_for(app: App, reconciler: Installation) -> None:
    first = app.commit(config_map("settings"))
    app.create(sync={"automated": False})
    app.wait_failed("OutOfSync", f"^{first[:8]} is not applied: run kubectl gitops sync")
    assert not app.live.data("settings")
    reconciler.gitops("sync", app.name, "-n", SYSTEM_NAMESPACE)
    assert app.live.data("settings") == {"key": "git"}
    app.live.delete("configmaps", "settings")
    wait_until(lambda: app.live.data("settings"), SECONDS, "what was synced to be restored")
    second = app.commit(config_map("settings", key="new"))
    app.wait_failed("OutOfSync", rf"^{second[:8]} is not applied \({first[:8]} is\)")
    assert app.status["synced"]["revision"] == first
    assert app.live.data("settings") == {"key": "git"}


def test_git_declares_nothing_so_nothing_is_pruned(app: App) -> None:
    app.commit(config_map("settings"))
    app.create()
    app.wait_ready()
    app.wait_synced(app.commit(all="# nothing\n"))
    assert "nothing was pruned: Git declares nothing at all" in app.condition("Synced")["message"]
    assert app.live.data("settings") == {"key": "git"}


def test_it_all_holds_for_the_rights_that_install_gives(control_plane: ControlPlane, reconciler: Installation) -> None:
    kubeconfig = reconciler.reconciler_command()[2]
    done = control_plane.kubectl("auth", "whoami", "--kubeconfig", kubeconfig, "-o", "json")
    assert json.loads(done.stdout)["status"]["userInfo"]["username"] == RECONCILER


def test_a_sync_that_waits_gives_way_to_a_newer_commit_and_deletions_wait_for_approval(app: App) -> None:
    """Nobody runs the Deployment, so that its wave is never healthy."""
    later = config_map("later")
    later["metadata"]["annotations"] = {"kubectl-gitops.dev/sync-wave": "1"}
    app.commit(deployment("web"), later)
    app.create(sync={"maxDelete": {"count": 0}})
    wait_until(lambda: app.live.find("apps/v1/deployments", "web"), SECONDS, "the first wave")
    assert not app.live.data("later")
    sha = app.commit(config_map("other"), later)
    app.wait_failed("DeletesNotApproved", "1 of [23] objects would be deleted.*--approve-deletes " + sha[:12])
    assert app.live.data("later")
    assert app.live.find("apps/v1/deployments", "web")
    approval = {"kubectl-gitops.dev/approved-deletes": sha, "kubectl-gitops.dev/sync-requested-at": "now"}
    path = f"{GITSYNCS.format(app.namespace)}/{app.name}"
    app.plane.request("PATCH", path, {"metadata": {"annotations": approval}}, content_type=MERGE_PATCH)
    app.wait_synced(sha)
    assert app.live.find("apps/v1/deployments", "web") is None
