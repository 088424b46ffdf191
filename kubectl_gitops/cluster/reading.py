"""Read the cluster: one object, a paged LIST, and many objects with as few requests as possible."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.cluster.connection import JSON, Cluster
from kubectl_gitops.cluster.discovery import Discovery, Resource
from kubectl_gitops.errors import Expired, Forbidden, NotFound

PAGE_SIZE = 500
#: Have a LIST leave out all but metadata.
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
#: LISTs at once. They are served from the API server's cache, and our own parsing is the limit soon.
PARALLEL_LISTS = 8


@dataclass(frozen=True, slots=True)
class Listing:
    """The objects of a LIST, and the resourceVersion to WATCH from."""

    items: list[Object]
    resource_version: str


def get_object(cluster: Cluster, resource: Resource, namespace: str, name: str) -> Object | None:
    """The object, or None where there is none (or no such namespace)."""
    try:
        return cluster.get(resource.path(namespace, name))
    except NotFound:
        return None


def list_objects(
    cluster: Cluster,
    resource: Resource,
    *,
    namespace: str = "",
    label_selector: str | None = None,
    field_selector: str | None = None,
    metadata_only: bool = False,
    page_size: int = PAGE_SIZE,
) -> Listing:
    """All objects of a kind, page by page, each with its apiVersion and kind.

    A continue token that expires half-way (410) starts the LIST anew, so that the result is one consistent state.
    """
    query: dict[str, str | int | None] = {
        "limit": page_size,
        "labelSelector": label_selector,
        "fieldSelector": field_selector,
    }
    items: list[Object] = []
    while True:
        try:
            page = cluster.get(resource.path(namespace), query, accept=_METADATA_ONLY if metadata_only else JSON)
        except Expired:
            if not query.pop("continue", None):
                raise
            items.clear()
            continue
        for item in page.get("items") or []:
            item["apiVersion"], item["kind"] = resource.api_version, resource.kind
            items.append(item)
        token = page["metadata"].get("continue")
        if not token:
            return Listing(items, page["metadata"]["resourceVersion"])
        query["continue"] = token


def read_autoscalers(cluster: Cluster, discovery: Discovery, namespaces: Iterable[str]) -> list[Object]:
    """The HorizontalPodAutoscalers of some namespaces; of those in which they may not be listed, none."""
    resource = discovery.find("autoscaling/v2", "HorizontalPodAutoscaler")
    found: list[Object] = []
    for namespace in namespaces if resource is not None else ():
        assert resource is not None
        with suppress(Forbidden, NotFound):
            found += list_objects(cluster, resource, namespace=namespace).items
    return found


def read_objects(
    cluster: Cluster,
    wanted: Iterable[tuple[Resource, ResourceKey]],
    *,
    forbidden: Callable[[Collection[ResourceKey], Forbidden], None] | None = None,
) -> dict[ResourceKey, Object]:
    """Those of the wanted objects that exist, by key: one LIST for each kind and namespace, a GET for a single one.

    Of a kind that is served no longer (its CRD was deleted) there are none. ``forbidden``, where given, is told what
    may not be read, instead of an error for all; it is called from many threads.
    """
    groups: dict[tuple[Resource, str], set[ResourceKey]] = defaultdict(set)
    for resource, key in wanted:
        groups[resource, key.namespace].add(key)

    def read(group: tuple[tuple[Resource, str], set[ResourceKey]]) -> list[tuple[ResourceKey, Object]]:
        try:
            return read_group(*group)
        except Forbidden as exc:
            if forbidden is None:
                raise
            forbidden(group[1], exc)
            return []

    def read_group(of: tuple[Resource, str], keys: set[ResourceKey]) -> list[tuple[ResourceKey, Object]]:
        resource, namespace = of
        if len(keys) == 1:
            (key,) = keys
            found = get_object(cluster, resource, namespace, key.name)
            return [(key, found)] if found is not None else []
        by_name = {key.name: key for key in keys}
        try:
            items = list_objects(cluster, resource, namespace=namespace).items
        except NotFound:
            return []
        return [(by_name[o["metadata"]["name"]], o) for o in items if o["metadata"]["name"] in by_name]

    with ThreadPoolExecutor(PARALLEL_LISTS) as pool:
        return {key: obj for pairs in pool.map(read, groups.items()) for key, obj in pairs}
