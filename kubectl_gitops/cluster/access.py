"""Who we are to the API server, and what we may do there."""

from __future__ import annotations

from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource


def user_name(cluster: Cluster) -> str:
    """The user that the API server takes us for."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = cluster.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review)
    name: str = answer["status"]["userInfo"]["username"]
    return name


def is_allowed(cluster: Cluster, verb: str, resource: Resource, namespace: str, name: str = "") -> bool:
    """As ``kubectl auth can-i`` has it."""
    attributes = {"verb": verb, "group": resource.group, "resource": resource.plural, "namespace": namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {**attributes, "name": name}},
    }
    answer = cluster.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=review)
    return bool(answer["status"].get("allowed"))
