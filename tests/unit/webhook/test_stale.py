"""A snapshot that is older than what the GitSync's status tells of: field sets decide until the newer one is here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubectl_gitops.api.objects import Object
from tests.unit.webhook.cases import LABEL, OWNER, deployment, live, request, set_at, update, view
from webhook.app import create_app
from webhook.metrics import Metrics
from webhook.policy import decide
from webhook.state import read_owner
from webhook.verdict import Reason
from webhook.view import View

WEB = deployment()


def stale(*objects: Object) -> View:
    """The snapshots of these tests have sequence 1."""
    return view(*objects, owners={LABEL: replace(OWNER, published=2)})


def test_what_our_manager_owns_must_stay_as_it_is() -> None:
    verdict = decide(update(live(WEB), set_at(live(WEB), "spec.replicas", 9)), stale(WEB))
    assert (verdict.allowed, verdict.reason) == (False, Reason.DIVERGES)
    assert "whose newest snapshot has not reached the webhook yet" in verdict.message
    assert "spec.replicas: is 3, asked 9" in verdict.message


def test_what_it_does_not_own_may_change() -> None:
    verdict = decide(update(live(WEB), set_at(live(WEB), "metadata.annotations", {"note": "x"})), stale(WEB))
    assert (verdict.allowed, verdict.reason) == (True, Reason.KEEPS_FIELDS)


def test_what_the_old_one_does_not_declare_the_new_one_may() -> None:
    verdict = decide(request("DELETE", old=live(WEB)), stale())
    assert (verdict.allowed, verdict.reason) == (False, Reason.NOT_KNOWN_YET)
    assert decide(request("DELETE", old=live(WEB)), view()).reason is Reason.NOT_DECLARED


def test_nobody_scales_to_what_may_be_out_of_date() -> None:
    def scale(replicas: int) -> Object:
        return {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": replicas},
        }

    resource = {"group": "apps", "version": "v1", "resource": "deployments"}
    asked = update(scale(2), scale(3), subResource="scale", resource=resource)
    assert decide(asked, stale(WEB)).reason is Reason.NOT_KNOWN_YET
    assert decide(asked, view(WEB)).reason is Reason.CONVERGES


@pytest.mark.parametrize("published", [0, 1])
def test_one_that_is_the_newest_decides(published: int) -> None:
    known = view(WEB, owners={LABEL: replace(OWNER, published=published)})
    verdict = decide(update(live(WEB), set_at(live(WEB), "spec.replicas", 9)), known)
    assert "spec.replicas: Git says 3, asked 9" in verdict.message


@pytest.mark.parametrize(
    ("status", "published"),
    [({}, 0), (None, 0), ({"inventoryRef": {"sequence": 7}}, 7), ({"inventoryRef": {"sequence": "x"}}, 0)],
)
def test_the_status_tells_which_is_the_newest(status: Any, published: int) -> None:
    gitsync = {"metadata": {"namespace": "team", "name": "shop"}, "spec": {}, "status": status}
    assert read_owner(gitsync).published == published


def test_the_metric_says_so() -> None:
    class Known:
        view = stale(WEB)
        ready = True

    metrics = Metrics(Known())
    create_app(Known(), metrics)
    sample = metrics.registry.get_sample_value("gitops_webhook_snapshot_stale", {"gitsync": "gitops-system/shop"})
    assert sample == 1
