"""One object that a person names, and the GitSync by which it is judged."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple, TypeGuard

from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.api.names import MANAGED_BY_LABEL, managed_by
from kubectl_gitops.api.objects import Declared, Object, ResourceKey
from kubectl_gitops.cli.objectname import parse_object_name
from kubectl_gitops.cli.targets import gitsync_of, gitsync_resource
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.reading import get_object, list_objects
from kubectl_gitops.errors import Forbidden, InvalidInput, NotFound
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.snapshot.store import SnapshotStore
from kubectl_gitops.source.desired import Desired

_WITHOUT_GITSYNC = "kubectl gitops drift -f WHERE KIND/NAME compares it with files, whether it is managed or not"


def is_object_name(text: str | None) -> TypeGuard[str]:
    """Whether an argument is KIND/NAME; without a slash it is the name of a GitSync."""
    return text is not None and "/" in text


def key_named(discovery: Discovery, text: str, namespace: str) -> tuple[str, ResourceKey]:
    """The apiVersion and the key that ``KIND/NAME`` stands for; a cluster-scoped kind is in no namespace.

    Raises InvalidInput where there is no such kind.
    """
    word, name = parse_object_name(text)
    resource = discovery.resolve(word)
    key = ResourceKey(resource.group, resource.kind, namespace if resource.namespaced else "", name)
    return resource.api_version, key


class Managed(NamedTuple):
    """An object's key, and the GitSync that manages it; ``snapshot`` tells of all that the GitSync has synced."""

    key: ResourceKey
    gitsync: GitSync
    snapshot: Snapshot


def find_managed(cluster: Cluster, discovery: Discovery, store: SnapshotStore, text: str, namespace: str) -> Managed:
    """The GitSync that manages ``KIND/NAME``: that of its label, else the one that has synced it.

    Without a label it may have drifted all the same: it was deleted, or made anew, or lost its label by hand.
    Raises InvalidInput or NotFound where no GitSync declares it.
    """
    api_version, key = key_named(discovery, text, namespace)
    resource = discovery.need(api_version, key.kind)
    live = get_object(cluster, resource, key.namespace, key.name)
    label = (live["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL) if live else None
    if not label:
        return _by_snapshot(cluster, discovery, store, key, is_there=live is not None)
    gitsync = _labelled(cluster, discovery, label)
    if gitsync is None:
        raise NotFound(
            f"{key.described} is labelled as managed by {label}, and there is no such GitSync", hint=_WITHOUT_GITSYNC
        )
    snapshot = store.load(gitsync.namespace, gitsync.name)
    if snapshot is None or not _tells_of(snapshot, key):
        why = "does not declare it" if snapshot else "has not synced yet"
        raise InvalidInput(
            f"{key.described} is labelled as managed by GitSync {gitsync}, which {why}", hint=_WITHOUT_GITSYNC
        )
    return Managed(key, gitsync, snapshot)


def _by_snapshot(
    cluster: Cluster, discovery: Discovery, store: SnapshotStore, key: ResourceKey, *, is_there: bool
) -> Managed:
    snapshots: list[Snapshot] = []
    with suppress(Forbidden):  # then its label is all that can tell, and it has none
        snapshots = store.load_all()
    for snapshot in snapshots:
        if _tells_of(snapshot, key):
            gitsync = _existing(cluster, discovery, snapshot.namespace, snapshot.name)
            if gitsync is not None:
                return Managed(key, gitsync, snapshot)
    if not is_there:
        raise NotFound(f"{key.described} does not exist, and no GitSync declares it", hint="-n names another namespace")
    raise InvalidInput(f"{key.described} is managed by no GitSync", hint=_WITHOUT_GITSYNC)


def _tells_of(snapshot: Snapshot, key: ResourceKey) -> bool:
    return key in snapshot.by_key or any(owed == key for _, owed in snapshot.owed)


def _labelled(cluster: Cluster, discovery: Discovery, label: str) -> GitSync | None:
    """The GitSync with that label value on its objects. The value names it, unless it was too long and is a hash."""
    namespace, _, name = label.partition(".")
    found = _existing(cluster, discovery, namespace, name) if name else None
    if found is not None and found.label == label:
        return found
    every = list_objects(cluster, gitsync_resource(discovery)).items
    return next((gitsync_of(obj) for obj in every if _label_of(obj) == label), None)


def _label_of(obj: Object) -> str:
    return managed_by(obj["metadata"]["namespace"], obj["metadata"]["name"])


def _existing(cluster: Cluster, discovery: Discovery, namespace: str, name: str) -> GitSync | None:
    found = get_object(cluster, gitsync_resource(discovery), namespace, name)
    return gitsync_of(found) if found is not None else None


def only_object(desired: Desired, discovery: Discovery, text: str, namespace: str) -> Desired:
    """What declares ``KIND/NAME``, and nothing else. Raises InvalidInput where it is not declared."""
    _, key = key_named(discovery, text, namespace)
    declared = tuple(one for one in desired.declared if _is_of(key, namespace)(one))
    if not declared:
        raise InvalidInput(
            f"{desired.where} does not declare {key.described}",
            hint="kubectl gitops render -f lists what it declares; -n names the namespace of what names none",
        )
    return replace(desired, declared=declared)


def _is_of(key: ResourceKey, default_namespace: str) -> Callable[[Declared], bool]:
    """Whether a declared object is that of the key; in Git it may leave the namespace out, or name one in vain."""
    return lambda one: (
        (one.key.group, one.key.kind, one.key.name) == (key.group, key.kind, key.name)
        and (not key.namespace or (one.key.namespace or default_namespace) == key.namespace)
    )
