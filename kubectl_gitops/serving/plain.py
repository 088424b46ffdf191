"""A plain HTTP server in threads of this process, for small WSGI apps.

It stands where strangers may reach it, hence three bounds: on connections at once, on the time of each, and on what a
handler waits for. Whatever is above them is closed without an answer.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import socketserver
import threading
from collections.abc import Callable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from kubectl_gitops.serving.endpoint import Endpoint

_log = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
#: One connection is one request: whoever has not been answered by then is not worth waiting for.
CONNECTION_SECONDS = 10.0

WsgiApp = Callable[..., Any]


class PlainServer(socketserver.ThreadingMixIn, WSGIServer):
    """Serves one app. ``start`` begins, ``stop`` ends; what is being answered then is dropped."""

    daemon_threads = True
    allow_reuse_address = True
    # While a process is replaced, as a webhook's worker after a renewal, the next one listens before it has stopped.
    allow_reuse_port = True
    request_queue_size = MAX_CONNECTIONS

    def __init__(
        self,
        app: WsgiApp,
        endpoint: Endpoint,
        *,
        max_connections: int = MAX_CONNECTIONS,
        connection_seconds: float = CONNECTION_SECONDS,
    ) -> None:
        self.address_family = endpoint.family
        self._free = threading.BoundedSemaphore(max_connections)
        self._connection_seconds = connection_seconds
        super().__init__((endpoint.host, endpoint.port), _QuietHandler)
        self.set_app(app)

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens, with the port that it got for 0."""
        host, port = self.socket.getsockname()[:2]
        return Endpoint(host, port)

    def start(self, name: str) -> None:
        threading.Thread(target=self.serve_forever, name=name, daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def server_bind(self) -> None:
        """As HTTPServer's, but without asking the DNS for our own name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        # A timeout on the socket alone would begin anew with each byte.
        deadline = threading.Timer(self._connection_seconds, _hang_up, [request])
        deadline.daemon = True
        deadline.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            deadline.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's
        """Whoever hangs up is no news."""
        _log.debug("a connection failed", exc_info=True)


class _QuietHandler(WSGIRequestHandler):
    timeout = CONNECTION_SECONDS
    server_version = sys_version = ""  # nothing to learn for strangers

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class names it
        _log.debug(format, *args)


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
