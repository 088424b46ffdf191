"""Several replicas: one is in charge of each GitSync, another takes over, and no two write for the same change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from kubectl_gitops.reconciler.shards import shard_of
from tests.integration.gitsyncs import SECONDS, App, config_map, new_repository
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import SYSTEM_NAMESPACE, Installation
from tests.testbed.waiting import wait_until

LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM_NAMESPACE}/leases"


@pytest.fixture
def replicas(control_plane: ControlPlane) -> Iterator[tuple[Installation, Installation]]:
    """Two that do not run yet, each with a disk and a token of its own."""
    with Installation(control_plane) as a, Installation(control_plane) as b:
        a.gitops("install", "--no-pods")
        yield a, b
        for one in (a, b):
            with suppress(KeyError):  # the test has stopped it
                one.stop_reconciler()
            assert "Traceback" not in one.log("reconciler", lines=100_000)
        forget_leases(control_plane)


def forget_leases(plane: ControlPlane) -> None:
    """Who was killed has let nothing go; the next test need not wait for that."""
    for lease in plane.request("GET", LEASES)["items"]:
        plane.request("DELETE", f"{LEASES}/{lease['metadata']['name']}")


@pytest.fixture
def app(control_plane: ControlPlane, replicas: object, namespace: str, tmp_path: Path) -> Iterator[App]:
    made = App(control_plane, namespace, new_repository(tmp_path))
    yield made
    made.delete()


def wait_ready(replica: Installation) -> None:
    wait_until(lambda: replica.ask_reconciler("/readyz")[0] == 200, SECONDS, "the replica to be ready")


def led(replica: Installation) -> set[int]:
    return {n for n in range(4) if replica.reconciler_metric("gitops_reconciler_leading", shard=str(n))}


def writers(app: App, since: int) -> Counter[tuple[str, str]]:
    """How often each object was written, by which token: each replica has its own."""
    return Counter(
        (event["objectRef"]["name"], event["user"]["extra"]["authentication.kubernetes.io/credential-id"][0])
        for event in app.writes(since)
    )


def holder_of(app: App) -> tuple[str, int]:
    """Who is in charge, and how often that has changed."""
    lease = app.plane.request("GET", f"{LEASES}/gitops-reconciler-0")["spec"]
    return lease["holderIdentity"], lease["leaseTransitions"]


def test_one_replica_is_in_charge_and_another_follows_when_it_stops(
    app: App, replicas: tuple[Installation, Installation]
) -> None:
    a, b = replicas
    a.start_reconciler()
    app.commit(config_map("settings"))
    app.create()
    app.wait_ready()
    b.start_reconciler()
    wait_ready(b)
    assert (led(a), led(b)) == ({0}, set())
    assert a.stop_reconciler() == 0
    # Long before its lease would be over: it was let go.
    wait_until(lambda: led(b) == {0}, 5, "the other to be in charge")
    app.live.delete("configmaps", "settings")
    wait_until(lambda: app.live.data("settings"), SECONDS, "the restore")


def test_a_replica_that_was_killed_is_followed_when_its_lease_is_over(
    app: App, replicas: tuple[Installation, Installation]
) -> None:
    a, b = replicas
    a.start_reconciler()
    app.commit(config_map("settings"))
    app.create()
    app.wait_ready()
    b.start_reconciler()
    wait_ready(b)
    a.stop_reconciler(grace_seconds=0)
    app.live.delete("configmaps", "settings")
    wait_until(lambda: app.live.data("settings"), SECONDS, "the restore by the other")
    assert led(b) == {0}


def test_a_replica_that_is_restarted_takes_up_its_own_lease_at_once(
    app: App, replicas: tuple[Installation, Installation]
) -> None:
    a, b = replicas
    a.start_reconciler()
    app.commit(config_map("settings"))
    app.create()
    app.wait_ready()
    b.start_reconciler()
    wait_ready(b)
    before = holder_of(app)
    a.stop_reconciler(grace_seconds=0)
    a.start_reconciler()
    wait_until(lambda: led(a) == {0}, SECONDS, "it to be in charge again")
    assert holder_of(app) == before


def test_a_replica_that_was_paused_past_its_lease_writes_nothing_when_it_goes_on(
    app: App, replicas: tuple[Installation, Installation]
) -> None:
    a, b = replicas
    names = [f"c{n:02}" for n in range(20)]
    a.start_reconciler()
    app.commit(*(config_map(name) for name in names))
    app.create()
    app.wait_ready()
    b.start_reconciler()
    wait_ready(b)
    mark = app.plane.audit_mark()
    process = a.reconciler_process()
    process.suspend()
    try:
        # What it will read first when it goes on is drift that it is not in charge of any more, and a new commit.
        for name in names[:10]:
            app.live.patch("configmaps", name, {"data": {"key": "by hand"}})
        sha = app.commit(*(config_map(name, key="new") for name in names))
        wait_until(lambda: led(b) == {0}, SECONDS, "the other to be in charge")
        app.wait_synced(sha)
        written = writers(app, mark)
        assert {name for name, _ in written} == set(names)
    finally:
        process.resume()
    wait_until(lambda: "another replica has taken its lease" in a.log("reconciler", 1000), SECONDS, "it to notice")
    for name in names:
        app.live.patch("configmaps", name, {"data": {"key": "by hand again"}})
    wait_until(
        lambda: all(app.live.data(name) == {"key": "new"} for name in names), SECONDS, "what was changed to be restored"
    )
    wait_until(lambda: led(a) == set(), SECONDS, "it to stand by")
    app.plane.audit_mark()
    tokens = {token for _, token in writers(app, mark)}
    assert len(tokens) == 1, "both replicas have written"
    assert tokens == {token for _, token in written}


def test_shards_are_spread_over_the_replicas_and_each_change_is_written_once(
    control_plane: ControlPlane, replicas: tuple[Installation, Installation], namespace: str, tmp_path: Path
) -> None:
    a, b = replicas
    for replica in replicas:
        replica.start_reconciler("--shards", "2")
    wait_until(lambda: len(led(a)) == 1 and len(led(b)) == 1 and led(a) != led(b), SECONDS, "each to have one shard")
    apps = [App(control_plane, namespace, new_repository(tmp_path), name=f"app-{n}") for n in range(8)]
    assert {shard_of(SYSTEM_NAMESPACE, one.name, 2) for one in apps} == {0, 1}
    mark = control_plane.audit_mark()
    try:
        for one in apps:
            one.commit(config_map(one.name))
            one.create()
        for one in apps:
            one.wait_ready()
        control_plane.audit_mark()
        written = writers(apps[0], mark)
        assert sorted(name for name, _ in written) == sorted(one.name for one in apps)
        assert set(written.values()) == {1}
        assert len({token for _, token in written}) == 2
        assert a.stop_reconciler() == 0
        wait_until(lambda: led(b) == {0, 1}, SECONDS, "the other to have both")
        for one in apps:
            one.live.delete("configmaps", one.name)
        wait_until(lambda: all(one.live.data(one.name) for one in apps), SECONDS, "the restores")
    finally:
        for one in apps:
            one.delete()


def test_two_gitsyncs_of_different_shards_that_claim_one_object_are_told(
    control_plane: ControlPlane, replicas: tuple[Installation, Installation], namespace: str, tmp_path: Path
) -> None:
    for replica in replicas:
        replica.start_reconciler("--shards", "2")
    names: dict[int, str] = {}
    for n in range(20):
        names.setdefault(shard_of(SYSTEM_NAMESPACE, f"claim-{n}", 2), f"claim-{n}")
    first, second = (App(control_plane, namespace, new_repository(tmp_path), name=names[n]) for n in (0, 1))
    try:
        first.commit(config_map("settings"))
        first.create()
        first.wait_ready()
        second.commit(config_map("settings", key="mine"))
        second.create()
        second.wait_failed("SyncFailed", f"GitSync {first.namespace}/{first.name} declares it, too")
    finally:
        first.delete()
        second.delete()
