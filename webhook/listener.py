"""The TLS side: one socket for as long as the process lives, and in front of the app one Granian server at a time.

Granian reads its certificate once. A renewed one is therefore served by another server on the same socket, in the same
process: the one before accepts nothing more, finishes what it has, and asks each client to connect anew with its next
answer. No connection that waits in the socket's queue is lost on the way, and none is closed under a request.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from granian._granian import ListenerSpec, SocketHolder
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from kubectl_gitops.api import jsonlog
from kubectl_gitops.serving.endpoint import Endpoint
from webhook.certs import LeafFiles
from webhook.gateway import Gateway

_log = logging.getLogger(__name__)

#: Open connections, most of them idle: each API server keeps a pool of them.
CONNECTIONS = 4096
#: A connection on which no head of a request has come for that long is closed. More than the 90 seconds after which an
#: API server closes an idle connection itself: were we first, a request could be on its way.
HEADER_MILLISECONDS = 120_000
#: How long a server that is replaced keeps what is open: until the API servers have closed what they do not use.
REPLACED_SECONDS = 120.0
#: A server is given that long to begin before it is replaced: it does so in a thread of its own, and many that begin at
#: once can end the process.
BETWEEN_SECONDS = 1.0
#: What still runs after all that is cut off.
_FINISH_SECONDS = 5.0


def listen(endpoint: Endpoint) -> socket.socket:
    """The socket, listening. Raises OSError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    server = socket.create_server(tuple(endpoint), family=family, backlog=CONNECTIONS)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server


@dataclass(slots=True)
class _Serving:
    server: Server
    gateway: Gateway
    task: asyncio.Task[None]
    fd: int


class Listener:
    """Everything on one event loop. ``gateway`` makes the gateway of a new server; all of them call the same app."""

    def __init__(self, listening: socket.socket, gateway: Callable[[], Gateway], *, log_level: str) -> None:
        self._socket = listening
        self._gateway = gateway
        # What it has to say of each start and stop is of no use to who runs this.
        self._log_level = LogLevels.debug if log_level == "debug" else LogLevels.error
        self._log_config = jsonlog.logging_config(log_level)
        self._current: _Serving | None = None
        self._replaced: dict[asyncio.Task[None], _Serving] = {}
        self._begun_at = -BETWEEN_SECONDS
        self._next: asyncio.TimerHandle | None = None
        # What a server listens on that has been replaced: nobody is told of it. Of TCP, for one that is replaced before
        # it has begun asks for its address, and ends the process's answers where that is of another kind.
        self._silent = socket.create_server(("127.0.0.1", 0), backlog=1)
        self._silent.setblocking(False)

    def serve(self, files: LeafFiles) -> None:
        """Serve with this certificate from now on; or soon, where the one before has only just begun."""
        if self._next is None:
            loop = asyncio.get_running_loop()
            wait_seconds = self._begun_at + BETWEEN_SECONDS - loop.time()
            if wait_seconds > 0:
                self._next = loop.call_later(wait_seconds, self._serve, files)
            else:
                self._serve(files)

    def _serve(self, files: LeafFiles) -> None:
        """What the files hold by now: the last that was written."""
        self._next, self._begun_at = None, asyncio.get_running_loop().time()
        before, self._current = self._current, self._start(files)
        if before is not None:
            leaving = asyncio.get_running_loop().create_task(self._replace(before))
            self._replaced[leaving] = before
            leaving.add_done_callback(lambda done: self._replaced.pop(done, None))

    async def drain(self, seconds: float) -> None:
        """Answer for that long, asking each client to go elsewhere; then finish what is under way and stop."""
        if self._next is not None:
            self._next.cancel()
        current, self._current = self._current, None
        if current is None:
            return
        current.gateway.is_closing = True
        await asyncio.sleep(seconds)
        replaced = list(self._replaced.items())
        for task, _ in replaced:
            task.cancel()
        await asyncio.gather(*(self._finish(one) for one in (current, *(one for _, one in replaced))))
        self._silent.close()

    def _start(self, files: LeafFiles) -> _Serving:
        fd = os.dup(self._socket.fileno())
        gateway = self._gateway()
        server = _Server(
            gateway,
            interface=Interfaces.RSGI,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS),
            websockets=False,
            backlog=CONNECTIONS,
            backpressure=CONNECTIONS,
            ssl_cert=files.certificate,
            ssl_key=files.key,
            ssl_protocol_min=SSLProtocols.tls13,
            log_level=self._log_level,
            log_dictconfig=self._log_config,  # it configures logging for the whole process, each time
        )
        server.listening_fd = fd
        return _Serving(server, gateway, asyncio.get_running_loop().create_task(server.serve()), fd)

    async def _replace(self, one: _Serving) -> None:
        one.gateway.is_closing = True
        # Its handshakes would be cut off were it stopped while it accepts: from here on it polls another socket.
        os.dup2(self._silent.fileno(), one.fd)
        await asyncio.sleep(REPLACED_SECONDS)
        await self._finish(one)

    async def _finish(self, one: _Serving) -> None:
        one.server.stop()  # type: ignore[no-untyped-call]
        try:
            await asyncio.wait_for(one.task, _FINISH_SECONDS)
        except TimeoutError:
            _log.warning("some requests were not finished")


class _Server(Server):
    """A server on a socket that it is given: ``listening_fd``, which it closes when it ends."""

    listening_fd: int

    def _init_shared_socket(self) -> None:
        holder: Callable[..., Any] = SocketHolder
        # Asked whether it is a Unix socket, and for nothing else: where there is a holder, that is listened on.
        self._ssp = ListenerSpec("127.0.0.1", 0, CONNECTIONS)  # type: ignore[assignment]
        self._shd = holder(self.listening_fd, False, CONNECTIONS)
