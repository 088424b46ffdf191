"""The Flask apps: the one that answers the API server, and the one that answers kubelet and Prometheus."""

from __future__ import annotations

import logging
from collections.abc import Callable

import orjson
from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.exceptions import BadRequest, HTTPException, UnsupportedMediaType

from webhook.metrics import Metrics
from webhook.policy import decide
from webhook.review import BadReview, Request, read_review, respond
from webhook.state import State
from webhook.unreadable import decide_unread, is_too_deep, read_head
from webhook.verdict import Reason, Undecided, Verdict
from webhook.view import View

_log = logging.getLogger(__name__)

VALIDATE_PATH = "/validate"
#: The API server takes 3 MiB of JSON and stores half of it. A review holds the object before and after, and in it
#: each ``<`` takes six bytes. What it sends must fit: what is refused here, the failurePolicy lets pass.
MAX_BODY_BYTES = 32 << 20

_TITLES = {Reason.EXEMPT: "change by an exempt requester", Reason.BREAK_GLASS: "change under break-glass"}
_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"


def create_app(
    state: State, metrics: Metrics | None = None, *, record: Callable[[Request, Verdict], None] = lambda *_: None
) -> Flask:
    """The app that answers reviews. What raises becomes HTTP 500, and the failurePolicy decides; never a verdict.

    ``record`` is told of each request that was found fault with; it must not wait for anything.
    """
    measured = metrics or Metrics(state)
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES

    @app.post(VALIDATE_PATH, provide_automatic_options=False)
    def validate() -> Response:
        if request.mimetype != _JSON:
            raise UnsupportedMediaType(f"send {_JSON}")
        body = request.get_data(cache=False)
        with measured.latency.time():
            asked, verdict = _judge(body, state.view)
            measured.count(asked, verdict)
            if verdict.refusal is not None and verdict.reason is not Reason.PROBE:
                _log_refusal(asked, verdict)
                record(asked, verdict)
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

    @app.errorhandler(Undecided)
    def leave_undecided(exc: Undecided) -> Response:
        measured.undecided.inc()
        return Response(f"{exc}\n", status=503, content_type=_TEXT)

    @app.errorhandler(Exception)
    def fail(exc: Exception) -> Response:
        measured.internal_errors.inc()
        _log.error("review failed", exc_info=exc)
        return Response("internal error: see the webhook's log\n", status=500, content_type=_TEXT)

    return app


def create_health_app(state: State, metrics: Metrics, *, is_trusted: Callable[[], bool] = lambda: True) -> Flask:
    """Plain HTTP, for inside the pod network: nothing in it tells of objects.

    ``is_trusted`` tells whether the API server accepts the certificate that is served.
    """
    app = Flask(__name__, static_folder=None)

    @app.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", content_type=_TEXT)

    @app.get("/readyz")
    def readyz() -> Response:
        if state.ready:
            if is_trusted():
                return Response("ok\n", content_type=_TEXT)
            return Response("the API server does not trust the certificate yet\n", status=503, content_type=_TEXT)
        return Response("snapshots and GitSyncs are not synced yet\n", status=503, content_type=_TEXT)

    @app.get("/metrics")
    def show_metrics() -> Response:
        return Response(generate_latest(metrics.registry), content_type=CONTENT_TYPE_LATEST)

    return app


def _judge(body: bytes, view: View) -> tuple[Request, Verdict]:
    try:
        asked = read_review(orjson.loads(body))
        return asked, decide(asked, view)
    except orjson.JSONDecodeError as exc:
        if not is_too_deep(exc):
            raise BadRequest("the body is no JSON") from None
    except RecursionError:  # read, but too deep to compare
        pass
    except BadReview as exc:
        raise BadRequest(str(exc)) from None
    try:
        asked = read_head(body)
    except BadReview as exc:
        raise BadRequest(str(exc)) from None
    return asked, decide_unread(asked, view)


def _log_refusal(asked: Request, verdict: Verdict) -> None:
    """One line for each, with who, what and which fields; never with what is in them."""
    _log.warning(
        _TITLES.get(verdict.reason, "change diverges from Git"),
        extra={
            "verdict": verdict.outcome.value,
            "reason": verdict.reason.value,
            "gitsync": verdict.gitsync,
            "commit": verdict.revision,
            "operation": asked.operation.value,
            "object": asked.described,
            "fields": verdict.fields,
            "user": asked.user,
            "uid": asked.uid,
            "dry_run": asked.dry_run,
            **({"break_glass": f"{verdict.glass.by}: {verdict.glass.reason}"} if verdict.glass else {}),
        },
    )
