"""Take an installation out of a cluster: nobody is locked out on the way, and no workload stops.

What GitSyncs need to go on after another installation stays, unless all is purged: they, their CRDs, and, where there
are any, the namespace with their snapshots.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from kubectl_gitops.api.names import (
    API_VERSION,
    CONTROLLER_FIELD_MANAGER,
    FLOOR_CONTENT,
    GROUP,
    KIND,
    MANAGED_BY_LABEL,
    WEBHOOK_CA_SECRET,
    WEBHOOK_CONFIGURATION,
    WEBHOOK_REGISTERED,
)
from kubectl_gitops.api.objects import Object, ResourceKey, key_of
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery, Resource
from kubectl_gitops.cluster.reading import get_object, list_objects
from kubectl_gitops.cluster.writing import delete_object, merge_patch
from kubectl_gitops.errors import NotFound
from kubectl_gitops.installation.manifests import namespace_of
from kubectl_gitops.installation.waiting import PODS, wait_gone

_ADMISSION: Final = "admissionregistration.k8s.io"
_PART_OF: Final = "app.kubernetes.io/part-of=kubectl-gitops"
_CLOSE_SECONDS: Final = 90.0

Step = tuple[ResourceKey, str]


class Removal:
    """One uninstallation of ``objects``. ``purge`` takes the GitSyncs too, and our label off what they managed."""

    def __init__(self, cluster: Cluster, objects: Sequence[Object], *, purge: bool) -> None:
        self._cluster = cluster
        self._objects = objects
        self._purge = purge
        self._discovery = Discovery(cluster)
        self.namespace = namespace_of(objects)

    def gitsyncs(self) -> list[ResourceKey]:
        """Those that there are."""
        return [key_of(obj) for obj in self._custom_resources() if obj["kind"] == KIND]

    def run(self) -> Iterator[Step]:
        """Yields each object with what became of it: deleted, kept, released. Raises ClusterError, NotAvailable."""
        # First what refuses anything. A webhook that still runs may register itself again: so once more, at the end.
        yield from self._delete_all(self._of_group(_ADMISSION))
        yield from self._delete_configuration()
        yield from self._delete_all([obj for obj in self._objects if obj["kind"] == "Deployment"])
        wait_gone(self._has_pods, what=f"a Pod in namespace {self.namespace}", timeout_seconds=_CLOSE_SECONDS)
        yield from self._delete_configuration()
        keeps_namespace = bool(self.gitsyncs()) and not self._purge
        if self._purge:
            yield from self._release()
            yield from self._delete_custom_resources()
        for obj in self._rest():
            yield from self._delete(obj)
        yield from self._delete_or_keep(keeps_namespace)

    def _rest(self) -> list[Object]:
        """From the last applied to the first, without what comes before or after."""
        apart = {"Deployment", "Namespace", "CustomResourceDefinition"}
        return [o for o in reversed(self._objects) if o["kind"] not in apart and not _in_group(o, _ADMISSION)]

    def _delete_or_keep(self, keeps_namespace: bool) -> Iterator[Step]:
        definitions = self._of_kind("CustomResourceDefinition")
        if self._purge:
            yield from self._delete_all(definitions)
        else:
            yield from ((key_of(obj), "kept") for obj in definitions)
        for namespace in self._of_kind("Namespace"):
            if keeps_namespace:
                yield from self._delete_of_ours("Secret", WEBHOOK_CA_SECRET)
                yield from self._delete_of_ours("ConfigMap", WEBHOOK_REGISTERED)
                yield from self._delete_of_ours("ConfigMap", FLOOR_CONTENT)
                yield key_of(namespace), "kept"
            else:
                yield from self._delete(namespace)

    def _of_kind(self, kind: str) -> list[Object]:
        return [obj for obj in self._objects if obj["kind"] == kind]

    def _of_group(self, group: str) -> list[Object]:
        return [obj for obj in reversed(self._objects) if _in_group(obj, group)]

    def _delete_all(self, objects: Sequence[Object]) -> Iterator[Step]:
        for obj in objects:
            yield from self._delete(obj)

    def _delete(self, obj: Object) -> Iterator[Step]:
        resource, key = self._discovery.find(obj["apiVersion"], obj["kind"]), key_of(obj)
        if resource is not None:
            yield from self._delete_key(resource, key)

    def _delete_key(self, resource: Resource, key: ResourceKey) -> Iterator[Step]:
        with suppress(NotFound):
            delete_object(self._cluster, resource, key.namespace, key.name)
            yield key, "deleted"

    def _delete_configuration(self) -> Iterator[Step]:
        resource = self._discovery.need(f"{_ADMISSION}/v1", "ValidatingWebhookConfiguration")
        yield from self._delete_key(resource, ResourceKey(_ADMISSION, resource.kind, "", WEBHOOK_CONFIGURATION))

    def _delete_of_ours(self, kind: str, name: str) -> Iterator[Step]:
        """What the processes have made for themselves."""
        yield from self._delete_key(self._discovery.need("v1", kind), ResourceKey("", kind, self.namespace, name))

    def _has_pods(self) -> bool:
        return bool(list_objects(self._cluster, PODS, namespace=self.namespace, label_selector=_PART_OF).items)

    # Purging

    def _custom_resources(self) -> list[Object]:
        """All objects of our own kinds."""
        found: list[Object] = []
        for definition in self._of_kind("CustomResourceDefinition"):
            spec = definition["spec"]
            version = f"{spec['group']}/{spec['versions'][0]['name']}"
            resource = self._discovery.find(version, spec["names"]["kind"])
            if resource is not None:
                found += list_objects(self._cluster, resource).items
        return found

    def _delete_custom_resources(self) -> Iterator[Step]:
        """Without what their finalizers would do: the reconciler, which would do it, has gone."""
        for obj in self._custom_resources():
            resource, key = self._discovery.need(obj["apiVersion"], obj["kind"]), key_of(obj)
            finalizers = obj["metadata"].get("finalizers") or []
            kept = [name for name in finalizers if not name.startswith(f"{GROUP}/")]
            with suppress(NotFound):
                if kept != finalizers:
                    self._patch(resource, key, {"finalizers": kept})
                yield from self._delete_key(resource, key)

    def _release(self) -> Iterator[Step]:
        """Our label off every object that has it. Nothing but its metadata changes, so that no pod restarts."""
        for resource in self._discovery.served():
            if not {"list", "patch"} <= resource.verbs:
                continue
            with suppress(NotFound):
                for obj in self._labelled(resource):
                    self._patch(resource, key_of(obj), {"labels": {MANAGED_BY_LABEL: None}})
                    yield key_of(obj), "released"

    def _labelled(self, resource: Resource) -> list[Object]:
        return list_objects(self._cluster, resource, label_selector=MANAGED_BY_LABEL, metadata_only=True).items

    def _patch(self, resource: Resource, key: ResourceKey, metadata: Object) -> None:
        merge_patch(
            self._cluster,
            resource,
            key.namespace,
            key.name,
            {"metadata": metadata},
            manager=CONTROLLER_FIELD_MANAGER,
        )


def is_installed(cluster: Cluster, objects: Sequence[Object]) -> bool:
    """Whether anything of it is there: its namespace, or the kind GitSync."""
    discovery = Discovery(cluster)
    namespaces = discovery.need("v1", "Namespace")
    return (
        get_object(cluster, namespaces, "", namespace_of(objects)) is not None
        or discovery.find(API_VERSION, KIND) is not None
    )


def _in_group(obj: Object, group: str) -> bool:
    return str(obj["apiVersion"]).startswith(f"{group}/")
