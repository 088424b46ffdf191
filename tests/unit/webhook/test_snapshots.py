from __future__ import annotations

import base64
import logging
from dataclasses import replace

import orjson
import pytest

from kubectl_gitops.api.objects import Object
from kubectl_gitops.snapshot import codec
from kubectl_gitops.snapshot.codec import encode
from tests.unit.webhook.cases import LABEL, declared, entry, snapshot
from webhook.snapshots import SnapshotIndex


def publication(sequence: int, *names: str, namespace: str = "gitops-system", name: str = "shop") -> list[Object]:
    entries = [replace(entry(declared()), name=one) for one in names]
    published = replace(snapshot(entries, namespace=namespace, name=name), sequence=sequence)
    return encode(published, namespace="gitops-system")


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "CHUNK_BYTES", 100)


def sequence_in(index: SnapshotIndex) -> int:
    return index.snapshots[LABEL].sequence


def test_the_newest_publication_counts_whatever_the_order() -> None:
    index = SnapshotIndex()
    assert index.put(publication(2, "b")[0])
    assert not index.put(publication(1, "a")[0])
    assert sequence_in(index) == 2
    assert index.put(publication(3)[0])
    assert sequence_in(index) == 3


@pytest.mark.usefixtures("small_chunks")
def test_a_publication_counts_once_all_its_chunks_are_there() -> None:
    index = SnapshotIndex()
    index.replace(publication(1, "a"))
    *first, last = publication(2, "a", "b")
    assert len(first) > 1
    assert not any(index.put(chunk) for chunk in first)
    assert sequence_in(index) == 1
    assert index.put(last)
    assert sequence_in(index) == 2


@pytest.mark.usefixtures("small_chunks")
def test_the_one_before_is_in_force_again_when_the_newest_goes() -> None:
    index = SnapshotIndex()
    index.replace([*publication(1, "a"), *publication(2, "b")])
    chunk, *rest = publication(2, "b")
    assert index.drop(chunk)
    assert sequence_in(index) == 1
    assert not any(index.drop(other) for other in rest)
    assert sequence_in(index) == 1


def test_nothing_is_left_of_a_gitsync_whose_chunks_are_gone() -> None:
    index = SnapshotIndex()
    index.replace([*publication(1, "a"), *publication(2, "b")])
    assert not index.drop(publication(1, "a")[0])
    assert index.drop(publication(2, "b")[0])
    assert index.snapshots == {}
    assert not index.drop(publication(2, "b")[0])


def test_replacing_forgets_what_is_not_there() -> None:
    index = SnapshotIndex()
    index.replace([*publication(1, "a"), *publication(1, "a", name="cart")])
    assert set(index.snapshots) == {LABEL, "gitops-system.cart"}
    assert index.replace(publication(1, "a"))
    assert set(index.snapshots) == {LABEL}
    assert not index.replace(publication(1, "a"))


def test_what_changed_alone_is_decoded() -> None:
    index = SnapshotIndex()
    index.replace([*publication(1, "a"), *publication(1, "a", name="cart")])
    before = index.snapshots
    index.put(publication(2, "b", name="cart")[0])
    assert index.snapshots[LABEL] is before[LABEL]
    assert index.snapshots["gitops-system.cart"] is not before["gitops-system.cart"]


def test_a_damaged_one_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    index = SnapshotIndex()
    damaged = publication(2, "b")[0]
    damaged["data"]["payload"] = base64.b64encode(b"junk").decode()
    index.replace([*publication(1, "a"), damaged])
    assert sequence_in(index) == 1


def test_one_in_an_unknown_format_is_passed_over_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """As from a newer version of the reconciler, half-way through an upgrade."""
    index = SnapshotIndex()
    unreadable = publication(2, "b")[0]
    unreadable["data"] = None
    with caplog.at_level(logging.ERROR):
        index.replace([*publication(1, "a"), unreadable])
        index.put(publication(1, "a")[0])
    assert sequence_in(index) == 1
    assert len(caplog.records) == 1


def test_one_that_is_not_of_the_gitsync_on_its_label_is_passed_over() -> None:
    index = SnapshotIndex()
    foreign = publication(2, "b", name="cart")[0]
    foreign["metadata"]["labels"] = publication(1, "a")[0]["metadata"]["labels"]
    index.replace([foreign])
    assert index.snapshots == {}


@pytest.mark.parametrize("metadata", [{"name": "x"}, {"name": "x", "labels": None}, {"name": "x", "annotations": {}}])
def test_what_is_no_chunk_is_none(metadata: Object) -> None:
    index = SnapshotIndex()
    assert not index.put({"metadata": metadata})
    assert not index.drop({"metadata": metadata})


def test_chunks_are_kept_without_what_is_not_read() -> None:
    index = SnapshotIndex()
    chunk = publication(1, "a")[0]
    chunk["metadata"]["managedFields"] = [{"manager": "x" * 10_000}]
    index.put(chunk)
    assert b"xxx" not in orjson.dumps(index._publications, option=orjson.OPT_NON_STR_KEYS, default=dict)
