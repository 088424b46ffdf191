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
    SYSTEM_NAMESPACE,
)
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.writing import apply_object

CONFIGURATION_NAME = GROUP
#: The API server puts it before every denial that a person reads.
WEBHOOK_NAME = f"managed.{GROUP}"
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


def webhook_configuration(
    kinds: Iterable[Resource], client_config: Object, ca_pem: bytes, *, namespace: str = SYSTEM_NAMESPACE
) -> Object:
    """The configuration that has the API server ask about changes of these kinds; about nothing, where there are none.

    ``client_config`` is a WebhookClientConfig without its caBundle: a url or a service.
    """
    rules = _rules(kinds)
    webhook: Object = {
        "name": WEBHOOK_NAME,
        "rules": rules,
        "clientConfig": {**client_config, "caBundle": base64.b64encode(ca_pem).decode()},
        "objectSelector": {"matchExpressions": [{"key": MANAGED_BY_LABEL, "operator": "Exists"}]},
        # What keeps the webhook itself running must not depend on it.
        "namespaceSelector": {
            "matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [namespace]},
            ]
        },
        "matchConditions": [{"name": "real-changes", "expression": REAL_CHANGES}],
        "matchPolicy": "Equivalent",
        "failurePolicy": "Ignore",
        "sideEffects": "None",
        "timeoutSeconds": TIMEOUT_SECONDS,
        "admissionReviewVersions": ["v1"],
    }
    return {
        "apiVersion": CONFIGURATIONS.api_version,
        "kind": CONFIGURATIONS.kind,
        "metadata": {"name": CONFIGURATION_NAME},
        "webhooks": [webhook] if rules else [],
    }


def apply_configuration(cluster: Cluster, configuration: Object) -> None:
    """Server-side apply, so that replicas that apply the same thing change nothing."""
    apply_object(cluster, CONFIGURATIONS, configuration, manager=CONTROLLER_FIELD_MANAGER)


def _rules(kinds: Iterable[Resource]) -> list[Object]:
    plurals: dict[tuple[str, str], set[str]] = defaultdict(set)
    for resource in kinds:
        plurals[resource.group, resource.version].add(resource.plural)
    return [
        {
            "apiGroups": [group],
            "apiVersions": [version],
            "resources": sorted(names),
            "operations": ["CREATE", "UPDATE", "DELETE"],
            "scope": "*",
        }
        for (group, version), names in sorted(plurals.items())
    ]
