"""Which layer of enforcement is active in a cluster: the webhook, the floor below it, or none."""

from __future__ import annotations

from kubectl_gitops.api.names import GROUP, SYSTEM_NAMESPACE, WEBHOOK_REGISTERED
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.errors import Forbidden, NotFound

_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_CONFIGURATION = f"{_ADMISSION}/validatingwebhookconfigurations/{GROUP}"
_BINDING = f"{_ADMISSION}/validatingadmissionpolicybindings/managed.floor.{GROUP}"
_REGISTERED = f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/configmaps/{WEBHOOK_REGISTERED}"


def active_layer(cluster: Cluster) -> str:
    """In words. What the bindings of the floor are set to is what the reconciler knows of the webhook."""
    try:
        has_webhook = _is_there(cluster, _CONFIGURATION)
        floor = cluster.get(_BINDING)["spec"]["validationActions"] if _is_there(cluster, _BINDING) else None
    except Forbidden:
        return "not known (you may not read webhook configurations and policies)"
    if floor == ["Deny"]:
        return "the floor: the API server refuses by itself, because no webhook is ready"
    if has_webhook:
        return "the webhook" + ("" if floor else ", with no floor below it")
    try:
        was_there = _is_there(cluster, _REGISTERED)
    except Forbidden:
        was_there = False
    if was_there:
        return "none: the webhook's configuration was deleted (kubectl gitops install brings it back)"
    return "none: no webhook has registered"


def _is_there(cluster: Cluster, path: str) -> bool:
    try:
        cluster.get(path)
    except NotFound:
        return False
    return True
