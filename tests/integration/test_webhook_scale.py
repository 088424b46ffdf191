"""``*/scale``: what is declared stays as declared by this way too, and what an autoscaler does is never in the way."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.api.objects import Object
from tests.integration import webhooks
from tests.integration.webhooks import PROMISED_SECONDS, Shop, Webhook, deployment, scale
from tests.testbed.waiting import wait_until
from webhook.configuration import SCALE_WEBHOOK_NAME
from webhook.metrics import REVIEWS

cluster, webhook, shop, web = webhooks.FIXTURES

AUTOSCALER = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"


def workload(kind: str, name: str = "web") -> Object:
    obj = deployment() | {"kind": kind, "metadata": {"name": name}}
    if kind == "StatefulSet":
        obj["spec"]["serviceName"] = name
    return obj


def autoscaler(kind: str = "Deployment", api_version: str = "apps/v1") -> Object:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "load"},
        "spec": {"scaleTargetRef": {"apiVersion": api_version, "kind": kind, "name": "web"}, "maxReplicas": 9},
    }


def scale_refused(shop: Shop, *args: str) -> str:
    return shop.refused("scale", *args, by=SCALE_WEBHOOK_NAME)


def create(shop: Shop, plural: str, obj: Object) -> None:
    shop.cluster.request("POST", f"/apis/{obj['apiVersion']}/namespaces/{shop.namespace}/{plural}", body=obj)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "ReplicaSet"])
def test_scaling_what_git_declares_is_refused_as_any_other_change(shop: Shop, kind: str) -> None:
    shop.manage(workload(kind))
    shop.wait_enforced(kind, "web")
    said = scale_refused(shop, f"{kind}/web", "--replicas=5")
    assert said.endswith(
        f"{kind}/web in namespace {shop.namespace} is kept by GitSync {shop.namespace}/{shop.name}\n"
        "  spec.replicas: Git says 3, asked 5\n"
        "Declared in deploy/web.yaml:7, 1a2b3c4d Jane Doe\n"
        f"Change it in Git, then run: kubectl gitops sync {shop.name} -n {shop.namespace}\n"
        f"In an emergency, if you may: kubectl gitops break-glass {shop.name} -n {shop.namespace}\n"
    )
    scale_refused(shop, f"{kind}/web", "--replicas=0")
    shop.allowed("scale", f"{kind}/web", "--replicas=3")


def test_scaling_back_to_what_git_says_is_allowed(web: Shop) -> None:
    web.set_mode("Off")
    wait_until(lambda: web.kubectl("scale", "deployment/web", "--replicas=0").returncode == 0, 5, "Off")
    web.set_mode("Enforce")
    wait_until(lambda: web.kubectl("scale", "deployment/web", "--replicas=1").returncode != 0, 5, "Enforce")
    web.allowed("scale", "deployment/web", "--replicas=3")


def test_what_is_not_declared_is_scaled_as_ever(web: Shop) -> None:
    web.allowed("create", "deployment", "free", "--image=x")
    web.allowed("scale", "deployment/free", "--replicas=5")
    create(web, "statefulsets", workload("StatefulSet"))  # the name is declared, but of another kind
    web.allowed("scale", "statefulset/web", "--replicas=5")


def test_scaling_that_changes_nothing_and_autoscalers_cost_no_call(web: Shop, webhook: Webhook) -> None:
    before = webhook.count(REVIEWS, kind="deployments.apps/scale")
    web.allowed("scale", "deployment/web", "--replicas=3")
    web.allowed("scale", "deployment/web", "--replicas=5", f"--as={AUTOSCALER}", "--as-group=system:masters")
    assert webhook.count(REVIEWS, kind="deployments.apps/scale") == before
    scale_refused(web, "deployment/web", "--replicas=6")
    assert webhook.count(REVIEWS, kind="deployments.apps/scale", verdict="Deny") > 0


def test_replicas_are_the_autoscaler_s_as_long_as_there_is_one(web: Shop) -> None:
    create(web, "horizontalpodautoscalers", autoscaler())
    wait_until(lambda: web.kubectl("scale", "deployment/web", "--replicas=5").returncode == 0, 5, "it to be known")
    web.allowed(*scale(6))
    web.refused("set", "image", "deployment/web", "web=shop:1.5")
    web.allowed("delete", "hpa/load")
    wait_until(lambda: web.kubectl(*scale(7)).returncode != 0, PROMISED_SECONDS, "it to be forgotten")
    scale_refused(web, "deployment/web", "--replicas=8")


def test_an_autoscaler_of_something_else_frees_nothing(web: Shop) -> None:
    for number, obj in enumerate([autoscaler("StatefulSet"), autoscaler(api_version="example.org/v1")]):
        create(web, "horizontalpodautoscalers", obj | {"metadata": {"name": f"load-{number}"}})
    create(web, "horizontalpodautoscalers", autoscaler())
    wait_until(lambda: web.kubectl("scale", "deployment/web", "--replicas=5").returncode == 0, 5, "the last one")
    web.allowed("delete", "hpa/load")
    wait_until(lambda: web.kubectl("scale", "deployment/web", "--replicas=6").returncode != 0, 5, "it to be forgotten")


def test_what_the_gitsync_ignores_may_be_scaled(web: Shop) -> None:
    web.change({"ignoreDifferences": [{"kind": "Deployment", "jsonPointers": ["/spec/replicas"]}]})
    wait_until(lambda: web.kubectl("scale", "deployment/web", "--replicas=5").returncode == 0, 5, "the rule to count")


def test_replicas_that_git_leaves_open_may_be_scaled(shop: Shop) -> None:
    obj = deployment()
    del obj["spec"]["replicas"]
    shop.manage(obj)
    shop.wait_enforced("deployment", "web")
    shop.allowed("scale", "deployment/web", "--replicas=5")


def test_a_custom_resource_is_scaled_where_its_definition_says(shop: Shop, request: pytest.FixtureRequest) -> None:
    group = f"{shop.name}.example.org"
    schema: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    scaled = {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}
    crd: Object = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": version == "v2",
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"scale": scaled},
                }
                for version in ("v1", "v2")
            ],
        },
    }
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    request.addfinalizer(lambda: shop.cluster.request("DELETE", f"{path}/widgets.{group}"))
    shop.cluster.request("POST", path, body=crd)
    wait_until(lambda: shop.kubectl("get", f"widgets.{group}").returncode == 0, 20, "the CRD to be served")
    widget: Object = {"apiVersion": f"{group}/v2", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 2}}
    shop.manage(widget)
    shop.wait_enforced(f"widgets.{group}", "w")
    for version in ("v2", "v1"):  # the API server has us asked about v1 as if it were v2
        said = scale_refused(shop, f"widgets.{version}.{group}/w", "--replicas=5")
        assert "spec.size: Git says 2, asked 5" in said
        shop.allowed("scale", f"widgets.{version}.{group}/w", "--replicas=2")
