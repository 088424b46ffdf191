"""What whoever reaches the port may send: nothing of it gets a verdict, tells anything, or keeps others waiting."""

from __future__ import annotations

import base64
import collections
import contextlib
import copy
import json
import socket
import ssl
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
import urllib3

from kubectl_gitops.api.names import SYSTEM_NAMESPACE
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from tests.integration import webhooks
from tests.integration.webhooks import Shop, Webhook, patch
from tests.testbed.waiting import wait_until
from tests.unit.webhook.cases import deployment as any_deployment
from tests.unit.webhook.cases import live, review
from webhook.app import MAX_BODY_BYTES
from webhook.certs import CA_SECRET

cluster, webhook, shop, web = webhooks.FIXTURES

Pool = urllib3.HTTPSConnectionPool
JSON = {"Content-Type": "application/json"}
MIB = 1 << 20
#: Of the objects that are sent; no answer may repeat it.
MARK = "never-repeated"


def sample(**fields: Any) -> dict[str, Any]:
    obj = live(any_deployment(image=MARK), annotations={"note": MARK})
    return review("UPDATE", old=obj, new=obj, **fields)


@pytest.fixture(scope="module")
def pool(cluster: Cluster, webhook: Webhook) -> Pool:
    secret = cluster.get(f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/secrets/{CA_SECRET}")
    ca_pem = base64.b64decode(secret["data"]["tls.crt"]).decode()
    url = urlsplit(webhook.url)
    assert url.hostname is not None
    return Pool(url.hostname, url.port, ca_cert_data=ca_pem, timeout=20, maxsize=1)


def post(pool: Pool, body: bytes, **options: Any) -> tuple[int, str]:
    answer = pool.request("POST", "/validate?timeout=5s", body=body, retries=False, **({"headers": JSON} | options))
    assert MARK.encode() not in answer.data
    assert b"Traceback" not in answer.data
    return answer.status, answer.data.decode()


def changed(path: str, value: Any) -> bytes:
    body = copy.deepcopy(sample())
    *parents, last = path.split(".")
    node = body
    for part in parents:
        node = node[part]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return orjson.dumps(body)


def with_data(value: Any) -> bytes:
    return changed(
        "request.object", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": value}
    )


WHOLE = orjson.dumps(sample())


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not JSON", 400),
        (WHOLE[:-1], 400),
        (WHOLE[: len(WHOLE) // 2], 400),
        (WHOLE.replace(MARK.encode(), b"\xff\xfe"), 400),
        (WHOLE.replace(MARK.encode(), b"\x00"), 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 1_000 + b"1" + b"}" * 1_000, 400),
        (b'{"a":' * 100_000, 400),
        (changed("request.uid", ...), 400),
        (changed("apiVersion", "admission.k8s.io/v1beta1"), 400),
        (changed("request.operation", "PATCH"), 400),
        (changed("request.operation", "DROP TABLE"), 400),
        (changed("request.kind", MARK), 400),
        (changed("request.userInfo.groups", {MARK: 1}), 400),
        (changed("request.object.metadata.managedFields", MARK), 400),
        (changed("kind", MARK * 1_000), 400),
        (b'{"a": 1e999999}', 400),
        (b"\xef\xbb\xbf" + WHOLE, 400),
        # Odd, and yet reviews:
        (with_data({"x": "<" * (7 * MIB)}), 200),
        (with_data({MARK * 100_000: "x"}), 200),
        (with_data({str(number): None for number in range(100_000)}), 200),
        (changed("request.object.metadata.managedFields", [None, 1, "x", {}, {"fieldsV1": 3}]), 200),
        (changed("request.more", {"x": MARK}), 200),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, bytes) else str(value),
)
def test_whatever_is_sent_gets_one_short_answer(pool: Pool, body: bytes, status: int) -> None:
    found, text = post(pool, body)
    assert found == status, text
    assert len(text) < 1_000
    assert ('"allowed"' in text) is (status == 200)


def test_what_is_too_large_is_not_read(webhook: Webhook) -> None:
    head = f"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY_BYTES + 1}\r\n\r\n"
    chunked = "POST /validate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with trusted(webhook) as connection:
        connection.sendall(head.encode())
        assert connection.recv(1_000).startswith(b"HTTP/1.1 413 ")
    with trusted(webhook) as connection, contextlib.suppress(ConnectionError, ssl.SSLError):
        connection.sendall(chunked.encode())
        for _ in range(MAX_BODY_BYTES // MIB + 1):
            connection.sendall(b"100000\r\n" + b" " * MIB + b"\r\n")
        assert connection.recv(1_000).startswith(b"HTTP/1.1 413 ")


def test_other_content_types_are_refused(pool: Pool) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        assert post(pool, WHOLE, headers={"Content-Type": kind})[0] == 415
    assert post(pool, WHOLE, headers={"Content-Type": "application/json; charset=utf-8"})[0] == 200


def test_none_of_it_is_a_fault_or_is_logged_whole(webhook: Webhook) -> None:
    log = webhook.log_file.read_text()
    assert "Traceback" not in log
    assert MARK not in log
    assert webhook.count("gitops_webhook_internal_errors_total") == 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2])
def test_old_versions_of_tls_are_refused(webhook: Webhook, version: ssl.TLSVersion) -> None:
    context = unverified()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():  # Python's, of old versions
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    with pytest.raises((ssl.SSLError, ConnectionError)), connected(webhook) as plain:
        context.wrap_socket(plain)


def test_plain_http_is_not_answered(webhook: Webhook) -> None:
    with connected(webhook) as plain:
        plain.sendall(b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        received = b""
        with contextlib.suppress(ConnectionError):
            received = plain.recv(1_000)
    assert b"HTTP/" not in received


def test_who_says_little_keeps_nobody_waiting(web: Shop, webhook: Webhook, pool: Pool) -> None:
    """Slow-loris: no more than one in each state is needed, where each has a thread to itself or all share one."""
    with contextlib.ExitStack() as slow:
        head = b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"
        for said in (b"", b"P", head, head + b"\r\n", head + b"\r\n{"):
            for _ in range(20):
                connection = slow.enter_context(trusted(webhook))
                connection.sendall(said)
        assert post(pool, WHOLE)[0] == 200
        web.refused("delete", "configmap/settings")
        for piece in (b'"', b"a"):
            connection.sendall(piece)
            assert post(pool, WHOLE)[0] == 200


def test_five_hundred_idle_connections_keep_nobody_waiting(web: Shop, webhook: Webhook, pool: Pool) -> None:
    with contextlib.ExitStack() as idle:
        for _ in range(500):
            idle.enter_context(trusted(webhook))
        assert post(pool, WHOLE)[0] == 200
        web.refused("delete", "configmap/settings")


def test_a_thousand_connections_a_second_keep_nobody_waiting(web: Shop, webhook: Webhook, pool: Pool) -> None:
    """Opened, left in the middle of a handshake or before it, and dropped: as fast as they can be."""
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100)
    open_ones: collections.deque[socket.socket] = collections.deque()
    answered = 0
    for number in range(3_000):
        connection = connected(webhook)
        open_ones.append(connection)
        if number % 2:
            connection.sendall(hello)
        if len(open_ones) > 200:
            open_ones.popleft().close()
        if number % 100 == 0:
            assert post(pool, WHOLE)[0] == 200
            answered += 1
    web.refused("delete", "configmap/settings")
    for connection in open_ones:
        connection.close()
    assert answered == 30


def test_it_still_answers_after_all_this(webhook: Webhook, pool: Pool) -> None:
    assert webhook.process.poll() is None
    assert post(pool, WHOLE)[0] == 200


# What the API server itself may be made to send


def test_what_is_nested_too_deeply_is_no_way_around(shop: Shop, request: pytest.FixtureRequest) -> None:
    group = f"{shop.name}.example.org"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    crd: Object = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [version],
        },
    }
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    request.addfinalizer(lambda: shop.cluster.request("DELETE", f"{path}/widgets.{group}"))
    shop.cluster.request("POST", path, body=crd)
    wait_until(lambda: shop.kubectl("get", f"widgets.{group}").returncode == 0, 20, "the CRD to be served")
    shop.manage({"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 2}})
    shop.wait_enforced(f"widgets.{group}", "w")
    for depth in (500, 1_500):
        deep = '{"a":' * depth + "1" + "}" * depth
        change = f'{{"spec":{{"size":3,"deep":{deep}}}}}'
        done = shop.kubectl("patch", f"widgets.{group}", "w", "--type=merge", "-p", change)
        assert "denied the request" in done.stderr, done.stderr[:1_000]
    assert "nested too deeply to be compared" in done.stderr


def test_what_takes_six_bytes_for_one_is_no_way_around(web: Shop) -> None:
    """The review has the object twice, and in it each ``<`` as an escape."""
    big = "<" * 900_000
    web.allowed("patch", "configmap", "settings", "--type=merge", "--patch-file=/dev/stdin", input=padded(more=big))
    said = web.refused(
        "patch", "configmap", "settings", "--type=merge", "--patch-file=/dev/stdin", input=padded(mode="test")
    )
    assert "data.mode: Git says prod, asked test" in said
    web.refused(*patch("configmap", "settings", {"data": {"mode": "test", "more": None}}))


def padded(**data: str) -> str:
    return json.dumps({"data": data})


# Shorthand


def connected(webhook: Webhook) -> socket.socket:
    url = urlsplit(webhook.url)
    assert url.hostname is not None
    assert url.port is not None
    return socket.create_connection((url.hostname, url.port), timeout=10)


@contextlib.contextmanager
def trusted(webhook: Webhook) -> Iterator[ssl.SSLSocket]:
    """A TLS connection, nothing said on it yet."""
    with connected(webhook) as plain, unverified().wrap_socket(plain) as secure:
        yield secure


def unverified() -> ssl.SSLContext:
    """Which authority there is does not matter here; reading the system's would take longer than all the rest."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
