"""What is no change of anything managed costs no call, however much of it there is: counted on both sides."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import MERGE_PATCH
from tests.integration import webhooks
from tests.integration.webhooks import Shop, Webhook, patch
from tests.testbed.components import CONTROLLER_MANAGER
from tests.testbed.waiting import wait_until
from webhook.metrics import REVIEWS

cluster, webhook, shop, web = webhooks.FIXTURES

COUNT = 1_000


def statuses(shop: Shop) -> Callable[[int], None]:
    path = f"/apis/apps/v1/namespaces/{shop.namespace}/deployments/web/status"

    def update(number: int) -> None:
        conditions = [{"type": "Tested", "status": "True", "message": str(number)}]
        merge(shop, path, {"status": {"conditions": conditions}})

    return update


def no_ops(shop: Shop) -> Callable[[int], None]:
    path = f"/api/v1/namespaces/{shop.namespace}/configmaps/settings"

    def update(number: int) -> None:
        # Nothing but managedFields changes, and not even those after the first.
        query = {"fieldManager": f"nobody-{number % 10}"}
        shop.cluster.request("PATCH", path, query=query, body={"data": {"mode": "prod"}}, content_type=MERGE_PATCH)

    return update


def leases(shop: Shop) -> Callable[[int], None]:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{shop.namespace}/leases"
    shop.cluster.request("POST", path, body={"metadata": {"name": "leader"}, "spec": {"holderIdentity": "me"}})

    def renew(number: int) -> None:
        time = f"2026-11-01T10:{number // 60 % 60:02}:{number % 60:02}.000000Z"
        merge(shop, f"{path}/leader", {"spec": {"renewTime": time}})

    return renew


def unmanaged(shop: Shop) -> Callable[[int], None]:
    path = f"/api/v1/namespaces/{shop.namespace}/configmaps"
    shop.cluster.request("POST", path, body={"metadata": {"name": "free"}})

    def change(number: int) -> None:
        merge(shop, f"{path}/free", {"data": {"number": str(number)}})

    return change


@pytest.mark.parametrize("noise", [statuses, no_ops, leases, unmanaged])
def test_a_thousand_of_these_cost_no_call(
    web: Shop, webhook: Webhook, noise: Callable[[Shop], Callable[[int], None]]
) -> None:
    wait_until(lambda: is_settled(web), 20, "the controllers to be done with it")
    make = noise(web)
    before = updates(webhook)
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(make, range(COUNT)))) == COUNT
    assert updates(webhook) == before


def test_each_further_change_of_a_drifted_field_costs_one(web: Shop, webhook: Webhook) -> None:
    web.set_mode("Off")
    change = patch("configmap", "settings", {"data": {"mode": "test"}})
    wait_until(lambda: web.kubectl(*change).returncode == 0, 5, "Off")
    before = updates(webhook)
    web.allowed(*patch("configmap", "settings", {"data": {"mode": "staging"}}))
    assert updates(webhook) == before + 1
    web.allowed(*patch("configmap", "settings", {"data": {"mode": "staging"}}))
    assert updates(webhook) == before + 1
    web.set_mode("Enforce")
    wait_until(lambda: web.kubectl("delete", "configmap/settings", "--dry-run=server").returncode != 0, 5, "Enforce")
    before = updates(webhook)
    assert "Git says prod, asked other" in web.refused(*patch("configmap", "settings", {"data": {"mode": "other"}}))
    assert updates(webhook) == before + 1


def updates(webhook: Webhook) -> float:
    """Reviews of updates; the namespaces of tests before may still be going, with deletions of all that is in them."""
    return webhook.count(REVIEWS, operation="UPDATE")


def merge(shop: Shop, path: str, body: Object) -> None:
    shop.cluster.request("PATCH", path, body=body, content_type=MERGE_PATCH)


def is_settled(shop: Shop) -> bool:
    found = shop.kubectl("get", "deployment/web", "-o", "json").stdout
    annotations = json.loads(found)["metadata"].get("annotations", {})
    return "deployment.kubernetes.io/revision" in annotations or not shop.plane.runs(CONTROLLER_MANAGER)
