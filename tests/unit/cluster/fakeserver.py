"""An API server over real HTTP that does what a real one cannot be made to do at will."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from kubernetes import client

from kubectl_gitops.cluster.connection import Cluster


class Request(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class Answer(NamedTuple):
    """``body`` is JSON to be, or bytes as they are; with ``lines``, they come one by one, as in a watch.

    ``hang_up`` closes the connection instead of ending what was begun.
    """

    body: Any = b""
    lines: tuple[bytes, ...] | None = None
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    hang_up: bool = False


class FakeServer:
    """Answers each request by what ``answer`` makes of it, and remembers all of them."""

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self.requests: list[Request] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parts = urlsplit(self.path)
                request = Request(
                    method=self.command,
                    path=parts.path,
                    query=dict(parse_qsl(parts.query)),
                    headers=dict(self.headers),
                    body=json.loads(body) if body else None,
                )
                fake.requests.append(request)
                self.reply(answer(request))

            do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - http.server's names

            def reply(self, said: Answer) -> None:
                self.close_connection = said.hang_up
                if said.lines is not None:
                    self.stream(said.lines, whole=not said.hang_up)
                elif not said.hang_up:
                    self.write(said)

            def stream(self, lines: tuple[bytes, ...], *, whole: bool) -> None:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for line in lines:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                if whole:
                    self.wfile.write(b"0\r\n\r\n")

            def write(self, said: Answer) -> None:
                body = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
                self.send_response(said.status)
                for name, value in {"Content-Length": str(len(body)), **said.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def cluster(self, *, timeout_seconds: float = 10.0) -> Cluster:
        return cluster_at(self.url, timeout_seconds=timeout_seconds)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def cluster_at(url: str, *, timeout_seconds: float = 10.0) -> Cluster:
    configuration = client.Configuration()
    configuration.host = url
    return Cluster(client.ApiClient(configuration), timeout_seconds=timeout_seconds)


@contextmanager
def serving(answer: Callable[[Request], Answer]) -> Iterator[FakeServer]:
    server = FakeServer(answer)
    try:
        yield server
    finally:
        server.close()


def listing(*names: str, version: int, more: str = "") -> Answer:
    """A page of ConfigMaps."""
    metadata = {"resourceVersion": str(version), **({"continue": more} if more else {})}
    return Answer({"metadata": metadata, "items": [{"metadata": {"name": name}} for name in names]})


def event(kind: str, obj: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


def events(*told: tuple[str, dict[str, Any]]) -> Answer:
    """What a watch tells before it ends."""
    return Answer(lines=tuple(event(*one) for one in told))


def expired() -> Answer:
    return Answer({"kind": "Status", "message": "too old", "reason": "Expired", "code": 410}, status=410)
