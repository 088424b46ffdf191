"""The Flask apps: the one that answers the API server, and the one that answers kubelet and Prometheus."""

from __future__ import annotations

import logging

import orjson
from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.exceptions import BadRequest, HTTPException, UnsupportedMediaType

from webhook.metrics import Metrics
from webhook.policy import decide
from webhook.review import BadReview, Request, read_review, respond
from webhook.state import State
from webhook.verdict import Verdict

_log = logging.getLogger(__name__)

VALIDATE_PATH = "/validate"
#: The API server takes objects of up to 3 MiB, and a review holds two.
MAX_BODY_BYTES = 8 << 20

_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"


def create_app(state: State, metrics: Metrics | None = None) -> Flask:
    """The app that answers reviews. What raises becomes HTTP 500, and the failurePolicy decides; never a verdict."""
    measured = metrics or Metrics(state)
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES

    @app.post(VALIDATE_PATH, provide_automatic_options=False)
    def validate() -> Response:
        if request.mimetype != _JSON:
            raise UnsupportedMediaType(f"send {_JSON}")
        body = request.get_data(cache=False)
        with measured.latency.time():
            asked = _read(body)
            verdict = decide(asked, state.view)
            measured.count(asked, verdict)
            if verdict.refusal is not None:
                _log_refusal(asked, verdict)
            answer = respond(
                asked.uid,
                allowed=verdict.allowed,
                message=verdict.message,
                warnings=verdict.warnings,
                audit=verdict.audit_annotations(),
            )
            return Response(orjson.dumps(answer), content_type=_JSON)

    @app.errorhandler(HTTPException)
    def refuse_request(exc: HTTPException) -> Response:
        measured.bad_requests.inc()
        # Its own response carries what the status needs besides, as Allow with 405; its HTML is for browsers.
        response = Response(f"{exc.description}\n", status=exc.code, content_type=_TEXT)
        if "Allow" in (headers := dict(exc.get_headers())):
            response.headers["Allow"] = headers["Allow"]
        return response

    @app.errorhandler(Exception)
    def fail(exc: Exception) -> Response:
        measured.internal_errors.inc()
        _log.error("review failed", exc_info=exc)
        return Response("internal error: see the webhook's log\n", status=500, content_type=_TEXT)

    return app


def create_health_app(state: State, metrics: Metrics) -> Flask:
    """Plain HTTP, for inside the pod network: nothing in it tells of objects."""
    app = Flask(__name__, static_folder=None)

    @app.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", content_type=_TEXT)

    @app.get("/readyz")
    def readyz() -> Response:
        if state.ready:
            return Response("ok\n", content_type=_TEXT)
        return Response("snapshots and GitSyncs are not synced yet\n", status=503, content_type=_TEXT)

    @app.get("/metrics")
    def show_metrics() -> Response:
        return Response(generate_latest(metrics.registry), content_type=CONTENT_TYPE_LATEST)

    return app


def _read(body: bytes) -> Request:
    try:
        return read_review(orjson.loads(body))
    except orjson.JSONDecodeError:
        raise BadRequest("the body is no JSON") from None
    except BadReview as exc:
        raise BadRequest(str(exc)) from None


def _log_refusal(asked: Request, verdict: Verdict) -> None:
    """One line for each, with who, what and which fields; never with what is in them."""
    _log.warning(
        "change diverges from Git",
        extra={
            "verdict": verdict.outcome.value,
            "reason": verdict.reason.value,
            "gitsync": verdict.gitsync,
            "commit": verdict.revision,
            "operation": asked.operation.value,
            "object": asked.key.described,
            "fields": verdict.fields,
            "user": asked.user,
            "uid": asked.uid,
            "dry_run": asked.dry_run,
        },
    )
