"""What objects have made of themselves: which kinds to look for, and who belongs to whom. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.discovery import Discovery, Resource
from kubectl_gitops.cluster.survey import Part

#: A kind without its version: (group, kind).
Kind = tuple[str, str]

_POD: Final = ("", "Pod")
_JOB: Final = ("batch", "Job")
_REPLICA_SET: Final = ("apps", "ReplicaSet")
_REVISION: Final = ("apps", "ControllerRevision")
_CLAIM: Final = ("", "PersistentVolumeClaim")
_ENDPOINTS: Final = ("", "Endpoints")
_SLICE: Final = ("discovery.k8s.io", "EndpointSlice")

#: What Kubernetes' own controllers make of which kind.
_MADE_OF: Final[Mapping[Kind, Sequence[Kind]]] = {
    ("apps", "Deployment"): (_REPLICA_SET,),
    ("apps", "StatefulSet"): (_POD, _REVISION, _CLAIM),
    ("apps", "DaemonSet"): (_POD, _REVISION),
    _REPLICA_SET: (_POD,),
    ("", "ReplicationController"): (_POD,),
    ("batch", "CronJob"): (_JOB,),
    _JOB: (_POD,),
    _POD: (_CLAIM,),
    ("", "Service"): (_SLICE, _ENDPOINTS),
    _ENDPOINTS: (_SLICE,),
}
#: What operators usually make of their own resources, beside others of the same API group.
_MADE_OF_CUSTOM: Final[Sequence[Kind]] = (
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    _REPLICA_SET,
    _POD,
    _JOB,
    ("batch", "CronJob"),
    ("", "Service"),
    ("", "ConfigMap"),
    _CLAIM,
)
#: Those have no status that would tell of their health: metadata is enough.
_WITHOUT_STATUS: Final = frozenset({_REVISION, _SLICE, _ENDPOINTS, ("", "ConfigMap")})


def parts_to_search(owners: Iterable[Part], discovery: Discovery) -> tuple[set[Part], set[Part]]:
    """Where children of objects of these kinds may be, and theirs in turn; and of which parts metadata is enough.

    Children are looked for in the namespace of their owner; of objects of the whole cluster, nowhere.
    """
    served = {(resource.group, resource.kind): resource for resource in discovery.served()}
    pending = [part for part in owners if part.namespace]
    found: set[Part] = set()
    while pending:
        owner = pending.pop()
        for kind in _kinds_made_of(owner.resource, served):
            resource = served.get(kind)
            if resource is None or not resource.namespaced or "list" not in resource.verbs:
                continue
            part = Part(resource, owner.namespace)
            if part not in found:
                found.add(part)
                pending.append(part)
    return found, {part for part in found if (part.resource.group, part.resource.kind) in _WITHOUT_STATUS}


def _kinds_made_of(owner: Resource, served: Mapping[Kind, Resource]) -> Sequence[Kind]:
    if not _is_custom(owner.group):
        return _MADE_OF.get((owner.group, owner.kind), ())
    return (*_MADE_OF_CUSTOM, *(kind for kind in served if kind[0] == owner.group))


def _is_custom(group: str) -> bool:
    return "." in group and not group.endswith(".k8s.io")


def by_owner(objects: Iterable[Object]) -> dict[str, list[Object]]:
    """The objects that each uid owns, by kind and name.

    Endpoints name no owner; they are those of the Service of their name.
    """
    listed = list({obj["metadata"]["uid"]: obj for obj in objects}.values())
    services = {_place(obj): obj["metadata"]["uid"] for obj in listed if _kind(obj) == ("v1", "Service")}
    children: dict[str, list[Object]] = defaultdict(list)
    for obj in sorted(listed, key=lambda obj: (obj["kind"], obj["metadata"]["name"])):
        owners = {reference["uid"] for reference in obj["metadata"].get("ownerReferences") or []}
        if not owners and _kind(obj) == ("v1", "Endpoints") and _place(obj) in services:
            owners = {services[_place(obj)]}
        for uid in owners:
            children[uid].append(obj)
    return dict(children)


def _kind(obj: Object) -> tuple[str, str]:
    return obj["apiVersion"], obj["kind"]


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace") or "", obj["metadata"]["name"]
