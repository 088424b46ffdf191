"""Exemptions, additions, other versions of a kind, and copies: each as a person meets it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubectl_gitops.api.names import MANAGED_BY_LABEL, SYSTEM_NAMESPACE
from kubectl_gitops.api.objects import Object
from tests.integration import webhooks
from tests.integration.webhooks import Shop, Webhook, config_map, deployment, patch, scale
from tests.testbed.controlplane import ControlPlane
from tests.testbed.waiting import wait_until
from webhook.configuration import WEBHOOK_NAME
from webhook.metrics import REVIEWS

cluster, webhook, shop, web = webhooks.FIXTURES

BOT = "system:serviceaccount:release:bot"


def as_bot(*args: str) -> list[str]:
    return [*args, f"--as={BOT}", "--as-group=system:masters"]


def get(shop: Shop, path: str) -> Object:
    return shop.cluster.get(path.format(shop.namespace))


# Exemptions


def test_whoever_is_exempt_may_and_it_is_recorded(web: Shop, webhook: Webhook, control_plane: ControlPlane) -> None:
    exempt = [{"serviceAccounts": ["release/*"], "fields": ["/spec/template/spec/containers/[name=web]/image"]}]
    web.change({"enforcement": {"exempt": exempt}})
    release = as_bot("set", "image", "deployment/web", "web=shop:1.5")
    wait_until(lambda: web.kubectl(*release).returncode == 0, 5, "the exemption to count")
    web.refused(*as_bot(*scale(9)))
    web.refused("set", "image", "deployment/web", "web=shop:1.6")

    line = next(line for line in webhook.log() if line["message"] == "change by an exempt requester")
    assert (line["user"], line["reason"]) == (BOT, "Exempt")
    assert line["fields"] == ["spec.template.spec.containers[name=web].image"]
    assert webhook.count(REVIEWS, reason="Exempt", gitsync=f"{web.namespace}/{web.name}") == 1
    expected = {f"{WEBHOOK_NAME}/reason": "Exempt", f"{WEBHOOK_NAME}/gitsync": f"{web.namespace}/{web.name}"}
    wait_until(
        lambda: any(expected.items() <= event.get("annotations", {}).items() for event in control_plane.audit_events()),
        10,
        "the audit event",
    )


def test_an_object_may_be_let_go_by_its_annotation_in_git(web: Shop) -> None:
    free = config_map()
    free["metadata"]["annotations"] = {"kubectl-gitops.dev/enforcement": "off"}
    web.manage(deployment(), free)
    change = patch("configmap", "settings", {"data": {"mode": "test"}})
    wait_until(lambda: web.kubectl(*change).returncode == 0, 5, "the annotation to count")
    web.allowed("delete", "configmap/settings")
    web.refused("delete", "deployment/web")


# Additions


def test_nobody_gets_an_object_deleted_by_giving_it_an_owner(controller_manager: ControlPlane, web: Shop) -> None:
    web.allowed("create", "configmap", "trap")
    trap = get(web, "/api/v1/namespaces/{}/configmaps/trap")["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "trap", "uid": trap["uid"]}
    owned = patch("deployment", "web", {"metadata": {"ownerReferences": [reference]}})
    for options in ([], ["--field-manager=kube-controller-manager"], ["--dry-run=server"]):
        said = web.refused(*owned, *options)
        assert "the object would be deleted together with ConfigMap trap" in said
    web.refused(*patch("deployment", "web", {"metadata": {"finalizers": ["example.org/hold"]}}))
    web.allowed("delete", "configmap/trap")
    assert web.kubectl("get", "deployment/web").returncode == 0


def test_a_controller_may_guard_an_object_by_its_finalizer(web: Shop) -> None:
    held = patch("deployment", "web", {"metadata": {"finalizers": ["example.org/hold"]}})
    web.allowed(*as_bot(*held, "--field-manager=operator"))
    web.allowed(*patch("deployment", "web", {"metadata": {"finalizers": []}}))


def test_additions_are_denied_where_the_gitsync_says_so(web: Shop) -> None:
    web.change({"enforcement": {"additions": "deny"}})
    annotate = ["annotate", "deployment/web", "note=hello", "--dry-run=server"]
    wait_until(lambda: web.kubectl(*annotate).returncode != 0, 5, "it to count")
    assert "metadata.annotations.note: Git does not declare it" in web.refused(*annotate)
    said = web.refused("set", "env", "deployment/web", "DEBUG=1")
    assert "spec.template.spec.containers[name=web].env[name=DEBUG]: Git does not declare it" in said
    web.allowed("rollout", "restart", "deployment/web")
    web.allowed(*as_bot("annotate", "deployment/web", "note=hello", "--field-manager=operator"))
    web.allowed("annotate", "deployment/web", "note-")


# Oddities


def test_the_other_version_of_a_kind_is_no_way_around(shop: Shop) -> None:
    autoscaler: Object = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "load"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"},
            "maxReplicas": 9,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
                }
            ],
        },
    }
    shop.manage(autoscaler)
    shop.wait_enforced("hpa", "load")
    first = "horizontalpodautoscalers.v1.autoscaling"
    assert "spec.maxReplicas: Git says 9, asked 3" in shop.refused(*patch(first, "load", {"spec": {"maxReplicas": 3}}))
    said = shop.refused(*patch(first, "load", {"spec": {"targetCPUUtilizationPercentage": 90}}))
    assert "spec.metrics: Git says " in said
    shop.refused("delete", f"{first}/load")
    shop.allowed("annotate", f"{first}/load", "note=hello")


def test_a_copy_of_a_managed_object_is_refused(web: Shop, namespace: str) -> None:
    for name in ({"name": "copy"}, {"generateName": "copy-"}):
        obj = get(web, "/api/v1/namespaces/{}/configmaps/settings")
        kept = {field: obj["metadata"][field] for field in ("labels", "managedFields")}
        copied = {**obj, "metadata": {**kept, **name}}
        assert "does not declare it" in web.refused("create", "-f", "-", input=json.dumps(copied))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x"}
    copied["metadata"] = {"name": "copy", "labels": kept["labels"], "ownerReferences": [reference]}
    web.refused("create", "-f", "-", input=json.dumps(copied))


def test_fields_that_a_definition_gets_later_change_nothing(shop: Shop, request: pytest.FixtureRequest) -> None:
    group = f"{shop.name}.example.org"
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

    def definition(**spec: Any) -> Object:
        schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": spec}}}
        version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        names = {"kind": "Widget", "plural": "widgets"}
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"widgets.{group}"},
            "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
        }

    request.addfinalizer(lambda: shop.cluster.request("DELETE", f"{path}/widgets.{group}"))
    shop.cluster.request("POST", path, body=definition(size={"type": "integer"}))
    wait_until(lambda: shop.kubectl("get", f"widgets.{group}").returncode == 0, 20, "the CRD to be served")
    shop.manage({"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 2}})
    shop.wait_enforced(f"widgets.{group}", "w")
    wider = definition(size={"type": "integer"}, colour={"type": "string", "default": "red"}, note={"type": "string"})
    merge = "application/merge-patch+json"
    shop.cluster.request("PATCH", f"{path}/widgets.{group}", body={"spec": wider["spec"]}, content_type=merge)
    widget = f"/apis/{group}/v1/namespaces/{{}}/widgets/w"
    wait_until(lambda: get(shop, widget)["spec"].get("colour") == "red", 20, "the new schema to count")
    shop.allowed(*patch(f"widgets.{group}", "w", {"spec": {"note": "hello", "colour": "blue"}}))
    assert "spec.size: Git says 2, asked 3" in shop.refused(*patch(f"widgets.{group}", "w", {"spec": {"size": 3}}))
    shop.refused("delete", f"widgets.{group}/w")


def test_nothing_in_our_own_namespace_is_asked_about(web: Shop, webhook: Webhook) -> None:
    labelled = config_map()
    labelled["metadata"] = {"name": web.name, "labels": {MANAGED_BY_LABEL: web.label}}
    asked = {"gitsync": f"{web.namespace}/{web.name}", "kind": "ConfigMap"}
    before = webhook.count(REVIEWS, **asked)
    namespaced = ["-n", SYSTEM_NAMESPACE]
    web.allowed("create", "-f", "-", *namespaced, input=json.dumps(labelled))
    web.allowed("annotate", f"configmap/{web.name}", "note=x", *namespaced)
    web.allowed("delete", f"configmap/{web.name}", *namespaced)
    assert webhook.count(REVIEWS, **asked) == before
