"""The newest readable snapshot of each GitSync, kept from a stream of chunks; each is decoded once."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kubectl_gitops.api.names import managed_by
from kubectl_gitops.api.objects import Object
from kubectl_gitops.snapshot.codec import decode_stored, newest, sequence_of
from kubectl_gitops.snapshot.model import Snapshot

_log = logging.getLogger(__name__)


class _Current(NamedTuple):
    sequence: int
    chunks: int
    snapshot: Snapshot


class SnapshotIndex:
    """Chunks in, snapshots out. Not safe to use from several threads: a watch has one.

    All chunks that are stored stay here (the last few publications of each GitSync), so that the one before is at
    hand should the newest prove damaged or be deleted.
    """

    def __init__(self) -> None:
        self._publications: dict[str, dict[int, dict[str, Object]]] = defaultdict(lambda: defaultdict(dict))
        self._current: dict[str, _Current] = {}
        self._unreadable: set[tuple[str, int, int]] = set()

    @property
    def snapshots(self) -> Mapping[str, Snapshot]:
        """A fresh mapping, by label value."""
        return {owner: current.snapshot for owner, current in self._current.items()}

    def replace(self, secrets: Iterable[Object]) -> bool:
        """Take these for all there are. Returns whether any snapshot changed; so do the others."""
        before = set(self._publications)
        self._publications.clear()
        for secret in secrets:
            self._store(secret)
        changed = [self._refresh(owner) for owner in before | set(self._publications)]
        return any(changed)

    def put(self, secret: Object) -> bool:
        owner = self._store(secret)
        return self._refresh(owner) if owner else False

    def drop(self, secret: Object) -> bool:
        found = _address(secret)
        if found is None:
            return False
        owner, sequence = found
        chunks = self._publications[owner][sequence]
        chunks.pop(secret["metadata"]["name"], None)
        if not chunks:
            del self._publications[owner][sequence]
        return self._refresh(owner)

    def _store(self, secret: Object) -> str | None:
        found = _address(secret)
        if found is None:
            return None
        owner, sequence = found
        metadata = secret["metadata"]
        # What the codec reads and no more: managedFields would weigh as much as a small snapshot.
        self._publications[owner][sequence][metadata["name"]] = {
            "metadata": {"labels": metadata["labels"], "annotations": metadata["annotations"]},
            "data": secret.get("data"),
        }
        return owner

    def _refresh(self, owner: str) -> bool:
        """Find the newest readable publication again; whether it is another one now."""
        publications = self._publications.get(owner, {})
        current = self._current.get(owner)
        for sequence in sorted(publications, reverse=True):
            chunks = publications[sequence]
            if current and (current.sequence, current.chunks) == (sequence, len(chunks)):
                return False  # chunks are immutable
            snapshot = self._read(owner, sequence, chunks.values())
            if snapshot is not None:
                self._current[owner] = _Current(sequence, len(chunks), snapshot)
                return True
        if not publications:
            self._publications.pop(owner, None)
        return self._current.pop(owner, None) is not None

    def _read(self, owner: str, sequence: int, chunks: Iterable[Object]) -> Snapshot | None:
        listed = list(chunks)
        try:
            snapshot = newest(listed, read=decode_stored).get(owner)
        except Exception:  # noqa: BLE001 - this is where the watch is kept alive
            # Written by another version, or doctored. It must not end the watch that all others depend on.
            if (owner, sequence, len(listed)) not in self._unreadable:
                self._unreadable.add((owner, sequence, len(listed)))
                _log.exception("snapshot cannot be read", extra={"gitsync": owner, "sequence": sequence})
            return None
        if snapshot is None or managed_by(snapshot.namespace, snapshot.name) != owner:
            return None
        for built in ("by_key", "namespaces", "kinds"):  # here, in the watch's thread, and not by the first request
            getattr(snapshot, built)
        return snapshot


def _address(secret: Object) -> tuple[str, int] | None:
    try:
        return sequence_of(secret)
    except (KeyError, TypeError, ValueError):
        return None
