"""Find drift: the cluster against a snapshot, or against a plan of what Git declares."""

from __future__ import annotations

from collections.abc import Iterable

from kubectl_gitops.api.names import MANAGED_BY_LABEL, managed_by
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.reading import read_objects
from kubectl_gitops.diff.compare import FieldChange, compare
from kubectl_gitops.diff.drift import DriftKind, ObjectDrift, attribute
from kubectl_gitops.diff.fieldset import project
from kubectl_gitops.diff.secrets import holds_secret_values, masked, seal
from kubectl_gitops.snapshot.model import Entry, Snapshot
from kubectl_gitops.sync.showing import shown


def drift_of(entry: Entry, live: Object | None, sealing_key: bytes) -> ObjectDrift | None:
    """How one object differs from its entry, or None: it does not, or its canonical form is not known yet."""
    if live is None:
        desired = shown({**_identity(entry), **entry.canonical.tree}) if entry.canonical else None
        return _drift(DriftKind.MISSING, entry, desired=desired)
    if entry.canonical is None:
        return None
    sealed = seal(live, sealing_key)
    changes = list(compare(entry.canonical.tree, sealed, entry.fields))
    if not changes:
        return None
    if holds_secret_values(entry.key.group, entry.kind):
        changes = [masked(change) for change in changes]
    return _drift(
        DriftKind.MODIFIED,
        entry,
        changes,
        live,
        desired=shown({**_identity(entry), **entry.canonical.tree}),
        live_tree=shown({**_identity(entry), **project(sealed, entry.fields)}),
    )


def find_drift(
    snapshot: Snapshot, *, reader: Cluster, discovery: Discovery, sealing_key: bytes
) -> tuple[ObjectDrift, ...]:
    """All drift of a snapshot's objects: one LIST for each kind and namespace, and no dry-run."""
    pairs = [*((entry.api_version, entry.key) for entry in snapshot.entries), *snapshot.owed]
    served = [(discovery.find(api_version, key.kind), key) for api_version, key in pairs]
    live = read_objects(reader, [(resource, key) for resource, key in served if resource is not None])
    found = [drift_of(entry, live.get(entry.key), sealing_key) for entry in snapshot.entries]
    label = managed_by(snapshot.namespace, snapshot.name)
    orphans = [
        ObjectDrift(kind=DriftKind.ORPHANED, key=key, api_version=api_version, origin=None, commit=None)
        for api_version, key in snapshot.owed
        if key in live and (live[key]["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL) == label
    ]
    return _sorted([*(drift for drift in found if drift is not None), *orphans])


def _identity(entry: Entry) -> Object:
    return {"apiVersion": entry.api_version, "kind": entry.kind}


def _drift(
    kind: DriftKind,
    entry: Entry,
    changes: Iterable[FieldChange] = (),
    live: Object | None = None,
    *,
    desired: Object | None = None,
    live_tree: Object | None = None,
) -> ObjectDrift:
    return ObjectDrift(
        kind=kind,
        key=entry.key,
        api_version=entry.api_version,
        origin=entry.origin,
        commit=entry.commit,
        fields=attribute(list(changes), live or {}),
        desired=desired,
        live=live_tree,
    )


def _sorted(drifts: Iterable[ObjectDrift]) -> tuple[ObjectDrift, ...]:
    return tuple(sorted(drifts, key=lambda drift: (drift.key.namespace, drift.key.kind, drift.key.name)))
