"""What is decided while the status of a GitSync tells of a newer snapshot than the one that the webhook has."""

from __future__ import annotations

import json

from tests.integration import webhooks
from tests.integration.webhooks import Shop, Webhook, config_map, deployment, patch, scale
from tests.testbed.waiting import wait_until
from webhook.configuration import SCALE_WEBHOOK_NAME
from webhook.state import GITSYNCS

cluster, webhook, shop, web = webhooks.FIXTURES

STALE = "whose newest snapshot has not reached the webhook yet"


def announce(shop: Shop, sequence: int) -> None:
    """As the reconciler does after it has stored a snapshot."""
    status = {"status": {"inventoryRef": {"name": "x", "sequence": sequence}}}
    shop.kubectl("patch", "gitsync", shop.name, "--subresource=status", "--type=merge", "-p", json.dumps(status))
    found = shop.cluster.get(GITSYNCS.path(shop.namespace, shop.name))
    assert found["status"]["inventoryRef"]["sequence"] == sequence


def test_what_we_own_is_kept_until_the_newest_snapshot_is_there(web: Shop, webhook: Webhook) -> None:
    assert web.published is not None
    gitsync = f"{web.namespace}/{web.name}"
    said = web.refused(*scale(5))
    assert STALE not in said
    announce(web, web.published.sequence + 1)
    said = wait_until(lambda: text if STALE in (text := web.kubectl(*scale(5)).stderr) else "", 5, "staleness")
    assert "spec.replicas: is 3, asked 5" in said
    assert webhook.count("gitops_webhook_snapshot_stale", gitsync=gitsync) == 1

    web.allowed("annotate", "deployment/web", "note=hello")
    web.allowed(*patch("deployment", "web", {"spec": {"minReadySeconds": 5}}))
    web.refused("delete", "configmap/settings")
    assert "is not known" in web.refused("scale", "deployment/web", "--replicas=5", by=SCALE_WEBHOOK_NAME)
    web.refused("label", "deployment/web", "kubectl-gitops.dev/managed-by-")

    changed = deployment()
    changed["spec"]["replicas"] = 5
    web.manage(changed, config_map())
    announce(web, web.published.sequence)
    wait_until(lambda: "Git says 5, asked 4" in web.kubectl(*scale(4)).stderr, 5, "the newest snapshot")
    assert webhook.count("gitops_webhook_snapshot_stale", gitsync=gitsync) == 0
    web.allowed("scale", "deployment/web", "--replicas=5")


def test_a_status_that_is_behind_its_snapshot_changes_nothing(web: Shop) -> None:
    """The snapshot comes first, the status after it."""
    assert web.published is not None
    announce(web, web.published.sequence - 1)
    said = web.refused(*scale(5))
    assert STALE not in said
    assert "Git says 3, asked 5" in said
