"""A server of Git repositories over HTTP or HTTPS: git's own http-backend behind what real servers have before it.

It can ask for a password, a token or a client certificate, redirect, and give answers that no honest server gives.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from pathlib import Path
from typing import Any, cast

from tests.testbed.pki import Authority, Credential

#: (status, headers, body) in place of git's answer; the body may never end.
Trick = Callable[[str], tuple[int, dict[str, str], Iterator[bytes]] | None]


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came in; ``client`` is the common name in the client's certificate."""

    method: str
    path: str
    headers: dict[str, str]
    client: str


@dataclass(kw_only=True)
class GitServer:
    """The repositories below ``root``; for ``serving``. ``received`` has all requests so far."""

    root: Path
    authority: Authority | None = None
    client_authority: Authority | None = None
    authorization: str | None = None
    trick: Trick = lambda _: None
    filters: bool = True
    received: list[Received] = field(default_factory=list)
    url: str = ""

    def paths(self) -> list[str]:
        return [one.path for one in self.received]

    def posts(self) -> int:
        return sum(one.method == "POST" for one in self.received)


def basic(username: str, password: str) -> str:
    """The Authorization header of a password."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@contextmanager
def serving(server: GitServer) -> Iterator[GitServer]:
    """The server on a port of 127.0.0.1, while in here."""
    context = _context(server) if server.authority else None
    listener = _Listener(server, context)
    scheme = "https" if context else "http"
    server.url = f"{scheme}://127.0.0.1:{listener.server_address[1]}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, server: GitServer, context: ssl.SSLContext | None) -> None:
        self.git_server = server
        self._context = context
        super().__init__(("127.0.0.1", 0), _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: a client that never shakes hands holds nobody else up."""
        if self._context is None:
            super().finish_request(request, client_address)
            return
        with self._context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away, or does not trust us, is what tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called
        """Nothing: tests look at what was received."""

    def _answer(self) -> None:
        server = cast("_Listener", self.server).git_server
        body = self._body()
        server.received.append(Received(self.command, self.path, dict(self.headers.items()), self._client()))
        if tricked := server.trick(self.path):
            self._send(*tricked)
        elif server.authorization and self.headers.get("Authorization") != server.authorization:
            self._send(401, {"WWW-Authenticate": 'Basic realm="git"', "Content-Length": "0"}, iter(()))
        else:
            self._backend(server, body)

    def _client(self) -> str:
        certificate = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        subject = dict(part[0] for part in cast("Any", certificate or {}).get("subject", ()))
        return str(subject.get("commonName", ""))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            return b"".join(iter(lambda: _chunk(self.rfile), b""))
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _backend(self, server: GitServer, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "uploadpack.allowFilter",
            "GIT_CONFIG_VALUE_0": str(server.filters).lower(),
            "GIT_CONFIG_KEY_1": "uploadpack.allowAnySHA1InWant",
            "GIT_CONFIG_VALUE_1": str(server.filters).lower(),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        status = int(headers.pop("Status", "200").split()[0])
        self._send(status, {**headers, "Content-Length": str(len(content))}, iter((content,)))

    def _send(self, status: int, headers: dict[str, str], body: Iterator[bytes]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.close_connection = True
        self.end_headers()
        for part in body:
            self.wfile.write(part)


def _chunk(stream: BufferedIOBase) -> bytes:
    content = stream.read(int(stream.readline().strip(), 16))
    stream.readline()
    return content


def _context(server: GitServer) -> ssl.SSLContext:
    assert server.authority is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load(context, server.authority.issue_server(["127.0.0.1"]))
    if server.client_authority:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=server.client_authority.pem)
    return context


def load(context: ssl.SSLContext, credential: Credential) -> None:
    """The certificate and its key, which ssl takes from files only."""
    with tempfile.TemporaryDirectory() as directory:
        pem = Path(directory, "pem")
        pem.touch(mode=0o600)
        pem.write_text(credential.certificate_pem + credential.key_pem)
        context.load_cert_chain(pem)


@contextmanager
def silent() -> Iterator[str]:
    """The address (host:port) of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
