"""Where the reconciler may be made to connect to, and what of that is told. Over real connections."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from kubectl_gitops.reconciler.outgoing import NotSent, Outgoing

Got = list[tuple[str, dict[str, str], bytes]]


@contextmanager
def listening(
    status: int = 200, *, location: str = "", tls: trustme.LeafCert | None = None
) -> Iterator[tuple[int, Got]]:
    """(the port, what came in)."""
    got: Got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, dict(self.headers), body))
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - as http.server wants it

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1], got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_request_goes_out_as_it_was_given() -> None:
    with listening() as (port, got):
        Outgoing(insecure=True).post(f"http://localhost:{port}/hook?x=1", b"{}", {"X-Signature": "s"})
    ((path, headers, body),) = got
    assert (path, body, headers["X-Signature"], headers["Host"]) == ("/hook?x=1", b"{}", "s", f"localhost:{port}")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "ftp://example.com/",
        "file:///etc/passwd",
        "example.com/hook",
        "https://",
        "https://user:secret@example.com/",
        "https://[::1",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://0.0.0.0/",
        "https://2130706433/",
    ],
)
def test_what_only_this_machine_can_reach_is_not_reached(url: str) -> None:
    with pytest.raises(NotSent) as caught:
        Outgoing().post(url, b"{}", {})
    assert "secret" not in str(caught.value)
    assert "example.com" not in str(caught.value)


def test_a_redirect_is_not_followed() -> None:
    with listening() as (port, got), listening(302, location=f"http://127.0.0.1:{port}/") as (first, _):
        with pytest.raises(NotSent, match="the answer was 302"):
            Outgoing(insecure=True).post(f"http://127.0.0.1:{first}/", b"{}", {})
        assert got == []


@pytest.mark.parametrize(("status", "is_temporary"), [(400, False), (404, False), (429, True), (503, True)])
def test_what_may_pass_is_told_from_what_will_not(status: int, is_temporary: bool) -> None:
    with listening(status) as (port, _), pytest.raises(NotSent) as caught:
        Outgoing(insecure=True).post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert caught.value.is_temporary is is_temporary


@pytest.mark.parametrize("issued_to", ["localhost", "elsewhere.example"])
def test_the_certificate_must_be_the_hosts(issued_to: str) -> None:
    authority = trustme.CA()
    outgoing = Outgoing(insecure=True, ca_pem=authority.cert_pem.bytes().decode())
    with listening(tls=authority.issue_cert(issued_to)) as (port, got):
        send: Callable[[], None] = lambda: outgoing.post(f"https://localhost:{port}/", b"{}", {})  # noqa: E731
        if issued_to == "localhost":
            send()
            assert len(got) == 1
        else:
            with pytest.raises(NotSent, match="certificate is not trusted"):
                send()
            assert got == []


def test_a_certificate_of_an_unknown_authority_is_not_trusted() -> None:
    with listening(tls=trustme.CA().issue_cert("localhost")) as (port, got):
        with pytest.raises(NotSent, match="certificate is not trusted"):
            Outgoing(insecure=True).post(f"https://localhost:{port}/", b"{}", {})
        assert got == []
