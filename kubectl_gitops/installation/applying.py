"""Bring the objects of an installation into a cluster; again and again, with the same result."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from kubectl_gitops.api.names import (
    API_VERSION,
    CONTROLLER_FIELD_MANAGER,
    KIND,
    WEBHOOK_CONFIGURATION,
    WEBHOOK_REGISTERED,
)
from kubectl_gitops.api.objects import Object, ResourceKey, key_of
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.reading import get_object
from kubectl_gitops.cluster.writing import apply_object, delete_object
from kubectl_gitops.errors import ClusterError, InvalidInput, NotFound

ESTABLISH_SECONDS = 30.0


def apply_all(cluster: Cluster, objects: Iterable[Object]) -> Iterator[tuple[ResourceKey, str]]:
    """Apply each object; yields its key and what came of it, in kubectl's words: created, configured, unchanged.

    Ends when the API server serves GitSyncs. Raises ClusterError, and InvalidInput before anything is applied, where
    the cluster lacks what an overlay needs.
    """
    discovery, objects = Discovery(cluster), list(objects)
    for obj in objects:
        if obj["apiVersion"].startswith("cert-manager.io/") and discovery.find(obj["apiVersion"], obj["kind"]) is None:
            raise InvalidInput(
                f"the cluster has no {obj['kind']} of {obj['apiVersion']}",
                hint="install cert-manager first, or this without --overlay: the webhook makes its own certificates",
            )
    for obj in objects:
        yield key_of(obj), _apply(cluster, discovery, obj)
    _wait_served(discovery)


def let_register(cluster: Cluster, namespace: str) -> bool:
    """Whoever installs wants the webhook, though somebody has deleted its configuration. Whether that was so."""
    discovery = Discovery(cluster)
    configurations = discovery.need("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")
    if get_object(cluster, configurations, "", WEBHOOK_CONFIGURATION) is not None:
        return False
    try:
        delete_object(cluster, discovery.need("v1", "ConfigMap"), namespace, WEBHOOK_REGISTERED)
    except NotFound:
        return False
    return True


def _apply(cluster: Cluster, discovery: Discovery, obj: Object) -> str:
    resource, key = discovery.need(obj["apiVersion"], obj["kind"]), key_of(obj)
    before = get_object(cluster, resource, key.namespace, key.name)
    after = apply_object(cluster, resource, obj, manager=CONTROLLER_FIELD_MANAGER)
    if before is None:
        return "created"
    same = before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
    return "unchanged" if same else "configured"


def _wait_served(discovery: Discovery) -> None:
    deadline = time.monotonic() + ESTABLISH_SECONDS
    while True:
        discovery.refresh()
        if discovery.find(API_VERSION, KIND) is not None:
            return
        if time.monotonic() > deadline:
            raise ClusterError(
                f"the API server does not serve {KIND} {ESTABLISH_SECONDS:g} s after its CRD was applied"
            )
        time.sleep(0.05)
