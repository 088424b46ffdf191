"""Write to the cluster: server-side apply, delete, and patches of what is not desired state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubectl_gitops.api.names import FIELD_MANAGER
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, Cluster
from kubectl_gitops.cluster.discovery import Resource


def apply_object(
    cluster: Cluster,
    resource: Resource,
    obj: Object,
    *,
    dry_run: bool = False,
    force: bool = True,
    manager: str = FIELD_MANAGER,
    subresource: str = "",
) -> Object:
    """Server-side apply; the answer is the whole object as the API server has it (or would have it).

    With ``force``, fields that others hold become ours. Unknown and duplicate fields are refused, as kubectl does.
    """
    metadata = obj["metadata"]
    return cluster.request(
        "PATCH",
        resource.path(metadata.get("namespace") or "", metadata["name"], subresource),
        query={
            "fieldManager": manager,
            "force": force,
            "dryRun": "All" if dry_run else None,
            "fieldValidation": "Strict",
        },
        body=obj,
        content_type=APPLY_PATCH,
    )


def create_object(cluster: Cluster, resource: Resource, obj: Object, *, manager: str, dry_run: bool = False) -> Object:
    """POST. Raises Conflict where an object of that name exists."""
    path = resource.path(obj["metadata"].get("namespace") or "")
    query = {"fieldManager": manager, "dryRun": "All" if dry_run else None}
    return cluster.request("POST", path, query=query, body=obj)


def delete_object(
    cluster: Cluster,
    resource: Resource,
    namespace: str,
    name: str,
    *,
    uid: str | None = None,
    propagation: str = "Background",
) -> Object:
    """DELETE. With ``uid``, only that very object: one re-created since raises Conflict.

    ``propagation`` (Background, Foreground or Orphan) says what becomes of what it owns. The answer is the object where
    something holds it up, as a finalizer does; else a Status.
    """
    options: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
    if uid:
        options["preconditions"] = {"uid": uid}
    return cluster.request("DELETE", resource.path(namespace, name), body=options)


def set_managed_fields(
    cluster: Cluster, resource: Resource, live: Object, managed_fields: list[dict[str, Any]], *, manager: str
) -> Object:
    """Say anew who owns which fields of ``live``, and change nothing else. Raises Conflict if it was written since."""
    metadata = live["metadata"]
    return cluster.request(
        "PATCH",
        resource.path(metadata.get("namespace") or "", metadata["name"]),
        query={"fieldManager": manager},
        body=[
            {"op": "replace", "path": "/metadata/managedFields", "value": managed_fields},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
        ],
        content_type=JSON_PATCH,
    )


def merge_patch(
    cluster: Cluster,
    resource: Resource,
    namespace: str,
    name: str,
    patch: Object,
    *,
    manager: str,
    subresource: str = "",
) -> Object:
    """JSON merge patch (RFC 7386)."""
    return cluster.request(
        "PATCH",
        resource.path(namespace, name, subresource),
        query={"fieldManager": manager},
        body=patch,
        content_type=MERGE_PATCH,
    )


def json_patch(
    cluster: Cluster, resource: Resource, namespace: str, name: str, operations: Sequence[Object], *, manager: str
) -> Object:
    """JSON patch (RFC 6902); the answer is the whole object. Raises Rejected where one of its tests fails."""
    return cluster.request(
        "PATCH",
        resource.path(namespace, name),
        query={"fieldManager": manager},
        body=operations,
        content_type=JSON_PATCH,
    )
