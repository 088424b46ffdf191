"""What the API server, or the network, says becomes the error that tells what to do about it."""

from __future__ import annotations

import json
import socket
import ssl

import pytest
import urllib3

from kubectl_gitops.cluster.failures import failure_of, is_temporary, json_answer, unreachable
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


def failure(status: int, message: str = "words", headers: dict[str, str] | None = None) -> ClusterError:
    body = json.dumps({"kind": "Status", "message": message, "reason": "Because"}).encode()
    return failure_of("GET", "/api/v1/pods", status, headers or {}, body)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Rejected),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (405, Rejected),
        (409, Conflict),
        (410, Expired),
        (413, Rejected),
        (415, Rejected),
        (422, Rejected),
        (429, ClusterError),
        (500, ClusterError),
        (503, ClusterError),
    ],
)
def test_each_status_is_one_kind_of_error(status: int, kind: type[ClusterError]) -> None:
    error = failure(status)
    assert type(error) is kind
    assert (error.status, error.reason) == (status, "Because")
    assert status == 401 or str(error) == "words"


@pytest.mark.parametrize("status", [400, 403, 409, 422, 500])
@pytest.mark.parametrize(
    "message",
    [
        'admission webhook "x" denied the request: no',
        "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
        'Internal error occurred: failed calling webhook "x"',
        "failed to create typed patch object (a/b; /v1, Kind=ConfigMap): .dota: field not declared in schema",
    ],
)
def test_a_refusal_is_one_whatever_the_status(status: int, message: str) -> None:
    error = failure(status, message)
    assert type(error) is Rejected
    assert str(error) == message


def test_only_what_may_soon_be_otherwise_is_tried_again() -> None:
    assert [status for status in (400, 403, 404, 409, 410, 422, 429, 500, 503) if is_temporary(failure(status))] == [
        429,
        500,
        503,
    ]
    assert is_temporary(Unreachable("away"))
    assert is_temporary(failure(500, 'failed calling webhook "x": connection refused'))
    assert not is_temporary(failure(500, 'admission webhook "x" denied the request'))
    assert not is_temporary(failure(500, "failed to create typed patch object (a/b): .c: field not declared in schema"))


def test_when_to_come_again() -> None:
    assert failure(429, headers={"Retry-After": "3"}).retry_after == 3
    assert failure(429, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}).retry_after is None
    assert failure(429).retry_after is None
    body = json.dumps({"message": "later", "details": {"retryAfterSeconds": 5}}).encode()
    assert failure_of("GET", "/", 429, {}, body).retry_after == 5


def test_an_answer_that_is_no_status_is_quoted() -> None:
    assert str(failure_of("GET", "/x", 502, {}, b"<html>Bad Gateway")) == "<html>Bad Gateway"
    assert str(failure_of("GET", "/x", 502, {}, b"")) == "the API server answered 502 to GET /x"
    assert str(failure_of("GET", "/x", 502, {}, b'"text"')) == '"text"'


@pytest.mark.parametrize("body", [b"<html>Log in", b"", b"[]", b"null"])
def test_an_answer_that_is_no_object_is_no_api_servers(body: bytes) -> None:
    with pytest.raises(ClusterError, match="what answered GET /x is not a Kubernetes API server"):
        json_answer("GET", "/x", body)
    assert json_answer("GET", "/x", b'{"a": 1}') == {"a": 1}


def wrapped(cause: Exception) -> urllib3.exceptions.MaxRetryError:
    return urllib3.exceptions.MaxRetryError(urllib3.HTTPConnectionPool("host"), "/x", cause)


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "name or service not known"),
        (TimeoutError("timed out"), "it did not answer in time"),
        (ssl.SSLError("WRONG_VERSION_NUMBER"), "TLS failed"),
        (ConnectionResetError(104, "Connection reset by peer"), "connection reset by peer"),
    ],
)
def test_no_answer_is_said_with_its_innermost_reason(cause: Exception, words: str) -> None:
    error = unreachable("https://host:6443", wrapped(cause))
    assert str(error).startswith(f"cannot reach the API server at https://host:6443: {words}")
    assert error.status == 0
    assert error.hint
