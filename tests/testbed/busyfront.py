"""What may stand before an API server and turn requests away for a while: 429 with Retry-After, as it does itself.

Its own flow control cannot be made to do so at will: one request at a time is let in even where there are no seats.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


class BusyFront:
    """Passes requests from ``url`` (plain HTTP) on to an API server; ``refused`` counts those that it does not."""

    def __init__(self, target_port: int, ca_file: str) -> None:
        self.refused = 0
        self._is_busy = False
        context = ssl.create_default_context(cafile=ca_file)
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if front._is_busy:
                    front.refused += 1
                    self.answer_busy()
                    return
                upstream = http.client.HTTPSConnection("127.0.0.1", target_port, context=context, timeout=600)
                with suppress(OSError, http.client.HTTPException):  # either side has gone
                    upstream.request(self.command, self.path, body or None, dict(self.headers))
                    self.pass_on(upstream.getresponse())
                upstream.close()

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any  # noqa: N815 - http.server's names

            def answer_busy(self) -> None:
                said = (
                    b'{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too many requests","code":429}'
                )
                self.send_response(429)
                self.send_header("Retry-After", "1")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def pass_on(self, answer: http.client.HTTPResponse) -> None:
                self.close_connection = True
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("Connection", "close")
                self.end_headers()
                while piece := answer.read1(1 << 16):  # a watch: each event as it comes
                    self.wfile.write(piece)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called
                """Nothing: tests look at what comes of it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While in here, every request is turned away; watches that are open go on."""
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def standing_before(target_port: int, ca_file: str) -> Iterator[BusyFront]:
    front = BusyFront(target_port, ca_file)
    try:
        yield front
    finally:
        front.close()
