from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from prometheus_client import generate_latest
from werkzeug.test import TestResponse

from kubectl_gitops.api.gitsync import EnforcementMode
from kubectl_gitops.api.objects import Object
from tests.unit.webhook.cases import (
    LABEL,
    OWNER,
    RECONCILER,
    REVISION,
    declared,
    deployment,
    live,
    review,
    set_at,
    view,
)
from webhook.app import MAX_BODY_BYTES, create_app, create_health_app
from webhook.metrics import Metrics
from webhook.requester import Exemption
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


def test_it_is_not_ready_while_the_api_server_does_not_trust_it() -> None:
    state = Known(View(synced=True))
    client = create_health_app(state, Metrics(state), is_trusted=lambda: False).test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "the API server does not trust the certificate yet\n")
    assert client.get("/healthz").status_code == 200


def test_metrics_tell_how_many_snapshots_there_are() -> None:
    state = Known(view(WEB))
    answer = create_health_app(state, Metrics(state)).test_client().get("/metrics")
    assert "gitops_webhook_snapshots 1.0" in answer.text
    assert "gitops_webhook_ready 1.0" in answer.text
    assert answer.content_type.startswith("text/plain; version=")


def test_metrics_tell_which_revision_is_enforced_and_since_when_it_is_stored() -> None:
    state = Known(view(WEB))
    metrics = Metrics(state)
    metrics.certificate(datetime(2027, 1, 1, tzinfo=UTC))
    text = exposed(metrics)
    revision = f'{{gitsync="gitops-system/shop",revision="{REVISION.sha}"}}'
    assert f"gitops_webhook_snapshot_info{revision} 1.0\n" in text
    stored = 'gitops_webhook_snapshot_created_timestamp_seconds{gitsync="gitops-system/shop"} 0.001\n'
    assert stored in text  # of sequence 1
    assert "gitops_webhook_certificate_expiry_timestamp_seconds 1.7987616e+09\n" in text


def test_a_use_of_an_exemption_is_answered_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    exempt = (Exemption.of({"users": ["bob"]}),)
    client, metrics = client_for(view(WEB, owners={LABEL: replace(OWNER, exempt=exempt)}))
    with caplog.at_level(logging.INFO):
        response = orjson.loads(send(client, drift()).data)["response"]
    assert (response["allowed"], response["auditAnnotations"]["reason"]) == (True, "Exempt")
    assert response["auditAnnotations"]["fields"] == "spec.replicas"
    (record,) = caplog.records
    assert record.getMessage() == "change by an exempt requester"
    assert 'reason="Exempt",verdict="Allow"} 1.0' in exposed(metrics)


def test_what_cannot_be_decided_yet_is_503_and_no_verdict() -> None:
    client, metrics = client_for(View())
    body = review("DELETE", old={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    answer = send(client, body)
    assert (answer.status_code, "allowed" in answer.text, answer.text.count("\n")) == (503, False, 1)
    assert "gitops_webhook_undecided_total 1.0" in exposed(metrics)
    assert "gitops_webhook_internal_errors_total 0.0" in exposed(metrics)


# What is nested too deeply


def too_deep(operation: str = "UPDATE", **arguments: Any) -> bytes:
    """As the API server writes it: who asks, then the objects, then the rest."""
    body = review(operation, old=live(WEB), new=live(WEB) | {"deep": "DEEP"}, **arguments)
    asked = body["request"]
    order = [name for name in asked if name not in {"object", "oldObject", "dryRun", "options"}]
    body["request"] = {name: asked[name] for name in [*order, "object", "oldObject", "dryRun", "options"]}
    return orjson.dumps(body).replace(b'"DEEP"', b'{"a":' * 2_000 + b"1" + b"}" * 2_000)


def test_a_review_that_is_nested_too_deeply_is_denied_where_git_declares_the_object() -> None:
    client, metrics = client_for(view(WEB))
    response = orjson.loads(send(client, too_deep()).data)["response"]
    assert (response["uid"], response["allowed"]) == ("705ab4f5-6393-11e8-b7cc-42010a800002", False)
    assert response["status"]["message"] == (
        "Deployment/web in namespace shop is kept by GitSync gitops-system/shop, and is, or would be, nested too "
        "deeply to be compared\nDeclared in deploy/web.yaml:7, 1a2b3c4d Jane Doe\n"
        "Leave out what is nested more than 1,000 levels deep"
    )
    assert 'reason="Unreadable",verdict="Deny"} 1.0' in exposed(metrics)


@pytest.mark.parametrize(
    ("known", "arguments"),
    [
        (view(WEB), {"extra": RECONCILER}),
        (view(WEB, mode=EnforcementMode.OFF), {}),
        (view(WEB, mode=EnforcementMode.WARN), {}),
        (view(), {}),
        (view(WEB), {"name": "other"}),
        (view(WEB), {"operation": "DELETE", "user": "system:serviceaccount:kube-system:namespace-controller"}),
    ],
)
def test_where_it_is_nobody_else_s_it_is_allowed(known: View, arguments: dict[str, Any]) -> None:
    client, _ = client_for(known)
    assert orjson.loads(send(client, too_deep(**arguments)).data)["response"]["allowed"] is True


@pytest.mark.parametrize("depth", [300, 900])
def test_what_is_read_but_too_deep_to_compare_or_to_write_is_denied_too(depth: int) -> None:
    odd = declared(spec={"deep": "x"})
    client, _ = client_for(view(odd))
    body = review("UPDATE", old=set_at(live(odd), "spec.deep", "OLD"), new=set_at(live(odd), "spec.deep", "NEW"))
    asked = body["request"]
    body["request"] = asked | {"object": asked.pop("object"), "oldObject": asked.pop("oldObject")}
    text = orjson.dumps(body)
    for name, bottom in ((b'"OLD"', b"1"), (b'"NEW"', b"2")):
        text = text.replace(name, b'{"a":' * depth + bottom + b"}" * depth)
    response = orjson.loads(send(client, text).data)["response"]
    assert response["allowed"] is False, response


def test_before_all_is_known_nothing_too_deep_is_decided() -> None:
    assert send(client_for(View())[0], too_deep()).status_code == 503


def test_a_body_that_is_deep_and_no_review_is_a_bad_request() -> None:
    for body in (b'{"a":' * 5_000, b'{"request":1,"object":' + b"[" * 5_000, b'{"request":{},"object":' + b"[" * 5_000):
        assert send(client_for(view(WEB))[0], body).status_code == 400


def test_the_metrics_are_its_own_by_default() -> None:
    objects: Object = drift()
    for _ in range(2):  # a second app in one process registers nothing twice
        assert send(create_app(Known(view(WEB))).test_client(), objects).status_code == 200
