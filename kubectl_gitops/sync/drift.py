"""Find drift: the cluster against a snapshot, or against a plan of what Git declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from kubectl_gitops.api.names import FIELD_MANAGER, MANAGED_BY_LABEL, managed_by
from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.reading import read_autoscalers, read_objects
from kubectl_gitops.diff.additions import added_fields, came_later, without_reference
from kubectl_gitops.diff.attribution import owner_of
from kubectl_gitops.diff.compare import FieldChange, compare
from kubectl_gitops.diff.drift import DriftedField, DriftKind, ObjectDrift, attribute, gravest
from kubectl_gitops.diff.fieldset import FieldSet, beyond, managed_fields, our_fields_v1, project
from kubectl_gitops.diff.path import ABSENT, lookup
from kubectl_gitops.diff.rules import Rules, is_about_replicas, scaled_by
from kubectl_gitops.diff.secrets import holds_secret_values, masked, seal
from kubectl_gitops.snapshot.model import Entry, Snapshot
from kubectl_gitops.sync.showing import shown


class Judged(NamedTuple):
    """How one object is: what of it has drifted, and what differs and does not count. None where there is nothing."""

    drift: ObjectDrift | None = None
    ignored: ObjectDrift | None = None


def drift_of(entry: Entry, live: Object | None, sealing_key: bytes, rules: Rules) -> Judged:
    """How one object differs from its entry. Where its canonical form is not known yet, only whether it is there."""
    if live is None:
        desired = shown({**_identity(entry), **entry.canonical.tree}) if entry.canonical else None
        return Judged(_drift(DriftKind.MISSING, entry, desired=desired))
    if entry.canonical is None:
        return Judged()
    sealed = seal(live, sealing_key)
    fields = entry.fields
    is_ours = our_fields_v1(live) is not None
    found = [
        *_modified(entry, fields, sealed),
        *(_stale(fields, sealed) if is_ours else ()),
        *_added(entry, fields, sealed, rules),
    ]
    if not found and is_ours:
        return Judged()
    counted, unheeded = rules.for_object(entry.key, live, entry.canonical.tree).marked(found)
    # What an object was created with, and does not count, was nobody's later doing: not even worth a count.
    ignored = tuple(
        one
        for one in unheeded
        if one.kind is not DriftKind.ADDED or one.owner is None or came_later(one.owner, live, fields)
    )
    trees = _trees(entry, sealed, fields, found)
    drift = _drift(gravest(counted), entry, counted, *trees) if counted else None
    if not is_ours and not any(one.kind is DriftKind.MODIFIED for one in counted):
        drift = _drift(DriftKind.UNOWNED, entry, counted, *trees, note=_why_unowned(live))
    return Judged(drift, _drift(gravest(ignored), entry, ignored, *trees) if ignored else None)


def _modified(entry: Entry, fields: FieldSet, sealed: Object) -> tuple[DriftedField, ...]:
    assert entry.canonical is not None
    changes = list(compare(entry.canonical.tree, sealed, fields))
    return attribute([_fit_to_show(change, entry) for change in changes], sealed, entry.origin_of) if changes else ()


def _stale(fields: FieldSet, sealed: Object) -> Iterator[DriftedField]:
    """What our manager owns beyond what we declare: somebody applied under our name."""
    for path in beyond(FieldSet.parse(our_fields_v1(sealed) or {}), fields):
        value = lookup(sealed, path)
        if value is not ABSENT:
            owner = owner_of(sealed, path)
            yield DriftedField(path=path, desired=ABSENT, live=value, owner=owner, kind=DriftKind.STALE)


def _added(entry: Entry, fields: FieldSet, sealed: Object, rules: Rules) -> Iterator[DriftedField]:
    # What may be a default that the API server filled in for whoever created the object is not called an addition.
    told, _ = without_reference(added_fields(sealed, fields, rules.humans), sealed, fields)
    for one in told:
        change = _fit_to_show(FieldChange(one.path, ABSENT, one.value), entry)
        yield DriftedField(path=one.path, desired=ABSENT, live=change.live, owner=one.owner, kind=DriftKind.ADDED)


def _fit_to_show(change: FieldChange, entry: Entry) -> FieldChange:
    return masked(change) if holds_secret_values(entry.key.group, entry.kind) else change


def _why_unowned(live: Object) -> str:
    if not managed_fields(live):
        return f"its managedFields were cleared, so nobody, {FIELD_MANAGER} included, owns anything of it"
    label = (live["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL)
    return f"field manager {FIELD_MANAGER} owns nothing of it" + (f"; its label says {label}" if label else "")


def _trees(
    entry: Entry, sealed: Object, fields: FieldSet, found: Iterable[DriftedField]
) -> tuple[Object | None, Object | None]:
    """Both sides to show as a unified diff: at the fields that we declare, and at those that differ."""
    assert entry.canonical is not None
    beyond_ours = [one.path for one in found if one.kind is not DriftKind.MODIFIED]
    wide = fields.union(FieldSet.of(beyond_ours)) if beyond_ours else fields
    desired = shown({**_identity(entry), **entry.canonical.tree})
    return desired, shown({**_identity(entry), **project(sealed, wide)})


def find_drift(
    snapshot: Snapshot, *, reader: Cluster, discovery: Discovery, sealing_key: bytes, rules: Rules
) -> list[Judged]:
    """All drift of a snapshot's objects: one LIST for each kind and namespace, and no dry-run."""
    pairs = [*((entry.api_version, entry.key) for entry in snapshot.entries), *snapshot.owed]
    served = [(discovery.find(api_version, key.kind), key) for api_version, key in pairs]
    live = read_objects(reader, [(resource, key) for resource, key in served if resource is not None])
    judged = [(entry, drift_of(entry, live.get(entry.key), sealing_key, rules)) for entry in snapshot.entries]
    scaled = {entry.key.namespace for entry, one in judged if one.drift and is_about_replicas(one.drift.fields)}
    wider = rules.beside(scaled_by(read_autoscalers(reader, discovery, scaled))) if scaled else rules
    found = [
        drift_of(entry, live.get(entry.key), sealing_key, wider) if entry.key.namespace in scaled else one
        for entry, one in judged
    ]
    return [*found, *orphans_in(snapshot, live)]


def orphans_in(snapshot: Snapshot, live: Mapping[ResourceKey, Object]) -> list[Judged]:
    """The objects that Git no longer declares and that are still there as the GitSync's."""
    label = managed_by(snapshot.namespace, snapshot.name)
    return [
        Judged(ObjectDrift(kind=DriftKind.ORPHANED, key=key, api_version=api_version, origin=None, commit=None))
        for api_version, key in snapshot.owed
        if key in live and (live[key]["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL) == label
    ]


def _identity(entry: Entry) -> Object:
    return {"apiVersion": entry.api_version, "kind": entry.kind}


def _drift(
    kind: DriftKind,
    entry: Entry,
    fields: tuple[DriftedField, ...] = (),
    desired: Object | None = None,
    live: Object | None = None,
    *,
    note: str = "",
) -> ObjectDrift:
    return ObjectDrift(
        kind=kind,
        key=entry.key,
        api_version=entry.api_version,
        origin=entry.origin,
        commit=entry.commit,
        fields=fields,
        desired=desired,
        live=live,
        note=note,
    )
