"""Between the server and the app: a request reaches the app when all of it is there, and not before.

The app has one thread. Were it to read the body itself, whoever sends one byte and then nothing would keep it from
everybody else, and the API server would let changes pass, as the failurePolicy says.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Any, Protocol

#: How long a body may take. The API server waits for an answer no longer than its timeoutSeconds.
BODY_SECONDS = 10.0

_TEXT = [("content-type", "text/plain; charset=utf-8")]

WsgiApp = Callable[..., Any]
Headers = list[tuple[str, str]]


class Scope(Protocol):
    """Of granian.rsgi.Scope, what is used here."""

    proto: str
    http_version: str
    server: str
    scheme: str
    method: str
    path: str
    query_string: str

    @property
    def headers(self) -> Any: ...


class Connection(Protocol):
    """Of granian.rsgi.HTTPProtocol, what is used here."""

    def __call__(self) -> Awaitable[bytes]: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...


class TooLarge(Exception):
    """The body is larger than it may be."""


class Gateway:
    """An RSGI app in front of a WSGI app, which it calls in the one thread of its event loop."""

    def __init__(self, app: WsgiApp, *, max_body_bytes: int, body_seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._body_seconds = body_seconds
        #: Whether each answer asks the client to close its connection, and to go elsewhere with its next request.
        self.is_closing = False

    async def __rsgi__(self, scope: Scope, connection: Connection) -> None:
        if scope.proto != "http":
            return
        try:
            async with asyncio.timeout(self._body_seconds):
                body = await self._body(scope, connection)
        except TimeoutError:
            connection.response_bytes(408, _TEXT, b"the body did not arrive in time\n")
        except TooLarge:
            connection.response_bytes(413, _TEXT, f"a body has at most {self._max_body_bytes} bytes\n".encode())
        else:
            status, headers, text = self._call(scope, body)
            if self.is_closing:
                headers = [*headers, ("connection", "close")]
            connection.response_bytes(status, headers, text)

    async def _body(self, scope: Scope, connection: Connection) -> bytes:
        """All of it. Raises TooLarge, before anything is read where the length is announced."""
        announced = scope.headers.get("content-length") or ""
        if announced.isdecimal():
            if int(announced) > self._max_body_bytes:
                raise TooLarge
            return await connection()
        pieces: list[bytes] = []
        size = 0
        async for piece in connection:
            size += len(piece)
            if size > self._max_body_bytes:
                raise TooLarge
            pieces.append(piece)
        return b"".join(pieces)

    def _call(self, scope: Scope, body: bytes) -> tuple[int, Headers, bytes]:
        """What the app answers; nothing of a fault reaches who asked."""
        status, headers = 500, _TEXT

        def start_response(line: str, found: Headers, exc_info: object = None) -> None:
            nonlocal status, headers
            del exc_info
            status, headers = int(line.split(" ", 1)[0]), [(name.lower(), value) for name, value in found]

        answer = self._app(_environ(scope, body), start_response)
        try:
            text = b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        return status, headers, b"" if status == HTTPStatus.NO_CONTENT else text


def _environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """A WSGI environment (PEP 3333)."""
    host, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        # Bytes of the path as latin-1, as PEP 3333 has it.
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "CONTENT_TYPE": scope.headers.get("content-type") or "",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        environ.setdefault(f"HTTP_{name.upper().replace('-', '_')}", value)
    return environ
