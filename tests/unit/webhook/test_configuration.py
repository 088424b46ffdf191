from __future__ import annotations

import base64
import re

from kubectl_gitops.cluster.discovery import Resource
from webhook.configuration import REAL_CHANGES, WEBHOOK_NAME, webhook_configuration

CLIENT_CONFIG = {"url": "https://127.0.0.1:9443/validate"}


def resource(group: str, version: str, kind: str) -> Resource:
    return Resource(group=group, version=version, kind=kind, plural=f"{kind.lower()}s", namespaced=True)


def test_rules_name_exactly_the_kinds_grouped_and_sorted() -> None:
    kinds = [
        resource("apps", "v1", "StatefulSet"),
        resource("", "v1", "Secret"),
        resource("apps", "v1", "Deployment"),
        resource("", "v1", "Secret"),
    ]
    configuration = webhook_configuration(kinds, CLIENT_CONFIG, b"ca")
    (webhook,) = configuration["webhooks"]
    operations = ["CREATE", "UPDATE", "DELETE"]
    assert webhook["rules"] == [
        {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"], "operations": operations, "scope": "*"},
        {
            "apiGroups": ["apps"],
            "apiVersions": ["v1"],
            "resources": ["deployments", "statefulsets"],
            "operations": operations,
            "scope": "*",
        },
    ]
    assert configuration == webhook_configuration(reversed(kinds), CLIENT_CONFIG, b"ca")


def test_where_nothing_is_managed_nothing_is_asked() -> None:
    assert webhook_configuration([], CLIENT_CONFIG, b"ca")["webhooks"] == []


def test_the_entry_is_as_the_design_has_it() -> None:
    (webhook,) = webhook_configuration([resource("", "v1", "Secret")], CLIENT_CONFIG, b"ca", namespace="gitops")[
        "webhooks"
    ]
    assert webhook["clientConfig"] == {**CLIENT_CONFIG, "caBundle": base64.b64encode(b"ca").decode()}
    assert webhook["objectSelector"] == {
        "matchExpressions": [{"key": "kubectl-gitops.dev/managed-by", "operator": "Exists"}]
    }
    assert webhook["namespaceSelector"]["matchExpressions"][0]["values"] == ["gitops"]
    assert {name: webhook[name] for name in ("matchPolicy", "failurePolicy", "sideEffects", "timeoutSeconds")} == {
        "matchPolicy": "Equivalent",
        "failurePolicy": "Ignore",
        "sideEffects": "None",
        "timeoutSeconds": 5,
    }
    assert re.fullmatch(r"[a-z-]+(\.[a-z-]+){2,}", WEBHOOK_NAME)


def test_the_condition_compares_all_that_may_be_declared() -> None:
    for name in ("labels", "annotations", "finalizers", "ownerReferences"):
        assert f"object.metadata.?{name} != oldObject.metadata.?{name}" in REAL_CHANGES
    assert REAL_CHANGES.startswith("request.operation != 'UPDATE' || ")
