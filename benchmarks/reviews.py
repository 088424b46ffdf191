"""A client that asks a webhook for verdicts, as an API server does: HTTP/1.1 over TLS, on connections that it keeps.

``python -m benchmarks.reviews HOST:PORT CA BODIES CONNECTIONS SECONDS RATE``: a process of its own, on its own core.
BODIES is a file with a review a line. RATE is requests a second, each due at its time whether those before are
answered or not; 0: as fast as answers come. Prints an empty line when it begins, and JSON at the end: how long it took,
when it began, and of each answer when it was due and how long it took, all in seconds (of ``time.perf_counter``).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import selectors
import socket
import ssl
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import orjson

CLIENT_CORE = 1


class _Connection:
    def __init__(self, address: tuple[str, int], context: ssl.SSLContext) -> None:
        plain = socket.create_connection(address, timeout=30)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = context.wrap_socket(plain, server_hostname=address[0])
        self.tls.settimeout(0)
        self.due = 0.0
        self._received = b""

    def ask(self, request: bytes, due: float) -> None:
        self.due, self._received = due, b""
        self.tls.settimeout(30)
        self.tls.sendall(request)
        self.tls.settimeout(0)

    def is_answered(self) -> bool:
        """Read what is there; raises RuntimeError where it is no verdict."""
        piece = b""
        with contextlib.suppress(ssl.SSLWantReadError):  # as with session tickets
            while piece := self.tls.recv(1 << 16):
                self._received += piece
            raise RuntimeError("the connection was closed")
        head, found, body = self._received.partition(b"\r\n\r\n")
        if found and not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"no verdict: {self._received[:300]!r}")
        if not found:
            return False
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return len(body) >= length


def ask(
    address: tuple[str, int], ca: Path, bodies: list[bytes], *, connections: int, seconds: float, rate: float
) -> dict[str, Any]:
    context = ssl.create_default_context(cafile=ca)
    head = f"POST /validate?timeout=5s HTTP/1.1\r\nHost: {address[0]}\r\nContent-Type: application/json\r\n"
    requests = itertools.cycle(
        [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies],
    )
    free = deque(_Connection(address, context) for _ in range(connections))
    selector = selectors.DefaultSelector()
    for connection in free:
        selector.register(connection.tls, selectors.EVENT_READ, connection)
    sys.stdout.write("\n")
    sys.stdout.flush()
    began = time.perf_counter()
    answered: list[tuple[float, float]] = []
    due, end, busy = began, began + seconds, 0
    while True:
        now = time.perf_counter()
        while free and due <= now < end:
            free.popleft().ask(next(requests), due if rate else now)
            busy += 1
            due = due + 1 / rate if rate else now
        if now >= end and not busy:
            break
        for key, _ in selector.select(max(0.0, min(due, end) - now) if rate and free else 5.0):
            connection = key.data
            if connection.is_answered() and connection not in free:
                answered.append((connection.due, time.perf_counter() - connection.due))
                busy -= 1
                free.append(connection)
    return {"seconds": time.perf_counter() - began, "began": began, "answered": answered}


def main(address: str, ca: str, bodies: str, connections: str, seconds: str, rate: str) -> None:
    if (os.cpu_count() or 1) > CLIENT_CORE:
        os.sched_setaffinity(0, {CLIENT_CORE})
    host, _, port = address.rpartition(":")
    told = ask(
        (host, int(port)),
        Path(ca),
        Path(bodies).read_bytes().splitlines(),
        connections=int(connections),
        seconds=float(seconds),
        rate=float(rate),
    )
    sys.stdout.buffer.write(orjson.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
