"""The gateway with apps of its own; behind the real server in tests/integration/test_webhook_hostile.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask, Response, request

from webhook.gateway import Gateway, Headers


@dataclass
class Asked:
    """A request: what its scope says, and the pieces in which its body comes."""

    method: str = "POST"
    path: str = "/validate"
    query_string: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    proto: str = "http"
    http_version: str = "1.1"
    server: str = "127.0.0.1:9443"
    scheme: str = "https"


class Sent:
    """A connection on which a body arrives piece by piece; ``None`` among them is a piece that never comes."""

    def __init__(self, *pieces: bytes | None) -> None:
        self._pieces = pieces
        self.answer: tuple[int, Headers, bytes] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if piece is None:
                await asyncio.Event().wait()
            else:
                yield piece

    async def __call__(self) -> bytes:
        return b"".join([piece async for piece in self])

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        self.answer = (status, headers, body)


def echo() -> Flask:
    app = Flask(__name__)

    @app.route("/<path:path>", methods=["GET", "POST"])
    def echo_request(path: str) -> Response:
        told: Any = [request.method, path, dict(request.args), request.get_data(as_text=True), request.mimetype]
        return Response(repr([*told, request.headers.get("X-One")]), headers={"X-Two": "2"})

    return app


def call(asked: Asked, *pieces: bytes | None, app: Any = None, seconds: float = 5.0) -> tuple[int, Headers, bytes]:
    sent = Sent(*pieces)
    gateway = Gateway(app or echo(), max_body_bytes=100, body_seconds=seconds)
    asyncio.run(gateway.__rsgi__(asked, sent))
    assert sent.answer is not None
    return sent.answer


def test_the_app_gets_the_request_whole() -> None:
    asked = Asked(
        path="/validate/é",
        query_string="timeout=5s",
        headers={"content-type": "application/json; charset=utf-8", "x-one": "1", "content-length": "6"},
    )
    status, headers, body = call(asked, b"abc", b"def")
    assert (status, body.decode()) == (
        200,
        "['POST', 'validate/é', {'timeout': '5s'}, 'abcdef', 'application/json', '1']",
    )
    assert ("x-two", "2") in headers


def test_without_a_body_there_is_none() -> None:
    assert "''" in call(Asked(method="GET"))[2].decode()


@pytest.mark.parametrize(
    ("headers", "pieces"),
    [
        ({"content-length": "101"}, [None]),
        ({}, [b"x" * 60, b"x" * 60, None]),
        ({"content-length": "nine"}, [b"x" * 101]),
    ],
)
def test_what_is_too_large_is_refused_without_reading_all_of_it(headers: Any, pieces: Iterable[bytes | None]) -> None:
    status, _, body = call(Asked(headers=headers), *pieces)
    assert (status, body) == (413, b"a body has at most 100 bytes\n")


def test_a_body_that_does_not_arrive_is_given_up() -> None:
    status, _, body = call(Asked(), b"a", None, seconds=0.01)
    assert (status, body) == (408, b"the body did not arrive in time\n")


def test_other_requests_are_answered_while_a_body_arrives() -> None:
    async def both() -> tuple[Any, Any]:
        gateway = Gateway(echo(), max_body_bytes=100, body_seconds=60)
        slow, quick = Sent(b"a", None), Sent(b"b")
        waiting = asyncio.create_task(gateway.__rsgi__(Asked(), slow))
        await gateway.__rsgi__(Asked(), quick)
        waiting.cancel()
        return slow.answer, quick.answer

    slow, quick = asyncio.run(both())
    assert slow is None
    assert quick[0] == 200
