"""The listener with an app of its own, over real TLS: certificates come and go, connections do not break."""

from __future__ import annotations

import asyncio
import http.client
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from flask import Flask

from kubectl_gitops.serving.endpoint import Endpoint
from tests.testbed.waiting import wait_until
from webhook.certs import Authority, new_authority, write_leaf
from webhook.gateway import Gateway
from webhook.listener import Listener, listen


def hello() -> Flask:
    app = Flask(__name__)

    @app.get("/")
    def greet() -> str:
        return "hello"

    return app


class Running:
    """A listener on a loop in a thread of its own."""

    def __init__(self, directory: Path) -> None:
        self.authority: Authority = new_authority()
        self._directory = directory
        self._loop = asyncio.new_event_loop()
        self._socket = listen(Endpoint("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._ended,), daemon=True)
        self._thread.start()
        app = hello()
        self._listener = Listener(self._socket, lambda: Gateway(app, max_body_bytes=100), log_level="error")
        self.renew()

    def renew(self) -> None:
        leaf = self.authority.issue(["127.0.0.1"])
        self.serial_number = x509.load_pem_x509_certificate(leaf.certificate_pem).serial_number
        self._call(lambda: self._listener.serve(write_leaf(leaf, self._directory)))

    def drain(self) -> None:
        asyncio.run_coroutine_threadsafe(self._listener.drain(0.2), self._loop).result(20)

    def close(self) -> None:
        self._call(lambda: self._ended.set_result(None))
        self._thread.join(10)
        self._loop.close()
        self._socket.close()

    def connect(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cadata=self.authority.certificate_pem.decode())
        made = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=10)
        made.connect()
        return made

    def connect_to_another_than(self, known: object) -> http.client.HTTPSConnection | None:
        made = self.connect()
        if serial(made) != known:
            return made
        made.close()
        return None

    def _call(self, what: Callable[[], None]) -> None:
        async def call() -> None:
            what()

        asyncio.run_coroutine_threadsafe(call(), self._loop).result(10)


@contextmanager
def running(directory: Path) -> Iterator[Running]:
    made = Running(directory)
    try:
        yield made
    finally:
        made.drain()
        made.close()


def ask(connection: http.client.HTTPSConnection) -> tuple[int, bool]:
    """The status, and whether the server asks to close the connection."""
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.will_close


def serial(connection: http.client.HTTPSConnection) -> object:
    certificate = connection.sock.getpeercert()
    assert certificate
    return certificate["serialNumber"]


def test_a_new_certificate_is_served_and_old_connections_move_over(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        before = server.connect()
        assert ask(before) == (200, False)
        server.renew()
        after = wait_until(lambda: server.connect_to_another_than(serial(before)), 10, "the new certificate")
        assert after is not None
        assert ask(after) == (200, False)
        assert ask(before) == (200, True)
        before.close()
        after.close()


def test_who_drains_answers_and_asks_to_go_elsewhere(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        connection = server.connect()
        assert ask(connection) == (200, False)
        draining = threading.Thread(target=server.drain)
        draining.start()

        def is_asked_to_go() -> bool:
            status, closes = ask(connection)
            assert status == 200
            return closes

        wait_until(is_asked_to_go, 5, "an answer that closes")
        draining.join(10)
        connection.close()


def test_certificates_may_come_faster_than_a_server_starts(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        first = server.connect()
        for _ in range(20):
            server.renew()
        last = wait_until(lambda: server.connect_to_another_than(serial(first)), 10, "the last certificate")
        assert last is not None
        assert serial(last) == f"{server.serial_number:X}".rjust(len(str(serial(last))), "0")
        assert ask(last) == (200, False)
        assert ask(first) == (200, True)
        first.close()
        last.close()
