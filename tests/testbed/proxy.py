"""A proxy as companies have them: it knows CONNECT, and may ask for a password."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    authorization: str | None = None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Either side may go away at any time."""


@dataclass
class Proxy:
    """A proxy: ``targets`` has the host and port of each CONNECT that was let through."""

    address: str
    targets: list[str]


@contextmanager
def proxying(authorization: str | None = None) -> Iterator[Proxy]:
    """A proxy that knows CONNECT, and lets through whoever sends that Proxy-Authorization."""
    targets: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            if authorization and self.headers.get("Proxy-Authorization") != authorization:
                self.send_response(407)
                self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            targets.append(self.path)
            host, _, port = self.path.rpartition(":")
            with socket.create_connection((host, int(port))) as upstream:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=_pump, args=(upstream, self.connection), daemon=True)
                back.start()
                _pump(self.connection, upstream)
                back.join()
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called
            """Nothing: tests look at the targets."""

    listener = _Proxy(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Proxy(f"127.0.0.1:{listener.server_address[1]}", targets)
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(65536):
            target.sendall(content)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
