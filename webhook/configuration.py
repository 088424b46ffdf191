"""The ValidatingWebhookConfiguration: exactly the kinds that are managed, and only real changes of them."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable

from kubectl_gitops.api.names import (
    CONTROLLER_FIELD_MANAGER,
    FIELD_MANAGER,
    GROUP,
    MANAGED_BY_LABEL,
    PROBE_LABEL,
    PROBE_WEBHOOK_NAME,
    SYSTEM_NAMESPACE,
    WEBHOOK_CONFIGURATION,
)
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.reading import get_object
from kubectl_gitops.cluster.writing import apply_object
from webhook.requester import AUTOSCALERS
from webhook.scales import SUBRESOURCE

CONFIGURATION_NAME = WEBHOOK_CONFIGURATION
#: The API server puts these before every denial that a person reads.
WEBHOOK_NAME = f"managed.{GROUP}"
SCALE_WEBHOOK_NAME = f"scale.{GROUP}"
NAMESPACE_WEBHOOK_NAME = f"namespaces.{GROUP}"
TIMEOUT_SECONDS = 5

CONFIGURATIONS = Resource(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="ValidatingWebhookConfiguration",
    plural="validatingwebhookconfigurations",
    namespaced=False,
)


def _our_entry(obj: str) -> str:
    # All of it optional: an entry may be {} after a reset, and an expression that fails lets the request pass.
    entries = f"{obj}.metadata.?managedFields.orValue([])"
    return (
        f"{entries}.filter(m, m.?manager == optional.of('{FIELD_MANAGER}') && m.?operation == optional.of('Apply'))"
        ".map(m, m.?fieldsV1)"
    )


#: Status writers, no-op updates and mere changes of others' managedFields cost no call. The whole object is
#: compared, not only our entry: of a field that had drifted before, the path is no longer in that entry.
REAL_CHANGES = " || ".join(
    [
        "request.operation != 'UPDATE'",
        *(
            f"object.metadata.?{name} != oldObject.metadata.?{name}"
            for name in ("labels", "annotations", "finalizers", "ownerReferences")
        ),
        f"{_our_entry('object')} != {_our_entry('oldObject')}",
        "object.exists(k, !(k in ['metadata', 'status']) && (!(k in oldObject) || object[k] != oldObject[k]))",
        "oldObject.exists(k, !(k in object))",
    ]
)


BY_OTHERS = f"!(request.userInfo.username in {sorted(AUTOSCALERS)})"
_REPLICAS_CHANGE = {"name": "replicas-change", "expression": "object.?spec.?replicas != oldObject.?spec.?replicas"}
_IS_DRY_RUN = {"name": "dry-run", "expression": "request.?dryRun.orValue(false)"}
_CONFIG_MAPS = Resource(group="", version="v1", kind="ConfigMap", plural="configmaps", namespaced=True)
_NAMESPACES = Resource(group="", version="v1", kind="Namespace", plural="namespaces", namespaced=False)


def webhook_configuration(
    kinds: Iterable[Resource], client_config: Object, ca_pem: bytes, *, namespace: str = SYSTEM_NAMESPACE
) -> Object:
    """The configuration that has the API server ask about changes of these kinds; about none, where there are none.

    ``client_config`` is a WebhookClientConfig without its caBundle: a url or a service.
    """
    resources = list(kinds)
    scaled = [one for one in resources if SUBRESOURCE in one.subresources]
    common: Object = {
        "clientConfig": {**client_config, "caBundle": base64.b64encode(ca_pem).decode()},
        # What keeps the webhook itself running must not depend on it.
        "namespaceSelector": {
            "matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [namespace]},
            ]
        },
        "matchPolicy": "Equivalent",
        "failurePolicy": "Ignore",
        # Events tell of denials.
        "sideEffects": "NoneOnDryRun",
        "timeoutSeconds": TIMEOUT_SECONDS,
        "admissionReviewVersions": ["v1"],
    }
    managed = {
        "name": WEBHOOK_NAME,
        "rules": _rules(resources, ["CREATE", "UPDATE", "DELETE"]),
        "objectSelector": {"matchExpressions": [{"key": MANAGED_BY_LABEL, "operator": "Exists"}]},
        "matchConditions": [{"name": "real-changes", "expression": REAL_CHANGES}],
    }
    # A Scale has no labels to select by: of each that is changed it is asked, but not of what an autoscaler does.
    scales = {
        "name": SCALE_WEBHOOK_NAME,
        "rules": _rules(scaled, ["UPDATE"], subresource=SUBRESOURCE),
        "matchConditions": [{"name": "not-an-autoscaler", "expression": BY_OTHERS}, _REPLICAS_CHANGE],
    }
    # What is in a Namespace is not told by its own labels either.
    namespaces = {
        "name": NAMESPACE_WEBHOOK_NAME,
        "rules": _rules([_NAMESPACES], ["DELETE"]) if any(one.namespaced for one in resources) else [],
    }
    # How `install` and `check --cluster` ask whether we are reached: a dry-run with this label, in our own namespace,
    # and nothing else. Where nobody answers it must fail, with the API server's own words for what is wrong.
    probe = {
        "name": PROBE_WEBHOOK_NAME,
        "rules": _rules([_CONFIG_MAPS], ["CREATE"]),
        "objectSelector": {"matchExpressions": [{"key": PROBE_LABEL, "operator": "Exists"}]},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "matchConditions": [_IS_DRY_RUN],
        "failurePolicy": "Fail",
    }
    return {
        "apiVersion": CONFIGURATIONS.api_version,
        "kind": CONFIGURATIONS.kind,
        "metadata": {"name": CONFIGURATION_NAME},
        "webhooks": [{**common, **webhook} for webhook in (managed, scales, namespaces, probe) if webhook["rules"]],
    }


def apply_configuration(cluster: Cluster, configuration: Object) -> None:
    """Server-side apply, so that replicas that apply the same thing change nothing."""
    apply_object(cluster, CONFIGURATIONS, configuration, manager=CONTROLLER_FIELD_MANAGER)


def holds_bundle(cluster: Cluster, bundle_pem: bytes) -> bool:
    """Whether the API server trusts exactly this wherever it asks us; also where it asks about nothing."""
    found = get_object(cluster, CONFIGURATIONS, "", CONFIGURATION_NAME) or {}
    wanted = base64.b64encode(bundle_pem).decode()
    return all(webhook["clientConfig"].get("caBundle") == wanted for webhook in found.get("webhooks") or [])


def _rules(kinds: Iterable[Resource], operations: list[str], *, subresource: str = "") -> list[Object]:
    plurals: dict[tuple[str, str], set[str]] = defaultdict(set)
    for resource in kinds:
        name = f"{resource.plural}/{subresource}" if subresource else resource.plural
        plurals[resource.group, resource.version].add(name)
    return [
        {
            "apiGroups": [group],
            "apiVersions": [version],
            "resources": sorted(names),
            "operations": operations,
            "scope": "*",
        }
        for (group, version), names in sorted(plurals.items())
    ]
