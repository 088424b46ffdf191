"""What is to be watched to see the objects of a snapshot, and what the watches show of them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from kubectl_gitops.api.names import MANAGED_BY_LABEL
from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.watchset import Scope
from kubectl_gitops.snapshot.model import Snapshot

#: Of a kind that is declared in more namespaces than this the whole cluster is watched, which takes the right to that.
MAX_NAMESPACES: Final = 8

Objects = Mapping[ResourceKey, Object]
#: The resource of an apiVersion and kind, or None where it is not served.
FindResource = Callable[[str, str], Resource | None]
#: Where an object is looked for first.
ScopeOf = Callable[[Resource, ResourceKey], Scope]
#: What is known to be in a scope; None where that is not known yet.
Shown = Callable[[Scope], Objects | None]


class Sighting(NamedTuple):
    """What is to be watched, and the objects that are there: None as long as not all of it is known."""

    scopes: tuple[Scope, ...]
    live: Objects | None


def by_name(resource: Resource, key: ResourceKey) -> Scope:
    """The one object."""
    return Scope(resource=resource, namespace=key.namespace, name=key.name)


def by_label(snapshots: Iterable[Snapshot], find: FindResource, label: str) -> ScopeOf:
    """What is labelled as managed by ``label`` ("": by anybody), of one kind, in a namespace or in all of them."""
    namespaces: dict[Resource, set[str]] = defaultdict(set)
    for snapshot in snapshots:
        for resource, keys in by_place(_of(snapshot), find):
            namespaces[resource].add(keys[0].namespace)
    apart = {resource for resource, found in namespaces.items() if len(found) <= MAX_NAMESPACES}
    selector = f"{MANAGED_BY_LABEL}={label}" if label else MANAGED_BY_LABEL

    def scope_of(resource: Resource, key: ResourceKey) -> Scope:
        namespace = key.namespace if resource in apart else ""
        return Scope(resource=resource, namespace=namespace, label_selector=selector)

    return scope_of


def sight(snapshot: Snapshot, find: FindResource, scope_of: ScopeOf, shown: Shown) -> Sighting:
    """The objects of a snapshot, as far as the watches show them.

    One that is declared, and not seen among those with the label, may be gone or have lost the label: what is beside
    it is watched then, whatever its labels.
    """
    scopes: dict[Scope, None] = {}
    live: dict[ResourceKey, Object] = {}
    is_known = True
    for resource, keys in by_place(_of(snapshot), find):
        scope = scope_of(resource, keys[0])
        scopes[scope] = None
        unseen = _take(keys, shown(scope), live)
        if unseen and scope.label_selector:
            declared = [key for key in unseen if key in snapshot.by_key]
            beside = whatever_its_label(resource, declared) if declared else None
            if beside is not None:
                scopes[beside] = None
                unseen = _take(declared, shown(beside), live)
        is_known = is_known and unseen is not None
    return Sighting(tuple(scopes), live if is_known else None)


def _take(
    keys: Iterable[ResourceKey], found: Objects | None, live: dict[ResourceKey, Object]
) -> list[ResourceKey] | None:
    """Note those that are there; the others. None where it is not known what is there."""
    if found is None:
        return None
    unseen = []
    for key in keys:
        if key in found:
            live[key] = found[key]
        else:
            unseen.append(key)
    return unseen


def whatever_its_label(resource: Resource, keys: Sequence[ResourceKey]) -> Scope:
    """As reading does: a single object by its name, several of one namespace as all that is there."""
    if len(keys) == 1:
        return by_name(resource, keys[0])
    return Scope(resource=resource, namespace=keys[0].namespace)


def by_place(
    pairs: Iterable[tuple[str, ResourceKey]], find: FindResource
) -> Iterator[tuple[Resource, list[ResourceKey]]]:
    """Keys, given with their apiVersions, by kind and namespace; without those of a kind that is not served."""
    groups: dict[tuple[str, str, str], list[ResourceKey]] = defaultdict(list)
    for api_version, key in pairs:
        groups[api_version, key.kind, key.namespace].append(key)
    for (api_version, kind, _), keys in groups.items():
        resource = find(api_version, kind)
        if resource is not None:
            yield resource, keys


def _of(snapshot: Snapshot) -> Iterator[tuple[str, ResourceKey]]:
    yield from ((entry.api_version, entry.key) for entry in snapshot.entries)
    yield from snapshot.owed
