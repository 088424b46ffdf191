"""Snapshots as Secrets: compressed chunks of less than a MiB each, with a digest over all of them.

Chunks are immutable. A snapshot counts only when all of its chunks are there and the digest matches; until
then the one before it stays in force.

Inside is text: a line about the snapshot, and one for each entry: what it is, a tab, and its canonical form, which is
most of it. So whoever needs but one entry at a time reads no others (snapshot/stored.py). JSON as it is written here
holds neither of the two characters.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import orjson

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.names import GITSYNC_LABEL, GROUP, SNAPSHOT_SECRET_TYPE, managed_by
from kubectl_gitops.api.objects import Object, Origin, ResourceKey
from kubectl_gitops.diff.compare import Canonical
from kubectl_gitops.snapshot.model import Entry, Snapshot
from kubectl_gitops.snapshot.stored import StoredEntries, StoredSnapshot

#: Bytes of payload in one chunk. A Secret holds 1 MiB, and base64 adds a third.
CHUNK_BYTES = 700_000
#: What a snapshot may grow to when read: a limit against a doctored one, far above 100,000 objects.
MAX_DECODED_BYTES = 1 << 30

_SEQUENCE = f"{GROUP}/snapshot-sequence"
_CHUNK = f"{GROUP}/snapshot-chunk"
_CHUNKS = f"{GROUP}/snapshot-chunks"
_DIGEST = f"{GROUP}/snapshot-digest"
_COMPLETE = f"{GROUP}/snapshot-complete"
#: A label, so that the chunks of one GitSync can be told from those of another that had its name.
UID_LABEL = f"{GROUP}/gitsync-uid"
_PAYLOAD = "payload"


def encode(snapshot: Snapshot, *, namespace: str) -> list[Object]:
    """The Secrets, to be created in ``namespace``, that hold the snapshot."""
    field_sets = _FieldSets()
    lines = [_entry_line(entry, field_sets) for entry in snapshot.entries]
    lines.insert(0, orjson.dumps(_head_to_json(snapshot, field_sets)))
    payload = zlib.compress(b"\n".join(lines), level=3)
    chunks = [payload[i : i + CHUNK_BYTES] for i in range(0, len(payload), CHUNK_BYTES)]
    owner = managed_by(snapshot.namespace, snapshot.name)
    stem = f"gitops-snapshot-{hashlib.sha256(owner.encode()).hexdigest()[:10]}-{snapshot.sequence}"
    annotations = {
        _SEQUENCE: str(snapshot.sequence),
        _CHUNKS: str(len(chunks)),
        _DIGEST: hashlib.sha256(payload).hexdigest(),
        _COMPLETE: str(snapshot.complete).lower(),
    }
    labels = {GITSYNC_LABEL: owner, **({UID_LABEL: snapshot.uid} if snapshot.uid else {})}
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": f"{stem}-{index}",
                "namespace": namespace,
                "labels": labels,
                "annotations": {**annotations, _CHUNK: str(index)},
            },
            "type": SNAPSHOT_SECRET_TYPE,
            "immutable": True,
            "data": {_PAYLOAD: base64.b64encode(chunk).decode()},
        }
        for index, chunk in enumerate(chunks)
    ]


def decode(secrets: Iterable[Object]) -> Snapshot:
    """The snapshot in exactly its chunks. Raises ValueError where any is missing, doubled or damaged."""
    text = _decompress(secrets)
    head, *lines = text.split(b"\n")
    data = orjson.loads(head)
    shared = _Shared(data)
    if "entries" in data:  # there was a version with everything in one line
        return Snapshot(**_fields(data, shared), entries=tuple(_entry(one, shared) for one in data["entries"]))
    return Snapshot(**_fields(data, shared), entries=tuple(_read_entry(line, shared) for line in lines))


def decode_stored(secrets: Iterable[Object]) -> Snapshot:
    """The same, its entries read only when they are asked for: for who keeps many, and needs few at a time."""
    text = _decompress(secrets)
    end = text.find(b"\n")
    data = orjson.loads(text if end < 0 else text[:end])
    shared = _Shared(data)
    if "entries" in data:
        return Snapshot(**_fields(data, shared), entries=tuple(_entry(one, shared) for one in data["entries"]))
    entries = StoredEntries(text, len(text) if end < 0 else end + 1, lambda line: _read_entry(line, shared))
    return StoredSnapshot(**_fields(data, shared), entries=entries)


def _decompress(secrets: Iterable[Object]) -> bytes:
    """The text in exactly these chunks. Raises ValueError where any is missing, doubled or damaged."""
    chunks = sorted(secrets, key=lambda secret: int(_annotation(secret, _CHUNK)))
    if not chunks or [int(_annotation(c, _CHUNK)) for c in chunks] != list(range(int(_annotation(chunks[0], _CHUNKS)))):
        raise ValueError("chunks are missing")
    payload = b"".join(base64.b64decode(chunk["data"][_PAYLOAD]) for chunk in chunks)
    if hashlib.sha256(payload).hexdigest() != _annotation(chunks[0], _DIGEST):
        raise ValueError("the digest does not match")
    inflater = zlib.decompressobj()
    text = inflater.decompress(payload, MAX_DECODED_BYTES)
    if inflater.unconsumed_tail:
        raise ValueError(f"larger than {MAX_DECODED_BYTES} bytes")
    return text


def sequence_of(secret: Object) -> tuple[str, int]:
    """To which GitSync (by its label value) and publication a chunk belongs."""
    return str(secret["metadata"]["labels"][GITSYNC_LABEL]), int(_annotation(secret, _SEQUENCE))


def is_whole(chunks: Iterable[Object], sequence: int) -> bool:
    """Whether all chunks of a publication are among these, of which metadata is enough."""
    ours = [chunk for chunk in chunks if sequence_of(chunk)[1] == sequence]
    return bool(ours) and len(ours) == int(_annotation(ours[0], _CHUNKS))


def is_complete(secret: Object) -> bool:
    """Whether the snapshot that a chunk belongs to is one of a sync that has ended."""
    return _annotation(secret, _COMPLETE) == "true"


def newest(secrets: Iterable[Object], *, read: Callable[[Iterable[Object]], Snapshot] = decode) -> dict[str, Snapshot]:
    """Of each GitSync (by its label value) the newest snapshot that can be read; damaged ones are passed over."""
    publications: dict[str, dict[int, list[Object]]] = defaultdict(lambda: defaultdict(list))
    for secret in secrets:
        try:
            owner, sequence = sequence_of(secret)
        except (KeyError, ValueError):
            continue
        publications[owner][sequence].append(secret)
    found: dict[str, Snapshot] = {}
    for owner, by_sequence in publications.items():
        for sequence in sorted(by_sequence, reverse=True):
            try:
                found[owner] = read(by_sequence[sequence])
                break
            except (KeyError, ValueError, zlib.error):
                continue
    return found


def _annotation(secret: Object, name: str) -> str:
    return str(secret["metadata"]["annotations"][name])


class _FieldSets:
    """Each different field set once: thousands of objects have the same few."""

    def __init__(self) -> None:
        self._places: dict[bytes, int] = {}
        self.all: list[dict[str, Any]] = []

    def place_of(self, fields_v1: dict[str, Any]) -> int:
        place = self._places.setdefault(orjson.dumps(fields_v1), len(self.all))
        if place == len(self.all):
            self.all.append(fields_v1)
        return place


class _Shared:
    """What entries refer to, from the line about the snapshot."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.commits = {commit["sha"]: Commit(**commit) for commit in data["commits"]}
        self.field_sets: list[dict[str, Any]] = data.get("fieldSets", [])


def _head_to_json(snapshot: Snapshot, field_sets: _FieldSets) -> dict[str, Any]:
    commits: dict[str, Commit] = {}
    for commit in (snapshot.revision, *(entry.commit for entry in snapshot.entries)):
        if commit is not None:
            commits[commit.sha] = commit
    return {
        "namespace": snapshot.namespace,
        "name": snapshot.name,
        "uid": snapshot.uid,
        "revision": snapshot.revision.sha if snapshot.revision else None,
        "repoURL": snapshot.repo_url,
        "path": snapshot.path,
        "sequence": snapshot.sequence,
        "complete": snapshot.complete,
        "commits": [asdict(commit) for commit in commits.values()],
        "owed": [[api_version, *key] for api_version, key in snapshot.owed],
        "fieldSets": field_sets.all,
        "hooks": snapshot.hooks,
    }


def _entry_line(entry: Entry, field_sets: _FieldSets) -> bytes:
    head = {
        "apiVersion": entry.api_version,
        "kind": entry.kind,
        "namespace": entry.namespace,
        "name": entry.name,
        "file": entry.origin.path,
        "line": entry.origin.line,
        "declared": entry.declared_digest,
        "commit": entry.commit.sha if entry.commit else None,
    }
    canonical = entry.canonical
    body = {
        "canonical": [canonical.tree, field_sets.place_of(canonical.fields_v1)] if canonical else None,
        "fieldLines": entry.field_lines,
    }
    return orjson.dumps(head) + b"\t" + orjson.dumps(body)


def _read_entry(line: bytes, shared: _Shared) -> Entry:
    head, _, body = line.partition(b"\t")
    return _entry({**orjson.loads(head), **orjson.loads(body)}, shared)


def _fields(data: dict[str, Any], shared: _Shared) -> dict[str, Any]:
    """Of a snapshot, all but its entries."""
    return {
        "namespace": data["namespace"],
        "name": data["name"],
        "uid": data["uid"],
        "revision": shared.commits[data["revision"]] if data["revision"] else None,
        "repo_url": data["repoURL"],
        "path": data["path"],
        "sequence": data["sequence"],
        "complete": data["complete"],
        "owed": tuple((api_version, ResourceKey(*key)) for api_version, *key in data["owed"]),
        "hooks": tuple((identity, run) for identity, run in data.get("hooks", ())),  # there was a version without
    }


def _entry(data: dict[str, Any], shared: _Shared) -> Entry:
    canonical = data["canonical"]
    if canonical and isinstance(canonical[1], int):
        canonical = [canonical[0], shared.field_sets[canonical[1]]]
    return Entry(
        api_version=data["apiVersion"],
        kind=data["kind"],
        namespace=data["namespace"],
        name=data["name"],
        origin=Origin(data["file"], data["line"]),
        declared_digest=data["declared"],
        commit=shared.commits[data["commit"]] if data["commit"] else None,
        canonical=Canonical(*canonical) if canonical else None,
        field_lines=tuple(data.get("fieldLines", ())),  # there was a version without
    )
