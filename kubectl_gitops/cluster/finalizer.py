"""The finalizer on a GitSync: it is not forgotten before what it deployed has been seen to."""

from __future__ import annotations

from kubectl_gitops.api.names import CONTROLLER_FIELD_MANAGER, FINALIZER
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.writing import merge_patch
from kubectl_gitops.errors import Conflict, Forbidden, NotFound

_ATTEMPTS = 5


def has_finalizer(obj: Object) -> bool:
    return FINALIZER in (obj["metadata"].get("finalizers") or ())


def is_being_deleted(obj: Object) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))


def keep_finalizer(cluster: Cluster, resource: Resource, obj: Object) -> Object:
    """The GitSync with our finalizer on it; as it was, if it is on its way out or gone already. Raises ClusterError."""
    return obj if has_finalizer(obj) else _with_finalizers(cluster, resource, obj, keep=True)


def drop_finalizer(cluster: Cluster, resource: Resource, obj: Object) -> None:
    """Let a GitSync go, as far as it is for us. Raises ClusterError."""
    if has_finalizer(obj):
        _with_finalizers(cluster, resource, obj, keep=False)


def _with_finalizers(cluster: Cluster, resource: Resource, obj: Object, *, keep: bool) -> Object:
    namespace, name, uid = (obj["metadata"][field] for field in ("namespace", "name", "uid"))
    for _ in range(_ATTEMPTS):
        if keep and is_being_deleted(obj):
            return obj
        others = [one for one in obj["metadata"].get("finalizers") or () if one != FINALIZER]
        # A merge patch replaces the whole list, so it must be one of the object as we know it.
        metadata = {
            "resourceVersion": obj["metadata"]["resourceVersion"],
            "finalizers": [*others, FINALIZER] if keep else others,
        }
        try:
            return merge_patch(
                cluster, resource, namespace, name, {"metadata": metadata}, manager=CONTROLLER_FIELD_MANAGER
            )
        except Conflict:
            obj, before = cluster.get(resource.path(namespace, name)), obj
            if obj["metadata"]["uid"] != uid:  # another one under its name
                return before
        except NotFound:
            return obj
        except Forbidden as exc:
            raise Forbidden(
                f"the finalizer {FINALIZER} of GitSync {namespace}/{name} cannot be changed: {exc}",
                hint="kubectl gitops install gives the reconciler the right to patch gitsyncs",
            ) from exc
    raise Conflict(f"GitSync {namespace}/{name} changes all the time", hint="try again")
