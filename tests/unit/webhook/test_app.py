from __future__ import annotations

import logging
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from prometheus_client import generate_latest
from werkzeug.test import TestResponse

from kubectl_gitops.api.gitsync import EnforcementMode
from kubectl_gitops.api.objects import Object
from tests.unit.webhook.cases import RECONCILER, declared, deployment, live, review, set_at, view
from webhook.app import MAX_BODY_BYTES, create_app, create_health_app
from webhook.metrics import Metrics
from webhook.view import View

WEB = deployment()


class Known:
    """A state that stays as it is; without a view, one that breaks."""

    def __init__(self, view: View | None) -> None:
        self._view = view

    @property
    def view(self) -> View:
        assert self._view is not None, "broken"
        return self._view

    @property
    def ready(self) -> bool:
        return self.view.synced


def client_for(view: View | None) -> tuple[FlaskClient, Metrics]:
    state = Known(view)
    metrics = Metrics(state)
    return create_app(state, metrics).test_client(), metrics


def send(client: FlaskClient, body: Any, **options: Any) -> TestResponse:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return client.post("/validate?timeout=5s", data=data, **{"content_type": "application/json", **options})


def drift(**arguments: Any) -> dict[str, Any]:
    return review("UPDATE", old=live(WEB), new=set_at(live(WEB), "spec.replicas", 5), **arguments)


def exposed(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


def test_a_denial_is_answered_counted_and_logged_without_values(caplog: pytest.LogCaptureFixture) -> None:
    client, metrics = client_for(view(WEB))
    new = set_at(live(WEB), "spec.template.spec.containers.0.image", "never-logged:1")
    with caplog.at_level(logging.INFO):
        answer = send(client, review("UPDATE", old=live(WEB), new=new))
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    response = orjson.loads(answer.data)["response"]
    assert (response["uid"], response["allowed"]) == ("705ab4f5-6393-11e8-b7cc-42010a800002", False)
    assert response["status"]["code"] == 403
    assert "never-logged:1" in response["status"]["message"]
    assert response["auditAnnotations"]["fields"] == "spec.template.spec.containers[name=web].image"
    (record,) = caplog.records
    assert vars(record)["fields"] == ("spec.template.spec.containers[name=web].image",)
    assert vars(record)["user"] == "bob"
    assert "never-logged" not in str(vars(record))
    assert (
        'gitops_webhook_reviews_total{gitsync="gitops-system/shop",kind="Deployment.apps",operation="UPDATE",'
        'reason="Diverges",verdict="Deny"} 1.0'
    ) in exposed(metrics)


def test_a_pass_is_answered_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    client, metrics = client_for(view(WEB))
    with caplog.at_level(logging.INFO):
        answer = send(client, drift(extra=RECONCILER))
    assert orjson.loads(answer.data)["response"]["allowed"] is True
    assert not caplog.records
    assert 'reason="Reconciler",verdict="Allow"} 1.0' in exposed(metrics)
    assert "gitops_webhook_review_duration_seconds_count 1.0" in exposed(metrics)


def test_warnings_are_in_the_answer() -> None:
    client, _ = client_for(view(WEB, mode=EnforcementMode.WARN))
    response = orjson.loads(send(client, drift()).data)["response"]
    assert response["allowed"] is True
    assert "spec.replicas: Git says 3, asked 5" in response["warnings"]


def test_a_label_that_names_no_gitsync_makes_no_time_series() -> None:
    client, metrics = client_for(view(WEB))
    stray = declared(label="made.up")
    send(client, review("UPDATE", old=stray, new=stray))
    assert 'gitsync=""' in exposed(metrics)
    assert "made.up" not in exposed(metrics)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff", 400),
        (b"[" * 10_000, 400),
        (b'{"a": NaN}', 400),
        ({}, 400),
        ([], 400),
        ({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}, 400),
        (b"x" * (MAX_BODY_BYTES + 1), 413),
    ],
)
def test_what_is_no_review_is_refused_in_one_line_and_gets_no_verdict(body: Any, status: int) -> None:
    client, metrics = client_for(view(WEB))
    answer = send(client, body)
    assert (answer.status_code, answer.mimetype) == (status, "text/plain")
    assert answer.text.count("\n") == 1
    assert "gitops_webhook_bad_requests_total 1.0" in exposed(metrics)
    assert "gitops_webhook_reviews_total{" not in exposed(metrics)


def test_other_methods_types_and_paths_are_refused() -> None:
    client, _ = client_for(view(WEB))
    assert client.get("/validate").status_code == 405
    assert client.get("/validate").headers["Allow"] == "POST"
    assert client.options("/validate").status_code == 405
    assert send(client, drift(), content_type="text/plain").status_code == 415
    assert client.post("/other").status_code == 404
    assert client.get("/metrics").status_code == 404


def test_what_raises_is_500_logged_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    client, metrics = client_for(None)
    answer = send(client, drift())
    assert (answer.status_code, answer.text) == (500, "internal error: see the webhook's log\n")
    (record,) = caplog.records
    assert record.exc_info
    assert "gitops_webhook_internal_errors_total 1.0" in generate_latest(metrics_without_gauges(metrics)).decode()


def metrics_without_gauges(metrics: Metrics) -> Any:
    """The gauges ask the state, which is broken here."""
    return metrics.registry.restricted_registry(["gitops_webhook_internal_errors_total"])


def test_objects_that_no_rule_foresaw_are_500_and_no_verdict() -> None:
    broken = live(WEB)
    broken["metadata"]["managedFields"][0]["fieldsV1"] = {"bogus": {}}
    client, _ = client_for(View(owners=view().owners, synced=True))
    answer = send(client, review("UPDATE", old=broken, new=live(WEB)))
    assert (answer.status_code, "allowed" in answer.text) == (500, False)


@pytest.mark.parametrize(("known", "status"), [(View(), 503), (View(synced=True), 200)])
def test_it_is_ready_once_all_is_known_and_alive_before(known: View, status: int) -> None:
    state = Known(known)
    client = create_health_app(state, Metrics(state)).test_client()
    assert client.get("/readyz").status_code == status
    assert client.get("/healthz").status_code == 200


def test_metrics_tell_how_many_snapshots_there_are() -> None:
    state = Known(view(WEB))
    answer = create_health_app(state, Metrics(state)).test_client().get("/metrics")
    assert "gitops_webhook_snapshots 1.0" in answer.text
    assert "gitops_webhook_ready 1.0" in answer.text
    assert answer.content_type.startswith("text/plain; version=")


def test_the_metrics_are_its_own_by_default() -> None:
    objects: Object = drift()
    for _ in range(2):  # a second app in one process registers nothing twice
        assert send(create_app(Known(view(WEB))).test_client(), objects).status_code == 200
