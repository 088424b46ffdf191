"""Snapshots survive being stored, and a damaged one never counts."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Origin, ResourceKey
from kubectl_gitops.diff.compare import Canonical
from kubectl_gitops.snapshot import codec
from kubectl_gitops.snapshot.codec import decode, decode_stored, encode, newest
from kubectl_gitops.snapshot.model import Entry, Snapshot, kinds_in_use
from kubectl_gitops.snapshot.stored import KEPT_READ

COMMIT = Commit(sha="a" * 40, author="Jane", author_email="j@x", time="2026-01-01T00:00:00Z", subject="more")


def entry(name: str, value: Any = 1) -> Entry:
    return Entry(
        api_version="v1",
        kind="ConfigMap",
        namespace="shop",
        name=name,
        origin=Origin("deploy/web.yaml", 7),
        declared_digest="d",
        commit=COMMIT,
        canonical=Canonical({"data": {"k": value}}, {"f:data": {"f:k": {}}}),
    )


def snapshot(*entries: Entry, sequence: int = 1) -> Snapshot:
    return Snapshot(
        namespace="team",
        name="shop",
        revision=COMMIT,
        repo_url="https://git.example/shop",
        path="deploy",
        sequence=sequence,
        complete=True,
        entries=entries,
        owed=(("v1", ResourceKey("", "Secret", "shop", "old")),),
    )


@given(st.lists(st.tuples(st.text("abc-", min_size=1), st.text()), max_size=20))
def test_what_is_stored_is_what_is_read(pairs: list[tuple[str, str]]) -> None:
    original = snapshot(*(entry(name, value) for name, value in pairs))
    assert decode(encode(original, namespace="gitops-system")) == original


def test_lines_of_fields_are_kept_and_may_be_missing() -> None:
    known = replace(entry("a"), field_lines=(2, None))
    (secret,) = encode(snapshot(known, entry("b")), namespace="gitops-system")
    first, second = decode([secret]).entries
    assert (first, second.field_lines) == (known, ())
    assert [first.origin_of(path) for path in (("data",), ("data", "k"), ("data", "other"))] == [
        Origin("deploy/web.yaml", 9),
        None,
        None,
    ]
    assert second.origin_of(("data",)) is None


@pytest.mark.parametrize("without", [("fieldLines",), ()])
def test_snapshots_of_versions_that_had_all_in_one_line_can_be_read(without: tuple[str, ...]) -> None:
    (secret,) = encode(snapshot(entry("a")), namespace="gitops-system")
    head, line = zlib.decompress(base64.b64decode(secret["data"]["payload"])).split(b"\n")
    what, _, form = line.partition(b"\t")
    whole = json.loads(what) | json.loads(form)
    whole["canonical"][1] = json.loads(head)["fieldSets"][whole["canonical"][1]]
    one = {name: value for name, value in whole.items() if name not in without}
    payload = zlib.compress(json.dumps(json.loads(head) | {"entries": [one]}).encode())
    secret["data"]["payload"] = base64.b64encode(payload).decode()
    secret["metadata"]["annotations"]["kubectl-gitops.dev/snapshot-digest"] = hashlib.sha256(payload).hexdigest()
    assert decode([secret]) == snapshot(entry("a"))
    assert decode_stored([secret]) == snapshot(entry("a"))


@given(st.lists(st.tuples(st.text("abc-", min_size=1), st.text()), max_size=20, unique_by=lambda pair: pair[0]))
def test_entries_that_are_read_when_asked_for_are_the_same(pairs: list[tuple[str, str]]) -> None:
    whole = snapshot(*(entry(name, value) for name, value in pairs))
    stored = decode_stored(encode(whole, namespace="gitops-system"))
    assert tuple(stored.entries) == whole.entries
    assert list(stored.entries[1:]) == list(whole.entries[1:])
    assert dict(stored.by_key) == dict(whole.by_key)
    assert (stored.kinds, stored.namespaces) == (whole.kinds, whole.namespaces)
    assert list(stored.in_namespace("shop")) == list(whole.in_namespace("shop"))
    assert list(stored.in_namespace("other")) == []
    assert stored.by_key.get(ResourceKey("", "ConfigMap", "shop", "none")) is None


def test_more_entries_than_are_kept_read_can_be_asked_for() -> None:
    whole = snapshot(*(entry(f"c{number}") for number in range(2 * KEPT_READ + 1)))
    stored = decode_stored(encode(whole, namespace="gitops-system"))
    for _ in range(2):
        assert all(stored.by_key[key] == one for key, one in whole.by_key.items())
    key = next(iter(whole.by_key))
    assert stored.by_key[key] is stored.by_key[key]


def test_any_number_of_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "CHUNK_BYTES", 50)
    original = snapshot(*(entry(f"c{n}", n) for n in range(100)))
    chunks = encode(original, namespace="gitops-system")
    assert len(chunks) > 5
    assert all(chunk["immutable"] for chunk in chunks)
    assert decode(reversed(chunks)) == original
    with pytest.raises(ValueError, match="missing"):
        decode(chunks[:-1])
    with pytest.raises(ValueError, match="missing"):
        decode([*chunks, chunks[0]])


def test_a_damaged_snapshot_gives_way_to_the_one_before() -> None:
    old = encode(snapshot(entry("a"), sequence=1), namespace="n")
    new = encode(snapshot(entry("b"), sequence=2), namespace="n")
    assert newest([*old, *new])["team.shop"].sequence == 2
    broken = copy.deepcopy(new)
    broken[0]["data"]["payload"] = base64.b64encode(b"nonsense").decode()
    assert newest([*old, *broken])["team.shop"].sequence == 1
    assert newest(broken) == {}
    assert newest([{"metadata": {"name": "stranger"}}]) == {}


def test_kinds_in_use() -> None:
    assert kinds_in_use([snapshot(entry("a"), entry("b"))]) == {("v1", "ConfigMap")}
