"""Which of our overlays is installed, where that makes a difference to what belongs to an installation."""

from __future__ import annotations

from kubectl_gitops.api.names import SYSTEM_NAMESPACE
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.errors import ClusterError

CERT_MANAGER = "cert-manager"
_WEBHOOK = f"/apis/apps/v1/namespaces/{SYSTEM_NAMESPACE}/deployments/gitops-webhook"


def installed_overlay(cluster: Cluster) -> str:
    """Its name; "" for the base, and for an overlay of the same objects and rights, and where that cannot be read."""
    try:
        containers = cluster.get(_WEBHOOK)["spec"]["template"]["spec"]["containers"]
    except ClusterError:
        return ""
    args = [argument for container in containers for argument in container.get("args") or ()]
    return CERT_MANAGER if any(one.startswith("--certificate-secret") for one in args) else ""
