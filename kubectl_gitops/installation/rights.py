"""Whether the service accounts may do what our roles grant them: asked of the API server, which alone knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster

_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_PARALLEL = 8


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one resource; ``namespace`` is "" for the whole cluster, ``name`` "" for any."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        named = f" {self.name}" if self.name else ""
        return f"{self.verb} {resource}{named}" + (f" in {self.namespace}" if self.namespace else "")


def rights_of(objects: Iterable[Object], account: str) -> list[Right]:
    """What the roles among ``objects`` that are bound to this service account grant, sorted."""
    known = list(objects)
    roles = {(obj["kind"], obj["metadata"]["name"]): obj for obj in known if obj["kind"] in {"Role", "ClusterRole"}}
    found: set[Right] = set()
    for binding in known:
        subjects = binding.get("subjects") or ()
        if not any(one["kind"] == "ServiceAccount" and one["name"] == account for one in subjects):
            continue
        role = roles.get((binding["roleRef"]["kind"], binding["roleRef"]["name"]))
        if role is not None:  # others, such as cluster-admin, are the cluster's own
            found.update(_granted(role, binding["metadata"].get("namespace") or ""))
    return sorted(found)


def lacking_rights(cluster: Cluster, wanted: Sequence[Right], *, namespace: str, account: str) -> list[Right]:
    """Those that the account has not. Raises Forbidden where we may not ask."""

    def is_allowed(right: Right) -> bool:
        user = f"system:serviceaccount:{namespace}:{account}"
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
        resource, _, subresource = right.resource.partition("/")
        attributes = {
            "verb": right.verb,
            "group": right.group,
            "resource": resource,
            "subresource": subresource,
            "namespace": right.namespace,
            "name": right.name,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "groups": groups, "resourceAttributes": attributes},
        }
        return bool(cluster.request("POST", _REVIEWS, body=review)["status"].get("allowed"))

    with ThreadPoolExecutor(_PARALLEL) as pool:
        answers = list(pool.map(is_allowed, wanted))
    return [right for right, allowed in zip(wanted, answers, strict=True) if not allowed]


def _granted(role: Object, namespace: str) -> Iterator[Right]:
    for rule in role.get("rules") or ():
        for group in rule.get("apiGroups") or ():
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames") or ("",):
                        yield Right(verb, group, resource, namespace, name)
