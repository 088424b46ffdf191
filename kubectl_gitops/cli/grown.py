"""The tree of each GitSync, grown from its snapshot and from one LIST for each kind and namespace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.api.names import API_VERSION, GROUP, KIND, MANAGED_BY_LABEL
from kubectl_gitops.api.objects import Object, ResourceKey, key_of
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.reading import read_autoscalers
from kubectl_gitops.cluster.survey import Part, survey
from kubectl_gitops.diff.drift import ObjectDrift
from kubectl_gitops.diff.path import format_path
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.health.assessment import health_of
from kubectl_gitops.health.checks import HealthCheck, checks_of
from kubectl_gitops.health.model import Health, HealthStatus, worst
from kubectl_gitops.report.text import count_of
from kubectl_gitops.report.tree import Node
from kubectl_gitops.snapshot.model import Entry, Snapshot
from kubectl_gitops.snapshot.store import SnapshotStore
from kubectl_gitops.sync.children import by_owner, parts_to_search
from kubectl_gitops.sync.livedrift import LiveDrift

_NOT_SYNCED = "NotSynced"
_UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """A node for each GitSync; and what could not be looked at: (what, why)."""

    roots: tuple[Node, ...]
    unseen: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sight:
    """What was seen of the cluster. ``hidden`` says of declared objects that could not be looked at why not."""

    live: Mapping[ResourceKey, Object]
    children: Mapping[str, Sequence[Object]]
    hidden: Mapping[ResourceKey, str]


def grow(
    cluster: Cluster, discovery: Discovery, store: SnapshotStore, gitsyncs: Sequence[tuple[GitSync, Object]]
) -> Grown:
    """The trees of GitSyncs. Raises Forbidden where their snapshots may not be read, Unauthorized, Unreachable."""
    snapshots = [store.load(gitsync.namespace, gitsync.name) for gitsync, _ in gitsyncs]
    pairs = {pair for snapshot in snapshots if snapshot for pair in _inventory(snapshot)}
    served = {pair: discovery.find(pair[0], pair[1].kind) for pair in pairs}
    part_of = {key: Part(found, key.namespace) for (_, key), found in served.items() if found is not None}
    declared = set(part_of.values())
    made, light = parts_to_search(declared, discovery)
    # The same kind may be declared in another version than the server prefers: then that one is asked for.
    in_other_version = {(part.resource.group, part.resource.kind, part.namespace) for part in declared}
    made = {part for part in made if (part.resource.group, part.resource.kind, part.namespace) not in in_other_version}
    seen = survey(cluster, declared | made, metadata_only=light & made)
    down = {
        key: f"the server of API group {key.group} is down"
        for (_, key), found in served.items()
        if found is None and key.group in discovery.stale_groups
    }
    sight = _Sight(
        live={key_of(obj): obj for part in declared for obj in seen.found.get(part, ())},
        children=by_owner(obj for found in seen.found.values() for obj in found),
        hidden=down | {key: str(seen.failed[part]) for key, part in part_of.items() if part in seen.failed},
    )
    sealing_key = (store.find_sealing_key() if pairs else None) or b""
    roots = tuple(
        _root(gitsync, obj, snapshot, sight, cluster, discovery, sealing_key)
        for (gitsync, obj), snapshot in zip(gitsyncs, snapshots, strict=True)
    )
    unseen = {(f"API group {key.group}", why) for key, why in down.items()}
    return Grown(roots=roots, unseen=tuple(sorted(unseen | {(one.what, one.why) for one in seen.unseen})))


def _inventory(snapshot: Snapshot) -> Iterable[tuple[str, ResourceKey]]:
    return [*((entry.api_version, entry.key) for entry in snapshot.entries), *snapshot.owed]


def _root(
    gitsync: GitSync,
    obj: Object,
    snapshot: Snapshot | None,
    sight: _Sight,
    cluster: Cluster,
    discovery: Discovery,
    sealing_key: bytes,
) -> Node:
    key = ResourceKey(GROUP, KIND, gitsync.namespace, gitsync.name)
    if snapshot is None or snapshot.uid not in {"", gitsync.uid}:
        return Node(key=key, api_version=API_VERSION, sync=_NOT_SYNCED, note="it has not synced yet")
    checks = checks_of(gitsync.health_checks)
    nodes = tuple(
        _grown(entry, drift, snapshot, sight, checks)
        for entry, drift in _drifts(snapshot, sight, Rules.of(gitsync), cluster, discovery, sealing_key)
    )
    orphans = tuple(
        _node(sight.live[owed], sight, checks, snapshot.by_key, sync="Orphaned", note="Git no longer declares it")
        for _, owed in snapshot.owed
        if owed in sight.live and _label(sight.live[owed]) == gitsync.label
    )
    healths = [node.health.status for node in nodes if node.health]
    revision = snapshot.revision.short if snapshot.revision else ""
    notes = [
        f"{gitsync.revision}@{revision}" if revision else "",
        "" if snapshot.complete else "it is being synced",
        "suspended" if gitsync.suspended else "",
        "it is being deleted" if obj["metadata"].get("deletionTimestamp") else "",
    ]
    return Node(
        key=key,
        api_version=API_VERSION,
        sync=_sync_of([node.sync for node in (*nodes, *orphans)]),
        health=Health(worst(healths)),
        note=", ".join(filter(None, notes)),
        children=(*nodes, *orphans),
    )


def _sync_of(words: Sequence[str]) -> str:
    """Of a GitSync, by its objects."""
    others = set(words) - {"Synced"}
    return "Synced" if not others else _UNKNOWN if others == {_UNKNOWN} else "Drifted"


def _drifts(
    snapshot: Snapshot, sight: _Sight, rules: Rules, cluster: Cluster, discovery: Discovery, sealing_key: bytes
) -> list[tuple[Entry, ObjectDrift | None]]:
    """Each entry, and how it has drifted. Where replicas have, autoscalers are asked for, as drift does."""
    judge = LiveDrift()
    judged = judge.judge(snapshot, sight.live, sealing_key=sealing_key, rules=rules, autoscalers={})
    if scaled := judge.scaled_namespaces:
        autoscalers = {namespace: read_autoscalers(cluster, discovery, [namespace]) for namespace in scaled}
        judged = judge.judge(snapshot, sight.live, sealing_key=sealing_key, rules=rules, autoscalers=autoscalers)
    return [(entry, one.drift) for entry, one in zip(snapshot.entries, judged, strict=False)]


def _grown(
    entry: Entry, drift: ObjectDrift | None, snapshot: Snapshot, sight: _Sight, checks: Sequence[HealthCheck]
) -> Node:
    """A declared object and all below it."""
    if why := sight.hidden.get(entry.key):
        unknown = Health(HealthStatus.UNKNOWN, f"it could not be looked at: {why}")
        return Node(key=entry.key, api_version=entry.api_version, sync=_UNKNOWN, health=unknown)
    live = sight.live.get(entry.key)
    if live is None:
        health = health_of(None)
        return Node(key=entry.key, api_version=entry.api_version, sync="Missing", health=health)
    if entry.canonical is None:
        note = "its declaration was never applied"
        return _node(live, sight, checks, snapshot.by_key, sync=_NOT_SYNCED, note=note)
    sync = str(drift.kind) if drift else "Synced"
    return _node(live, sight, checks, snapshot.by_key, sync=sync, note=_note(drift) if drift else "")


def _note(drift: ObjectDrift) -> str:
    paths = [format_path(field.path) for field in drift.fields]
    more = f" and {count_of(len(paths) - 1, 'more field')}" if len(paths) > 1 else ""
    return f"{paths[0]}{more}" if paths else drift.note


def _node(
    obj: Object,
    sight: _Sight,
    checks: Sequence[HealthCheck],
    declared: Mapping[ResourceKey, Entry],
    above: frozenset[str] = frozenset(),
    *,
    sync: str = "",
    note: str = "",
) -> Node:
    """An object and what it owns. What is declared itself has a line of its own, and owners in a circle end."""
    uid = obj["metadata"]["uid"]
    above |= {uid}
    children = tuple(
        _node(child, sight, checks, declared, above)
        for child in sight.children.get(uid, ())
        if child["metadata"]["uid"] not in above and key_of(child) not in declared
    )
    return Node(
        key=key_of(obj),
        api_version=obj["apiVersion"],
        sync=sync,
        health=health_of(obj, checks=checks),
        note=note,
        children=children,
    )


def _label(obj: Object) -> str | None:
    label: str | None = (obj["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL)
    return label
