"""Snapshots as Secrets: compressed chunks of less than a MiB each, with a digest over all of them.

Chunks are immutable. A snapshot counts only when all of its chunks are there and the digest matches; until
then the one before it stays in force.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import orjson

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.names import GITSYNC_LABEL, GROUP, SNAPSHOT_SECRET_TYPE, managed_by
from kubectl_gitops.api.objects import Object, Origin, ResourceKey
from kubectl_gitops.diff.compare import Canonical
from kubectl_gitops.snapshot.model import Entry, Snapshot

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
    payload = zlib.compress(orjson.dumps(_to_json(snapshot)), level=3)
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
    return _from_json(orjson.loads(text))


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


def newest(secrets: Iterable[Object]) -> dict[str, Snapshot]:
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
                found[owner] = decode(by_sequence[sequence])
                break
            except (KeyError, ValueError, zlib.error):
                continue
    return found


def _annotation(secret: Object, name: str) -> str:
    return str(secret["metadata"]["annotations"][name])


def _to_json(snapshot: Snapshot) -> dict[str, Any]:
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
        "entries": [_entry_to_json(entry) for entry in snapshot.entries],
        "owed": [[api_version, *key] for api_version, key in snapshot.owed],
    }


def _entry_to_json(entry: Entry) -> dict[str, Any]:
    canonical = entry.canonical
    return {
        "apiVersion": entry.api_version,
        "kind": entry.kind,
        "namespace": entry.namespace,
        "name": entry.name,
        "file": entry.origin.path,
        "line": entry.origin.line,
        "declared": entry.declared_digest,
        "commit": entry.commit.sha if entry.commit else None,
        "canonical": [canonical.tree, canonical.fields_v1] if canonical else None,
        "fieldLines": entry.field_lines,
    }


def _from_json(data: dict[str, Any]) -> Snapshot:
    commits = {commit["sha"]: Commit(**commit) for commit in data["commits"]}
    return Snapshot(
        namespace=data["namespace"],
        name=data["name"],
        uid=data["uid"],
        revision=commits[data["revision"]] if data["revision"] else None,
        repo_url=data["repoURL"],
        path=data["path"],
        sequence=data["sequence"],
        complete=data["complete"],
        entries=tuple(_entry_from_json(entry, commits) for entry in data["entries"]),
        owed=tuple((api_version, ResourceKey(*key)) for api_version, *key in data["owed"]),
    )


def _entry_from_json(data: dict[str, Any], commits: dict[str, Commit]) -> Entry:
    canonical = data["canonical"]
    return Entry(
        api_version=data["apiVersion"],
        kind=data["kind"],
        namespace=data["namespace"],
        name=data["name"],
        origin=Origin(data["file"], data["line"]),
        declared_digest=data["declared"],
        commit=commits[data["commit"]] if data["commit"] else None,
        canonical=Canonical(*canonical) if canonical else None,
        field_lines=tuple(data.get("fieldLines", ())),  # there was a version without
    )
