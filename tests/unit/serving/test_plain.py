"""The plain server: what it answers, and what strangers cannot do to it. Over real connections."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import urllib3
from prometheus_client import CollectorRegistry

from kubectl_gitops.serving.endpoint import Endpoint
from kubectl_gitops.serving.health import health_app
from kubectl_gitops.serving.plain import PlainServer
from tests.testbed.waiting import wait_until

ANY = Endpoint("127.0.0.1", 0)


@contextmanager
def serving(app: Any, **bounds: Any) -> Iterator[str]:
    server = PlainServer(app, ANY, **bounds)
    server.start("test")
    try:
        yield f"http://{server.endpoint}"
    finally:
        server.stop()


def ask(url: str, method: str = "GET") -> tuple[int, bytes]:
    answer = urllib3.request(method, url, retries=False, timeout=10)
    return answer.status, answer.data


def test_probes_say_why_not() -> None:
    reasons = {"well": "", "ready": "nothing was listed yet"}
    app = health_app(CollectorRegistry(), unwell=lambda: reasons["well"], unready=lambda: reasons["ready"])
    with serving(app) as url:
        assert ask(f"{url}/healthz") == (200, b"ok\n")
        assert ask(f"{url}/readyz") == (503, b"nothing was listed yet\n")
        reasons["ready"] = ""
        assert ask(f"{url}/readyz") == (200, b"ok\n")
        assert ask(f"{url}/metrics")[0] == 200
        assert ask(f"{url}/readyz", "HEAD") == (200, b"")
        assert ask(f"{url}/readyz", "POST") == (405, b"")
        assert ask(f"{url}/other")[0] == 404


def said_by_all(connection: socket.socket) -> bytes:
    with connection:
        pieces = []
        try:
            while piece := connection.recv(4096):
                pieces.append(piece)
        except ConnectionResetError:
            pass
        return b"".join(pieces)


def test_who_sends_a_byte_now_and_then_is_hung_up_on() -> None:
    app = health_app(CollectorRegistry(), unwell=str, unready=str)
    with serving(app, connection_seconds=0.2) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        connection = socket.create_connection((host, int(port)), timeout=10)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        assert said_by_all(connection) in {b"", b"HTTP/1.0 200 OK\r\n"}
        assert ask(f"{url}/healthz") == (200, b"ok\n")


def test_more_connections_than_it_may_have_at_once_are_closed_and_later_ones_answered() -> None:
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        begun.release()
        go_on.wait(10)
        start_response("200 OK", [("Content-Length", "0")])
        return []

    with serving(app, max_connections=2) as url:
        held = [threading.Thread(target=ask, args=(url,)) for _ in range(2)]
        for thread in held:
            thread.start()
            begun.acquire()
        host, _, port = url.removeprefix("http://").partition(":")
        assert said_by_all(socket.create_connection((host, int(port)), timeout=10)) == b""
        go_on.set()
        for thread in held:
            thread.join()

        def is_answered() -> bool:
            try:
                return ask(url)[0] == 200
            except urllib3.exceptions.HTTPError:
                return False

        wait_until(is_answered, 10, "an answer")
