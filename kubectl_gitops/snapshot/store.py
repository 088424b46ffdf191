"""Where snapshots are kept: Secrets in one namespace, and the key that seals values of Secrets in them."""

from __future__ import annotations

import base64
import contextlib
import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Iterable

from kubectl_gitops.api.names import CONTROLLER_FIELD_MANAGER, GITSYNC_LABEL, SNAPSHOT_SECRET_TYPE, managed_by
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.reading import get_object, list_objects
from kubectl_gitops.cluster.writing import create_object, delete_object
from kubectl_gitops.errors import ClusterError, Conflict, NotFound
from kubectl_gitops.snapshot.codec import UID_LABEL, encode, is_complete, is_whole, newest, sequence_of
from kubectl_gitops.snapshot.model import Snapshot

_log = logging.getLogger(__name__)

#: The built-in Secret resource; no discovery needed for what every API server has.
SECRETS = Resource(group="", version="v1", kind="Secret", plural="secrets", namespaced=True)
SNAPSHOT_FIELD_SELECTOR = f"type={SNAPSHOT_SECRET_TYPE}"
SEALING_KEY_SECRET = "gitops-sealing-key"  # noqa: S105 - a name
#: Publications kept of each GitSync, apart from one of a sync that has not ended.
KEPT_SNAPSHOTS = 10


class SnapshotStore:
    """The snapshots in one namespace of a cluster."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self.namespace = namespace

    def load(self, namespace: str, name: str) -> Snapshot | None:
        """The newest readable snapshot of GitSync ``namespace``/``name``, or None."""
        return self.load_by_label(managed_by(namespace, name))

    def load_by_label(self, label: str) -> Snapshot | None:
        """The same of the GitSync that objects with this value of the managed-by label belong to."""
        chunks = self._listed(f"{GITSYNC_LABEL}={label}", metadata_only=False)
        return newest(chunks).get(label)

    def load_kept(self, namespace: str, name: str) -> list[Snapshot]:
        """All readable snapshots of syncs of a GitSync that have ended, the newest first."""
        label = managed_by(namespace, name)
        publications: dict[int, list[Object]] = defaultdict(list)
        for chunk in self._listed(f"{GITSYNC_LABEL}={label}", metadata_only=False):
            publications[sequence_of(chunk)[1]].append(chunk)
        found = [newest(publications[sequence]).get(label) for sequence in sorted(publications, reverse=True)]
        return [snapshot for snapshot in found if snapshot is not None and snapshot.complete]

    def load_all(self) -> list[Snapshot]:
        """The newest readable snapshot of each GitSync, by namespace and name."""
        found = newest(self._listed(GITSYNC_LABEL, metadata_only=False)).values()
        return sorted(found, key=lambda snapshot: (snapshot.namespace, snapshot.name))

    def has(self, snapshot: Snapshot) -> bool:
        """Whether all of a published snapshot is still there."""
        owner = managed_by(snapshot.namespace, snapshot.name)
        return is_whole(self._listed(f"{GITSYNC_LABEL}={owner}"), snapshot.sequence)

    def publish(self, snapshot: Snapshot) -> None:
        """Store a snapshot, then delete those of the same GitSync that it makes superfluous."""
        for secret in encode(snapshot, namespace=self.namespace):
            create_object(self._cluster, SECRETS, secret, manager=CONTROLLER_FIELD_MANAGER)
        try:
            self._collect_garbage(managed_by(snapshot.namespace, snapshot.name))
        except ClusterError as exc:  # what counts is stored; the next publication collects it too
            _log.warning("old snapshots of %s/%s stay: %s", snapshot.namespace, snapshot.name, exc)

    def delete_of(self, uid: str) -> None:
        """Forget the GitSync with this uid, but not one that has its name now."""
        self._delete(self._listed(f"{UID_LABEL}={uid}"))

    def uids(self) -> set[str]:
        """The uids of all GitSyncs of which anything is stored."""
        return {str(chunk["metadata"]["labels"][UID_LABEL]) for chunk in self._listed(UID_LABEL)}

    def sealing_key(self) -> bytes:
        """The key that seals values of Secrets in this namespace's snapshots; made when first asked for."""
        return self.find_sealing_key() or self.keep_sealing_key(new_sealing_key())

    def keep_sealing_key(self, fresh: bytes) -> bytes:
        """Store a key where there is none yet; the one that counts, which is another's if that came first."""
        secret: Object = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SEALING_KEY_SECRET, "namespace": self.namespace},
            "immutable": True,
            "data": {"key": base64.b64encode(fresh).decode()},
        }
        try:
            create_object(self._cluster, SECRETS, secret, manager=CONTROLLER_FIELD_MANAGER)
        except Conflict:
            found = self.find_sealing_key()
            assert found is not None
            return found
        return fresh

    def find_sealing_key(self) -> bytes | None:
        """The sealing key, or None where nothing was stored in this namespace yet. Writes nothing."""
        secret = get_object(self._cluster, SECRETS, self.namespace, SEALING_KEY_SECRET)
        return sealing_key_in(secret) if secret else None

    def _listed(self, label_selector: str, *, metadata_only: bool = True) -> list[Object]:
        return list_objects(
            self._cluster,
            SECRETS,
            namespace=self.namespace,
            label_selector=label_selector,
            field_selector=SNAPSHOT_FIELD_SELECTOR,
            metadata_only=metadata_only,
        ).items

    def _collect_garbage(self, owner: str) -> None:
        self._delete(superfluous(self._listed(f"{GITSYNC_LABEL}={owner}")))

    def _delete(self, chunks: Iterable[Object]) -> None:
        for chunk in chunks:
            with contextlib.suppress(NotFound):
                delete_object(self._cluster, SECRETS, self.namespace, chunk["metadata"]["name"])


def sealing_key_in(secret: Object) -> bytes:
    """The key in the Secret SEALING_KEY_SECRET."""
    return base64.b64decode(secret["data"]["key"])


def new_sealing_key() -> bytes:
    return secrets.token_bytes(32)


def superfluous(chunks: Iterable[Object]) -> list[Object]:
    """Of one GitSync's chunks those to delete: all but the newest publication, and the last ten of ended syncs."""
    publications: dict[int, list[Object]] = defaultdict(list)
    for chunk in chunks:
        publications[sequence_of(chunk)[1]].append(chunk)
    ended = [sequence for sequence in sorted(publications) if is_complete(publications[sequence][0])]
    kept = {max(publications, default=0), *ended[-KEPT_SNAPSHOTS:]}
    return [chunk for sequence in sorted(publications.keys() - kept) for chunk in publications[sequence]]


def next_sequence(previous: Snapshot | None) -> int:
    """A number above every earlier publication: the time in milliseconds, unless a clock went back."""
    now = time.time_ns() // 1_000_000
    return max(now, previous.sequence + 1) if previous else now
