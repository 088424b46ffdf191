from __future__ import annotations

import base64
import re

from kubectl_gitops.api.names import PROBE_WEBHOOK_NAME
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.discovery import Resource
from webhook.configuration import (
    NAMESPACE_WEBHOOK_NAME,
    REAL_CHANGES,
    SCALE_WEBHOOK_NAME,
    WEBHOOK_NAME,
    webhook_configuration,
)

CLIENT_CONFIG = {"url": "https://127.0.0.1:9443/validate"}


def resource(group: str, version: str, kind: str, *subresources: str, namespaced: bool = True) -> Resource:
    return Resource(
        group=group,
        version=version,
        kind=kind,
        plural=f"{kind.lower()}s",
        namespaced=namespaced,
        subresources=frozenset(subresources),
    )


DEPLOYMENT = resource("apps", "v1", "Deployment", "scale", "status")


def test_rules_name_exactly_the_kinds_grouped_and_sorted() -> None:
    kinds = [
        resource("apps", "v1", "StatefulSet"),
        resource("", "v1", "Secret"),
        resource("apps", "v1", "Deployment"),
        resource("", "v1", "Secret"),
    ]
    configuration = webhook_configuration(kinds, CLIENT_CONFIG, b"ca")
    webhook = configuration["webhooks"][0]
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


def test_where_nothing_is_managed_nothing_is_asked_but_whether_we_are_there() -> None:
    (probe,) = webhook_configuration([], CLIENT_CONFIG, b"ca", namespace="gitops")["webhooks"]
    assert probe["name"] == PROBE_WEBHOOK_NAME
    # It fails where nobody answers, and so must never be about anything that is stored.
    assert probe["failurePolicy"] == "Fail"
    assert [one["expression"] for one in probe["matchConditions"]] == ["request.?dryRun.orValue(false)"]
    assert probe["objectSelector"]["matchExpressions"] == [{"key": "kubectl-gitops.dev/probe", "operator": "Exists"}]
    assert probe["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "gitops"}}
    assert [(rule["resources"], rule["operations"]) for rule in probe["rules"]] == [(["configmaps"], ["CREATE"])]


def test_the_entry_is_as_the_design_has_it() -> None:
    found = webhook_configuration([DEPLOYMENT], CLIENT_CONFIG, b"ca", namespace="gitops")
    names = [one["name"] for one in found["webhooks"]]
    assert names == [WEBHOOK_NAME, SCALE_WEBHOOK_NAME, NAMESPACE_WEBHOOK_NAME, PROBE_WEBHOOK_NAME]
    webhook = found["webhooks"][0]
    for other in found["webhooks"][1:-1]:
        assert "objectSelector" not in other  # a Scale has no labels, and a Namespace not those of what is in it
    for webhook in reversed(found["webhooks"][:-1]):
        assert_common(webhook)
    assert webhook["objectSelector"] == {
        "matchExpressions": [{"key": "kubectl-gitops.dev/managed-by", "operator": "Exists"}]
    }


def assert_common(webhook: Object) -> None:
    """What keeps one of them from doing harm: not asked about its own namespace, and short."""
    assert webhook["clientConfig"] == {**CLIENT_CONFIG, "caBundle": base64.b64encode(b"ca").decode()}
    assert webhook["namespaceSelector"]["matchExpressions"][0]["values"] == ["gitops"]
    assert {name: webhook[name] for name in ("matchPolicy", "failurePolicy", "sideEffects", "timeoutSeconds")} == {
        "matchPolicy": "Equivalent",
        "failurePolicy": "Ignore",
        "sideEffects": "NoneOnDryRun",
        "timeoutSeconds": 5,
    }
    assert re.fullmatch(r"[a-z-]+(\.[a-z-]+){2,}", str(webhook["name"]))


def test_the_condition_compares_all_that_may_be_declared() -> None:
    for name in ("labels", "annotations", "finalizers", "ownerReferences"):
        assert f"object.metadata.?{name} != oldObject.metadata.?{name}" in REAL_CHANGES
    assert REAL_CHANGES.startswith("request.operation != 'UPDATE' || ")


def test_only_kinds_that_can_be_scaled_are_asked_about_their_scale() -> None:
    kinds = [DEPLOYMENT, resource("", "v1", "Secret"), resource("example.org", "v2", "Widget", "scale")]
    scales = webhook_configuration(kinds, CLIENT_CONFIG, b"ca")["webhooks"][1]
    assert [(rule["apiGroups"], rule["resources"], rule["operations"]) for rule in scales["rules"]] == [
        (["apps"], ["deployments/scale"], ["UPDATE"]),
        (["example.org"], ["widgets/scale"], ["UPDATE"]),
    ]
    conditions = {one["name"]: one["expression"] for one in scales["matchConditions"]}
    assert "'system:serviceaccount:kube-system:horizontal-pod-autoscaler'" in conditions["not-an-autoscaler"]
    assert conditions["replicas-change"] == "object.?spec.?replicas != oldObject.?spec.?replicas"


def test_namespaces_are_asked_about_only_where_they_can_hold_anything() -> None:
    found = webhook_configuration([DEPLOYMENT], CLIENT_CONFIG, b"ca")["webhooks"][-2]
    assert found["rules"] == [
        {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["namespaces"], "operations": ["DELETE"], "scope": "*"}
    ]
    wide = resource("rbac.authorization.k8s.io", "v1", "ClusterRole", namespaced=False)
    names = [one["name"] for one in webhook_configuration([wide], CLIENT_CONFIG, b"ca")["webhooks"]]
    assert names == [WEBHOOK_NAME, PROBE_WEBHOOK_NAME]


def test_no_rule_is_about_other_subresources() -> None:
    """Exec, ephemeral containers, evictions, bindings and status are no declared state."""
    kinds = [resource("", "v1", "Pod", "exec", "ephemeralcontainers", "eviction", "binding", "status")]
    rules = [rule for one in webhook_configuration(kinds, CLIENT_CONFIG, b"ca")["webhooks"] for rule in one["rules"]]
    assert [rule["resources"] for rule in rules] == [["pods"], ["namespaces"], ["configmaps"]]
