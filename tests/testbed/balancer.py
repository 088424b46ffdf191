"""A TCP load balancer, as a Service is one: a new connection goes to a backend that is ready, and stays there."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import urllib3

_LOOK_SECONDS = 0.05
_PIECE = 1 << 16


class Backend:
    """Where a replica listens, and where it says whether it is ready."""

    def __init__(self, port: int, ready_url: str) -> None:
        self.port = port
        self.ready_url = ready_url
        self.is_ready = False

    def look(self) -> None:
        try:
            self.is_ready = urllib3.request("GET", self.ready_url, timeout=1.0, retries=False).status == 200
        except urllib3.exceptions.HTTPError:
            self.is_ready = False


class Balancer:
    """``backends`` may be changed at any time. ``port`` is where it listens, on 127.0.0.1."""

    def __init__(self) -> None:
        self.backends: Sequence[Backend] = ()
        self.port = 0
        self._turns = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._pipes: set[asyncio.Task[None]] = set()
        self._stopped = threading.Event()

    @property
    def ready(self) -> list[Backend]:
        return [backend for backend in self.backends if backend.is_ready]

    def _run(self, started: Callable[[], None]) -> None:
        async def serve() -> None:
            server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024)
            self.port = server.sockets[0].getsockname()[1]
            started()
            async with server:
                await self._loop.run_in_executor(None, self._stopped.wait)
            for pipe in self._pipes:
                pipe.cancel()

        self._loop.run_until_complete(serve())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _look(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            for backend in self.backends:
                backend.look()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ready = self.ready
        if not ready:
            writer.transport.abort()
            return
        backend = ready[next(self._turns) % len(ready)]
        try:
            back_reader, back_writer = await asyncio.open_connection("127.0.0.1", backend.port)
        except OSError:
            writer.transport.abort()
            return
        for pair in ((reader, back_writer), (back_reader, writer)):
            task = self._loop.create_task(_pipe(*pair))
            self._pipes.add(task)
            task.add_done_callback(self._pipes.discard)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.CancelledError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    writer.close()


@contextmanager
def balancer() -> Iterator[Balancer]:
    made, started = Balancer(), threading.Event()
    threads = [
        threading.Thread(target=made._run, args=(started.set,), daemon=True),
        threading.Thread(target=made._look, daemon=True),
    ]
    for thread in threads:
        thread.start()
    assert started.wait(10)
    try:
        yield made
    finally:
        made._stopped.set()
        for thread in threads:
            thread.join(10)
