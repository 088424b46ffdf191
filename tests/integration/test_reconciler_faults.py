"""What goes wrong around the reconciler: after it, the cluster is as Git says, and nothing was lost."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.gitsyncs import (
    LABEL,
    RECONCILER,
    SECONDS,
    App,
    Object,
    config_map,
    deployment,
    holding_up,
    manifest,
    new_repository,
)
from tests.testbed.busyfront import standing_before
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import SYSTEM_NAMESPACE, Installation
from tests.testbed.relay import Relay, relaying
from tests.testbed.waiting import wait_until

#: More of them take longer, and find more: GITOPS_TEST_KILLS=50.
KILLS = int(os.environ.get("GITOPS_TEST_KILLS", "6"))
#: For how long connections are refused, at the least: GITOPS_TEST_REFUSED_SECONDS=60.
REFUSED_SECONDS = float(os.environ.get("GITOPS_TEST_REFUSED_SECONDS", "0"))


# Killed at any time


def test_killed_at_any_time_the_cluster_ends_equal_to_git(app: App, reconciler: Installation) -> None:
    """Commits and drift go on while the process is killed after any number of its requests.

    And no object is written twice for one change: neither by the one that was killed and the next, nor by one of them.
    """
    rng = random.Random(KILLS)
    changes: Counter[str] = Counter()
    kept = [f"kept-{number}" for number in range(12)]
    mark = app.plane.audit_mark()
    app.create()
    for round_number in range(KILLS):
        passing = [config_map(f"passing-{number}") for number in range(round_number % 3)]
        sha = app.commit(*(config_map(name, key=str(rng.random())) for name in kept), *passing)
        drifting = rng.sample(kept, 4)
        for name in drifting:
            rng.choice(_DRIFTS)(app, name)
        changes.update([*kept, *drifting])
        _wait_requests(app, rng.randrange(1, 60))
        assert reconciler.stop_reconciler(grace_seconds=0) < 0
        reconciler.start_reconciler()
    app.wait_synced(sha)
    app.wait_ready()
    declared = {doc["metadata"]["name"]: doc["data"] for doc in _committed(app)}
    wait_until(lambda: app.live.names("configmaps") == declared.keys(), SECONDS, "all of Git's objects, and no other")
    wait_until(lambda: {name: app.live.data(name) for name in declared} == declared, SECONDS, "them to be as Git says")
    pruned = {write["objectRef"]["name"] for write in app.writes(mark) if write["verb"] == "delete"}
    assert not [name for name in pruned if name.startswith("kept")]
    assert len(app.snapshots()) <= 11
    app.plane.audit_mark()
    written = Counter(write["objectRef"]["name"] for write in app.writes(mark))
    assert {name: written[name] for name in kept if written[name] > changes[name]} == {}


def _modify(app: App, name: str) -> None:
    app.plane.kubectl("patch", "configmap", name, "-n", app.live.namespace, "-p", '{"data":{"key":"x"}}', check=False)


def _delete(app: App, name: str) -> None:
    app.plane.kubectl("delete", "configmap", name, "-n", app.live.namespace, "--ignore-not-found", "--wait=false")


def _unlabel(app: App, name: str) -> None:
    app.plane.kubectl("label", "configmap", name, "-n", app.live.namespace, f"{LABEL}-", check=False)


_DRIFTS: list[Callable[[App, str], None]] = [_modify, _delete, _unlabel]


def _wait_requests(app: App, count: int) -> None:
    """Until the reconciler has made that many requests, or has nothing to do for some time."""
    mark = app.plane.audit_mark()

    def made() -> bool:
        # Each look takes one request of ours, so that this ends though the reconciler should be idle.
        events = app.plane.audit_events(since=mark)
        theirs = sum(event["user"]["username"] == RECONCILER for event in events)
        app.live.names("configmaps")
        return bool(theirs >= count or len(events) - theirs >= count)

    wait_until(made, SECONDS, "some requests")


def _committed(app: App) -> list[Object]:
    found: list[Object] = list(yaml.safe_load_all((app.repository.path / "all.yaml").read_text()))
    return found


# The way to the API server


@pytest.fixture
def relay(control_plane: ControlPlane, reconciler: Installation) -> Iterator[Relay]:
    """The reconciler's way to the API server, which can be cut."""
    with relaying(control_plane.ports.apiserver) as made:
        assert reconciler.stop_reconciler() == 0
        reconciler.start_reconciler(url=made.url)
        yield made
        assert reconciler.stop_reconciler() == 0
        reconciler.start_reconciler()


def test_watches_that_are_dropped_are_taken_up_again(shop: App, relay: Relay) -> None:
    _restored_after(shop, lambda: None)
    for _ in range(3):
        _restored_after(shop, relay.drop)


def test_while_the_api_server_refuses_connections_drift_waits(
    shop: App, relay: Relay, reconciler: Installation
) -> None:
    _restored_after(shop, lambda: None)
    with relay.cut():
        shop.live.patch("configmaps", "settings", {"data": {"greeting": "by hand"}})
        shop.live.delete("apps/v1/deployments", "web")
        began, words = time.monotonic(), "cannot reach the API server"
        wait_until(lambda: reconciler.log("reconciler", 50).count(words) >= 3, SECONDS, "it to be noticed")
        wait_until(lambda: time.monotonic() - began >= REFUSED_SECONDS, REFUSED_SECONDS + 1, "the time to pass")
        reconciler.check_alive()
    # After a long time it looks every half a minute.
    wait_until(lambda: shop.live.find("apps/v1/deployments", "web"), 2 * SECONDS, "the Deployment")
    wait_until(lambda: shop.live.data("settings")["greeting"] == "hello", SECONDS, "the ConfigMap")
    shop.wait_ready()


def test_while_the_api_server_says_too_many_requests_drift_waits(
    shop: App, reconciler: Installation, tmp_path: Path
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text(shop.plane.ca_pem)
    assert reconciler.stop_reconciler() == 0
    with standing_before(shop.plane.ports.apiserver, str(ca)) as front:
        reconciler.start_reconciler(url=front.url)
        _restored_after(shop, lambda: None)
        with front.busy():
            shop.live.patch("configmaps", "settings", {"data": {"greeting": "by hand"}})
            shop.live.delete("apps/v1/deployments", "web")
            wait_until(lambda: front.refused >= 5, SECONDS, "requests to be turned away")
            assert shop.live.data("settings")["greeting"] == "by hand"
            reconciler.check_alive()
        wait_until(lambda: shop.live.find("apps/v1/deployments", "web"), SECONDS, "the Deployment")
        wait_until(lambda: shop.live.data("settings")["greeting"] == "hello", SECONDS, "the ConfigMap")
        shop.wait_ready()
        assert reconciler.stop_reconciler() == 0
    reconciler.start_reconciler()


def test_a_token_is_taken_from_its_file_and_one_that_has_ended_is_waited_for(
    shop: App, reconciler: Installation, tmp_path: Path
) -> None:
    """As the kubelet renews it. A token that is bound to a Secret ends with it."""
    file = tmp_path / "token"
    assert reconciler.stop_reconciler() == 0
    first, second = (f"{shop.name}-{number}" for number in (1, 2))
    _renew_token(shop.plane, file, bound_to=first)
    reconciler.start_reconciler("--kubeconfig", str(_with_token_file(reconciler, file, tmp_path)))
    _restored_after(shop, lambda: None)
    shop.plane.request("DELETE", f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/secrets/{first}")
    words = "does not accept these credentials"
    wait_until(lambda: words in reconciler.log("reconciler", 20), 2 * SECONDS, "the token to be refused")
    shop.live.patch("configmaps", "settings", {"data": {"greeting": "by hand"}})
    shop.live.delete("apps/v1/deployments", "web")
    _renew_token(shop.plane, file, bound_to=second)
    wait_until(lambda: shop.live.find("apps/v1/deployments", "web"), SECONDS, "the Deployment")
    wait_until(lambda: shop.live.data("settings")["greeting"] == "hello", SECONDS, "the ConfigMap")
    shop.wait_ready()
    assert file.read_text() not in reconciler.log("reconciler", 100_000)
    assert reconciler.stop_reconciler() == 0
    shop.plane.request("DELETE", f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/secrets/{second}")
    reconciler.start_reconciler()


def _renew_token(plane: ControlPlane, file: Path, *, bound_to: str) -> None:
    plane.request("POST", f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/secrets", {"metadata": {"name": bound_to}})
    place = ("--namespace", SYSTEM_NAMESPACE, "--bound-object-kind", "Secret", "--bound-object-name", bound_to)
    new = file.with_suffix(".new")
    new.write_text(plane.kubectl("create", "token", "gitops-reconciler", *place).stdout.strip())
    new.rename(file)


def _with_token_file(reconciler: Installation, file: Path, directory: Path) -> Path:
    """The reconciler's kubeconfig, with that file instead of a token."""
    document = yaml.safe_load(Path(reconciler.reconciler_command()[2]).read_text())
    document["users"][0]["user"] = {"tokenFile": str(file)}
    path = directory / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


def _restored_after(app: App, fault: Callable[[], Any]) -> None:
    fault()
    app.live.patch("configmaps", "settings", {"data": {"greeting": "by hand"}})
    wait_until(lambda: app.live.data("settings")["greeting"] == "hello", SECONDS, "the restore")


# What disappears, and comes back


def test_a_crd_that_is_deleted_and_made_again_has_its_objects_again(app: App) -> None:
    group = f"{app.name}.example.com"
    names = {"plural": "lamps", "kind": "Lamp"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"lamps.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": names,
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    plural = f"{group}/v1/lamps"
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    app.commit({"apiVersion": f"{group}/v1", "kind": "Lamp", "metadata": {"name": "desk"}, "spec": {"on": True}})
    app.plane.request("POST", crds, crd)
    app.create()
    app.wait_ready()
    app.plane.kubectl("delete", "crd", f"lamps.{group}")
    app.plane.request("POST", crds, crd)
    wait_until(lambda: app.live.find(plural, "desk"), 2 * SECONDS, "the lamp to be there again")
    app.wait_ready()
    app.live.patch(plural, "desk", {"spec": {"on": False}})
    wait_until(lambda: app.live.get(plural, "desk")["spec"]["on"], 2 * SECONDS, "the lamp to be watched again")
    app.plane.kubectl("delete", "crd", f"lamps.{group}")


def test_a_history_that_was_rewritten_is_followed(shop: App) -> None:
    first = shop.repository.git("rev-parse", "HEAD")
    shop.wait_synced(shop.commit(config_map("settings", greeting="second"), deployment("web")))
    shop.repository.git("reset", "--hard", first)
    shop.repository.git("commit", "--amend", "--allow-empty", "--message", "rewritten")
    shop.wait_synced(shop.commit(config_map("settings", greeting="third")))
    assert shop.live.data("settings") == {"greeting": "third"}
    assert shop.live.names("apps/v1/deployments") == set()


def test_a_snapshot_that_is_deleted_is_stored_again(shop: App) -> None:
    """By the process that runs, so that the webhook and the next one have it."""
    secrets = f"/api/v1/namespaces/{shop.namespace}/secrets"
    before = shop.snapshots()
    for chunk in before:
        shop.plane.request("DELETE", f"{secrets}/{chunk['metadata']['name']}")

    def is_stored() -> bool:
        sequence = "kubectl-gitops.dev/snapshot-sequence"
        found = {int(chunk["metadata"]["annotations"][sequence]) for chunk in shop.snapshots()}
        assert shop.status["inventoryRef"]["sequence"] in found
        return True

    wait_until(is_stored, SECONDS, "the snapshot")
    assert not {one["metadata"]["name"] for one in before} & {one["metadata"]["name"] for one in shop.snapshots()}
    shop.wait_ready()


def test_a_damaged_snapshot_is_told_by_its_digest_and_made_anew(shop: App, reconciler: Installation) -> None:
    shop.wait_synced(shop.commit(config_map("settings", greeting="hello"), config_map("late")))
    assert reconciler.stop_reconciler() == 0
    secrets = f"/api/v1/namespaces/{shop.namespace}/secrets"
    newest = shop.snapshots()[-1]
    shop.plane.request("DELETE", f"{secrets}/{newest['metadata']['name']}")
    for name in ("resourceVersion", "uid", "managedFields"):
        del newest["metadata"][name]
    shop.plane.request("POST", secrets, {**newest, "data": {"payload": "ZGFtYWdlZA=="}})
    reconciler.start_reconciler()

    def is_told() -> bool:
        names = {chunk["metadata"]["name"] for chunk in shop.snapshots()}
        assert max(names) > newest["metadata"]["name"]
        return True

    wait_until(is_told, SECONDS, "a new snapshot")
    with shop.git_unreachable():
        assert reconciler.stop_reconciler() == 0
        reconciler.start_reconciler()
        shop.live.delete("configmaps", "late")
        wait_until(lambda: shop.live.data("late"), SECONDS, "what only the new snapshot has")
    shop.wait_ready()


def test_while_the_disk_is_full_nothing_is_synced_and_drift_is_restored(shop: App, reconciler: Installation) -> None:
    mirrors = Path(reconciler.reconciler_command()[4])
    assert reconciler.stop_reconciler() == 0
    with _small_disk(mirrors):
        reconciler.start_reconciler()
        shop.wait_ready()
        rng = random.Random(1)
        big = {name: f"# {''.join(rng.choices('0123456789abcdef', k=3_000_000))}\n" for name in ("one", "two")}
        sha = shop.commit(config_map("settings", greeting="new"), **big)
        shop.wait_failed("SourceError", "(?i)no space left on device|disk")
        shop.live.delete("apps/v1/deployments", "web")
        wait_until(lambda: shop.live.find("apps/v1/deployments", "web"), SECONDS, "the restore")
        assert shop.live.data("settings")["greeting"] == "hello"
        assert reconciler.stop_reconciler() == 0
    reconciler.start_reconciler()
    shop.wait_synced(sha)
    assert shop.live.names("apps/v1/deployments") == set()


@contextmanager
def _small_disk(directory: Path) -> Iterator[None]:
    """While in here, there is room for two MiB in a directory."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "none", str(directory)], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


# Many of them


def test_a_hundred_gitsyncs_of_one_repository_share_its_mirror(app: App, reconciler: Installation) -> None:
    mirrors = Path(reconciler.reconciler_command()[4])
    before = set(mirrors.glob("*/HEAD"))
    numbers = range(100)
    files = {f"apps/{n:03}/all.yaml": manifest(config_map(f"one-{n:03}", key="first")) for n in numbers}
    app.repository.commit(files)
    each = [App(app.plane, app.live.namespace, app.repository, name=f"{app.name}-{n:03}") for n in numbers]
    names = {f"one-{n:03}" for n in numbers}
    try:
        for n, one in zip(numbers, each, strict=True):
            one.create(interval="2s", path=f"apps/{n:03}")
        wait_until(lambda: app.live.names("configmaps") == names, 3 * SECONDS, "all objects")
        sha = app.repository.commit({"apps/007/all.yaml": manifest(config_map("one-007", key="second"))})
        each[7].wait_synced(sha)
        assert app.live.data("one-007") == {"key": "second"}
        app.live.delete("configmaps", "one-099")
        wait_until(lambda: app.live.data("one-099"), SECONDS, "the restore")
        assert len(set(mirrors.glob("*/HEAD")) - before) == 1
    finally:
        for one in each:
            one.delete()
    for one in each:
        one.wait_gone()


# What goes on meanwhile


def test_while_a_sync_is_running_what_it_does_not_write_is_restored(shop: App) -> None:
    """At once, not when the sync has ended: it waits for an object that the API server will not take."""
    with holding_up(shop.plane, shop.live.namespace, names="held"):
        sha = shop.commit(config_map("settings", greeting="hello", colour="red"), deployment("web"), config_map("held"))
        wait_until(lambda: shop.condition("Synced")["reason"] == "Syncing", SECONDS, "the sync to begin")
        shop.live.delete("apps/v1/deployments", "web")
        shop.live.patch("configmaps", "settings", {"data": {"greeting": "by hand"}})
        wait_until(lambda: shop.live.find("apps/v1/deployments", "web"), SECONDS, "the Deployment")
        wait_until(lambda: shop.live.data("settings")["greeting"] == "hello", SECONDS, "the ConfigMap")
        assert not shop.live.data("held")
    shop.wait_synced(sha)


def test_one_object_that_cannot_be_restored_holds_up_no_other(shop: App, tmp_path: Path) -> None:
    """A policy refuses the one; the other, and another GitSync's, are restored at once."""
    second = App(shop.plane, shop.live.namespace, new_repository(tmp_path))
    second.commit(config_map("theirs"))
    policy = f"refuse-{shop.live.namespace}"
    try:
        second.create()
        second.wait_ready()
        with _refusing(shop, policy, "settings"):
            shop.live.patch("configmaps", "settings", {"data": {"greeting": "by hand"}})
            shop.live.delete("apps/v1/deployments", "web")
            second.live.delete("configmaps", "theirs")
            wait_until(lambda: shop.live.find("apps/v1/deployments", "web"), SECONDS, "the Deployment")
            wait_until(lambda: second.live.data("theirs"), SECONDS, "the other's ConfigMap")
            shop.wait_drift(("Modified ConfigMap/settings", "data.greeting"))
            assert shop.live.data("settings")["greeting"] == "by hand"
        wait_until(lambda: shop.live.data("settings")["greeting"] == "hello", 2 * SECONDS, "the restore")
    finally:
        second.delete()


@contextmanager
def _refusing(app: App, policy: str, name: str) -> Iterator[None]:
    """While in here, the API server refuses what the reconciler writes to one ConfigMap."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["configmaps"]}
    mine = f"request.namespace == '{app.live.namespace}' && request.name == '{name}'"
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": "mine", "expression": mine}],
        "validations": [{"expression": f"request.userInfo.username != '{RECONCILER}'"}],
    }
    binding = {"policyName": policy, "validationActions": ["Deny"]}
    for kind, body in (("ValidatingAdmissionPolicy", spec), ("ValidatingAdmissionPolicyBinding", binding)):
        app.plane.request("POST", f"{_ADMISSION}/{_PLURALS[kind]}", _named(kind, policy, body))

    def is_refused() -> bool:
        place = ("configmap", name, "-n", app.live.namespace)
        who = ("--as", RECONCILER, "--as-group", "system:masters")
        return bool(app.plane.kubectl("label", *place, "probe=x", "--dry-run=server", *who, check=False).returncode)

    try:
        wait_until(is_refused, SECONDS, "the policy to count")
        yield
    finally:
        for plural in _PLURALS.values():
            app.plane.request("DELETE", f"{_ADMISSION}/{plural}/{policy}")


_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_PLURALS = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}


def _named(kind: str, name: str, spec: Object) -> Object:
    return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
