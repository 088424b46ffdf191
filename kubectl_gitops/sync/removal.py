"""What becomes of objects whose GitSync is deleted: they are deleted, in reverse order, or released as they are.

An object is ours only as long as it carries the label: what another GitSync has taken over since is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from kubectl_gitops.api.names import (
    ARGOCD_SYNC_OPTIONS_ANNOTATION,
    CONTROLLER_FIELD_MANAGER,
    HELM_RESOURCE_POLICY_ANNOTATION,
    MANAGED_BY_LABEL,
    PRUNE_ANNOTATION,
)
from kubectl_gitops.api.objects import Object, ResourceKey, key_of
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.failures import is_temporary
from kubectl_gitops.cluster.reading import get_object
from kubectl_gitops.cluster.writing import delete_object, merge_patch
from kubectl_gitops.errors import ClusterError, Conflict, GitOpsError, NotFound
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.sync.dryrun import PARALLEL_REQUESTS
from kubectl_gitops.sync.observing import observe
from kubectl_gitops.sync.order import prune_stages

#: With them goes what Git does not declare, and what nobody can bring back: only where Git says so itself.
PRECIOUS_KINDS = frozenset({"Namespace", "CustomResourceDefinition", "PersistentVolumeClaim"})
_ATTEMPTS = 5

Inventory = tuple[tuple[str, ResourceKey], ...]
T = TypeVar("T")
R = TypeVar("R")


def inventory_of(snapshot: Snapshot) -> Inventory:
    """(apiVersion, key) of all that a GitSync has in the cluster: what it declares, and what it owes a prune."""
    pairs = [*((entry.api_version, entry.key) for entry in snapshot.entries), *snapshot.owed]
    return tuple(dict.fromkeys(pairs))


def kept_because(obj: Object) -> str:
    """Why an object is not deleted with its GitSync; "" where it is. Pure."""
    annotations = obj["metadata"].get("annotations") or {}
    own = annotations.get(PRUNE_ANNOTATION)
    if own == "allowed":
        return ""
    if own is not None:  # "confirm" cannot be asked for here; and a slip must delete nothing
        return f"{PRUNE_ANNOTATION}: {own}"
    options = [one.strip() for one in str(annotations.get(ARGOCD_SYNC_OPTIONS_ANNOTATION) or "").split(",")]
    if option := next((one for one in options if one in {"Delete=false", "Delete=confirm"}), ""):
        return f"{ARGOCD_SYNC_OPTIONS_ANNOTATION}: {option}"
    if annotations.get(HELM_RESOURCE_POLICY_ANNOTATION) == "keep":
        return f"{HELM_RESOURCE_POLICY_ANNOTATION}: keep"
    if obj["kind"] in PRECIOUS_KINDS:
        return f"a {obj['kind']} goes only with {PRUNE_ANNOTATION}: allowed in Git"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a deletion is. ``waiting`` are still there, ``refused`` could not be deleted, ``kept`` are to stay."""

    left: int
    waiting: tuple[Object, ...]
    refused: tuple[tuple[ResourceKey, GitOpsError], ...]
    kept: tuple[Object, ...]


class Remover:
    """Removes or releases what has ``label``. Reads as ``reader``, writes with the rights of ``writer``."""

    def __init__(self, *, reader: Cluster, writer: Cluster, discovery: Discovery, label: str) -> None:
        self._reader = reader
        self._writer = writer
        self._discovery = discovery
        self._label = label

    def observe(self, inventory: Inventory) -> list[Object]:
        """Those of the inventory that are there and ours, in its order. Raises ClusterError."""
        live = observe(self._reader, self._discovery, inventory)
        return [live[key] for _, key in inventory if key in live and self._is_ours(live[key])]

    def advance(self, inventory: Inventory) -> Progress:
        """Delete what comes next: the last stage of the order of a sync of which anything is left.

        To be called again until nothing is waiting nor refused. Raises ClusterError where nothing can be read.
        """
        ours = self.observe(inventory)
        kept = tuple(obj for obj in ours if kept_because(obj))
        doomed = [obj for obj in ours if not kept_because(obj)]
        stages = prune_stages((obj, obj) for obj in doomed)
        stage = stages[0].items if stages else ()
        errors = _in_parallel(self._delete, [obj for obj in stage if not obj["metadata"].get("deletionTimestamp")])
        refused = tuple((key, error) for key, error in errors if error is not None)
        failed = {key for key, _ in refused}
        waiting = tuple(obj for obj in stage if key_of(obj) not in failed)
        return Progress(left=len(doomed), waiting=waiting, refused=refused, kept=kept)

    def release(self, objects: Sequence[Object]) -> list[tuple[ResourceKey, GitOpsError]]:
        """Take our label off objects, and leave all else as it is.

        Returns those of which that was refused. Raises ClusterError where the same may well succeed a moment later.
        """
        results = _in_parallel(self._release, objects)
        return [(key, error) for key, error in results if error is not None]

    def _is_ours(self, obj: Object) -> bool:
        return bool((obj["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL) == self._label)

    def _delete(self, obj: Object) -> tuple[ResourceKey, GitOpsError | None]:
        key, uid = key_of(obj), obj["metadata"]["uid"]
        try:
            resource = self._discovery.need(obj["apiVersion"], key.kind)
            with suppress(NotFound, Conflict):  # gone, or another one by now: the next look tells
                delete_object(self._writer, resource, key.namespace, key.name, uid=uid)
        except GitOpsError as exc:
            return key, exc
        return key, None

    def _release(self, obj: Object) -> tuple[ResourceKey, GitOpsError | None]:
        key = key_of(obj)
        try:
            resource = self._discovery.need(obj["apiVersion"], key.kind)
            found: Object | None = obj
            for _ in range(_ATTEMPTS):
                if found is None or not self._is_ours(found):
                    return key, None
                try:
                    patch = {"metadata": released(found)}
                    merge_patch(
                        self._writer, resource, key.namespace, key.name, patch, manager=CONTROLLER_FIELD_MANAGER
                    )
                    return key, None
                except Conflict:
                    found = get_object(self._reader, resource, key.namespace, key.name)
        except NotFound:
            return key, None
        except ClusterError as exc:
            if is_temporary(exc):
                raise
            return key, exc
        except GitOpsError as exc:
            return key, exc
        return key, Conflict(f"{key.described} changes all the time")


def released(obj: Object) -> Object:
    """The metadata of a merge patch that takes our label off an object; it counts only for the object as given. Pure.

    The entry of our field manager stays: it says truly who set those fields, and by it a GitSync that declares the
    object later knows which fields to drop (docs/decisions/0007).
    """
    return {"resourceVersion": obj["metadata"]["resourceVersion"], "labels": {MANAGED_BY_LABEL: None}}


def _in_parallel(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    listed = list(items)
    with ThreadPoolExecutor(max(1, min(PARALLEL_REQUESTS, len(listed)))) as pool:
        return list(pool.map(work, listed))
