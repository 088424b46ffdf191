"""``*/scale``: what a write of it sets, and in which kind. The Scale itself tells neither kind nor labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.reading import get_object
from kubectl_gitops.diff.path import ABSENT, FieldPath, lookup
from kubectl_gitops.diff.rules import REPLICAS
from webhook.review import BadReview, GroupResource

SUBRESOURCE = "scale"

_DEFINITIONS = Resource(
    group="apiextensions.k8s.io",
    version="v1",
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    namespaced=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """``kind`` is what is scaled; ``paths`` the field for its replicas, by version (``v1``)."""

    kind: str
    paths: Mapping[str, FieldPath]

    def path_in(self, api_version: str) -> FieldPath | None:
        """The field for the replicas in ``apps/v1``; None where that is not known."""
        return self.paths.get(api_version.rpartition("/")[2])


def _built_in(kind: str, version: str = "v1") -> Scale:
    return Scale(kind=kind, paths=MappingProxyType({version: REPLICAS}))


BUILT_IN_SCALES: Mapping[GroupResource, Scale] = MappingProxyType(
    {
        GroupResource("apps", "deployments"): _built_in("Deployment"),
        GroupResource("apps", "replicasets"): _built_in("ReplicaSet"),
        GroupResource("apps", "statefulsets"): _built_in("StatefulSet"),
        GroupResource("", "replicationcontrollers"): _built_in("ReplicationController"),
    }
)


def read_scale(cluster: Cluster, resource: Resource) -> Scale:
    """What ``*/scale`` of a custom resource sets, as its CRD says. Raises ClusterError.

    Without a CRD (an aggregated API) no path is known.
    """
    definition = get_object(cluster, _DEFINITIONS, "", f"{resource.plural}.{resource.group}")
    versions = ((definition or {}).get("spec") or {}).get("versions") or []
    paths = {version["name"]: path for version in versions if (path := _replicas_path(version)) is not None}
    return Scale(kind=resource.kind, paths=MappingProxyType(paths))


def _replicas_path(version: dict[str, Any]) -> FieldPath | None:
    """``.spec.size`` -> ``("spec", "size")``; the API server takes nothing but dots here."""
    scale = (version.get("subresources") or {}).get(SUBRESOURCE)
    return tuple(scale["specReplicasPath"].strip(".").split(".")) if scale else None


def replicas_in(scale: Object | None) -> int:
    """What a Scale asks for; none is written where it is 0. Raises BadReview where that is no number."""
    value = lookup(scale or {}, REPLICAS)
    if value is ABSENT or value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadReview("a malformed Scale: its replicas are no number")
    return value
