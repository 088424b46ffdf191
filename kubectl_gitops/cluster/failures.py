"""Translate what the API server, or the network, says into our errors."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Mapping
from typing import Any

import orjson

from kubectl_gitops.api.objects import Object
from kubectl_gitops.errors import (
    ClusterError,
    Conflict,
    Expired,
    Forbidden,
    NotFound,
    Rejected,
    Unauthorized,
    Unreachable,
)

_NO_WEBHOOK = "failed calling webhook"
# What admission says, by webhook or by policy, comes with whatever status code its author chose; and an unknown field
# in a server-side apply comes with 500, as if it were the server's fault (apimachinery, managedfields/internal).
_REFUSALS = (
    "admission webhook",
    "denied request",
    "denied the request",
    _NO_WEBHOOK,
    "failed to create typed patch object",
)
_TEMPORARY_STATUS = {429, 500, 502, 503, 504}

# Whom the API server takes somebody for who sends no credentials at all.
_ANONYMOUS = 'User "system:anonymous"'
_ANONYMOUS_HINT = "no credentials were sent: log in, or check the user of this kubeconfig context"
_FORBIDDEN_HINT = "ask for this right, or use a context that has it"


def failure_of(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> ClusterError:
    """The error for an answer that is not 2xx; the message is the API server's own."""
    said = _status_object(body)
    message = str(said.get("message") or "").strip() or f"the API server answered {status} to {method} {path}"
    reason = str(said.get("reason") or "")
    retry_after = _retry_after(headers, said)
    details: dict[str, Any] = {"status": status, "reason": reason, "retry_after": retry_after}
    if any(words in message for words in _REFUSALS):
        return Rejected(message, **details)
    match status:
        case 401:
            return Unauthorized(
                "the API server does not accept these credentials (401 Unauthorized): missing, wrong or expired",
                hint="log in again, or check the user of this kubeconfig context",
                **details,
            )
        case 403:
            return Forbidden(message, hint=_ANONYMOUS_HINT if _ANONYMOUS in message else _FORBIDDEN_HINT, **details)
        case 404:
            return NotFound(message, **details)
        case 409:
            return Conflict(message, **details)
        case 410:
            return Expired(message, **details)
        case 400 | 405 | 413 | 415 | 422:
            return Rejected(message, **details)
    return ClusterError(message, **details)


def is_temporary(exc: ClusterError) -> bool:
    """Whether the same request may well succeed a moment later."""
    if isinstance(exc, Rejected):
        return _NO_WEBHOOK in str(exc)
    return isinstance(exc, Unreachable) or exc.status in _TEMPORARY_STATUS


_HINT = "is it running, and is this the right context?"


def json_answer(method: str, path: str, body: bytes) -> Object:
    """The JSON object of a successful answer. Raises ClusterError for anything else, as a login page of a proxy."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise ClusterError(
            f"what answered {method} {path} is not a Kubernetes API server",
            hint="is this the right address, and is there a proxy in between?",
        )
    return answer


def unreachable(url: str, exc: Exception) -> Unreachable:
    """The error for no answer at all, with the innermost reason, which is the one that says something."""
    words, hint = _no_answer(_innermost(exc))
    return Unreachable(f"cannot reach the API server at {url}: {words}", hint=hint)


def _no_answer(cause: BaseException) -> tuple[str, str]:
    """What went wrong, and what to do about it."""
    match cause:
        case ssl.SSLCertVerificationError():
            return (
                f"its certificate is not trusted: {cause.verify_message}",
                "is this the right cluster, and its authority the one that the kubeconfig has?",
            )
        case ssl.SSLError():
            return f"TLS failed: {getattr(cause, 'reason', None) or cause}", "check the certificates in the kubeconfig"
        case TimeoutError():
            return "it did not answer in time", f"{_HINT} --request-timeout waits longer"
        case OSError() if cause.strerror:
            return cause.strerror[:1].lower() + cause.strerror[1:], _HINT
    return str(cause) or type(cause).__name__, _HINT


def _innermost(exc: BaseException) -> BaseException:
    """What the layers of urllib3 are wrapped around: as reason, as an argument, or as the cause."""
    wrapped = (getattr(exc, "reason", None), *exc.args, exc.__cause__)
    inner = next((one for one in wrapped if isinstance(one, BaseException)), None)
    return exc if inner is None else _innermost(inner)


def _status_object(body: bytes) -> dict[str, Any]:
    with contextlib.suppress(orjson.JSONDecodeError):
        parsed = orjson.loads(body)
        if isinstance(parsed, dict):
            return parsed
    return {"message": body[:500].decode(errors="replace")}


def _retry_after(headers: Mapping[str, str], said: dict[str, Any]) -> float | None:
    value = headers.get("Retry-After") or (said.get("details") or {}).get("retryAfterSeconds")
    try:
        return float(value) if value else None
    except ValueError:
        return None  # an HTTP date: nobody sends one, and ours is to back off anyway
