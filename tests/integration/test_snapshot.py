"""Snapshots in the real API server: any size, never half, and no more than are needed."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Origin
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.diff.compare import Canonical
from kubectl_gitops.snapshot.codec import CHUNK_BYTES
from kubectl_gitops.snapshot.model import Entry, Snapshot
from kubectl_gitops.snapshot.store import KEPT_SNAPSHOTS, SnapshotStore, next_sequence
from tests.integration.gitsyncs import Api
from tests.testbed.controlplane import ControlPlane

COMMIT = Commit(sha="a" * 40, author="Jane", author_email="j@x", time="2026-01-01T00:00:00Z", subject="more")


@pytest.fixture
def live(control_plane: ControlPlane, namespace: str) -> Api:
    return Api(control_plane, namespace)


@pytest.fixture
def store(live: Api) -> SnapshotStore:
    return SnapshotStore(Cluster.from_kubeconfig(live.plane.kubeconfig), live.namespace)


def snapshot(*values: str, uid: str = "", sequence: int = 1, complete: bool = True) -> Snapshot:
    entries = tuple(
        Entry(
            api_version="v1",
            kind="ConfigMap",
            namespace="shop",
            name=f"c{number}",
            origin=Origin("web.yaml", number + 1),
            declared_digest="d",
            commit=COMMIT,
            canonical=Canonical({"data": {"key": value}}, {"f:data": {"f:key": {}}}),
        )
        for number, value in enumerate(values)
    )
    return Snapshot(
        namespace="team",
        name="shop",
        uid=uid,
        revision=COMMIT,
        repo_url="https://git.example/shop",
        path=".",
        sequence=sequence,
        complete=complete,
        entries=entries,
    )


def chunks(live: Api) -> list[str]:
    return [name for name in live.versions("secrets") if name.startswith("gitops-snapshot-")]


def test_a_snapshot_of_several_secrets_is_read_as_it_was_written(live: Api, store: SnapshotStore) -> None:
    assert store.load("team", "shop") is None
    large = snapshot(*(secrets.token_hex(CHUNK_BYTES // 4) for _ in range(5)), uid="large")
    store.publish(large)
    assert len(chunks(live)) == 2
    assert store.load("team", "shop") == large
    assert store.load("team", "other") is None
    store.delete_of(large.uid)
    assert chunks(live) == []


def test_while_chunks_are_missing_the_snapshot_before_counts(live: Api, store: SnapshotStore) -> None:
    old, new = snapshot("old"), snapshot(*(secrets.token_hex(CHUNK_BYTES // 4) for _ in range(5)), sequence=2)
    store.publish(old)
    store.publish(new)
    assert store.load("team", "shop") == new
    live.delete("secrets", next(name for name in chunks(live) if name.endswith("-2-1")))
    assert store.load("team", "shop") == old


def test_the_last_ten_are_kept_and_of_unfinished_syncs_only_the_newest(live: Api, store: SnapshotStore) -> None:
    sequence = 0
    for number in range(KEPT_SNAPSHOTS + 2):
        for complete in (False, True):
            sequence += 1
            store.publish(snapshot(f"{number}", sequence=sequence, complete=complete))
    kept = {int(name.split("-")[-2]) for name in chunks(live)}
    assert kept == {2 * n for n in range(3, KEPT_SNAPSHOTS + 3)}
    store.publish(snapshot("next", sequence=sequence + 1, complete=False))
    assert {int(name.split("-")[-2]) for name in chunks(live)} == {*kept, sequence + 1}


def test_snapshots_are_told_apart_by_the_gitsync_they_are_of_not_only_by_its_name(
    live: Api, store: SnapshotStore
) -> None:
    store.publish(snapshot("old", uid="first"))
    store.publish(replace(snapshot("new", uid="second"), sequence=2))
    store.publish(replace(snapshot("directory"), name="other"))
    assert store.uids() == {"first", "second"}
    store.delete_of("first")
    found = store.load("team", "shop")
    assert found is not None
    assert (found.uid, found.sequence) == ("second", 2)
    assert store.uids() == {"second"}
    assert len(chunks(live)) == 2


def test_there_is_one_sealing_key_whoever_asks_first(store: SnapshotStore) -> None:
    assert store.find_sealing_key() is None
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: store.sealing_key(), range(8)))
    assert keys == {store.find_sealing_key()}


def test_sequences_grow_even_if_the_clock_goes_back() -> None:
    future = replace(snapshot(), sequence=1 << 60)
    assert next_sequence(future) == (1 << 60) + 1
    assert next_sequence(None) > 1
