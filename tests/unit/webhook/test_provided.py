"""A Secret in cert-manager's shape: what is accepted, and why not."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.testbed.pki import Authority
from webhook.certs import BadCertificate, write_leaf
from webhook.provided import provided_in

NAME = "gitops-webhook.gitops-system.svc"


def secret_of(**data: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "served", "namespace": "gitops-system"},
        "data": {name.replace("_", "."): base64.b64encode(text.encode()).decode() for name, text in data.items()},
    }


def made(authority: Authority, *names: str) -> dict[str, str]:
    issued = authority.issue_server(names or [NAME])
    return {"tls_crt": issued.certificate_pem, "tls_key": issued.key_pem, "ca_crt": authority.pem}


def test_what_cert_manager_makes_is_served_and_trusted(tmp_path: Path) -> None:
    """Its key is of another form than the server reads."""
    data = made(Authority())
    assert "BEGIN EC PRIVATE KEY" in data["tls_key"]
    found = provided_in(secret_of(**data), NAME)
    files = write_leaf(found.leaf, tmp_path)
    assert "BEGIN PRIVATE KEY" in files.key.read_text()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    pem = "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in found.authorities)
    client = ssl.create_default_context(cadata=pem)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        served: list[ssl.SSLSocket] = []
        thread = threading.Thread(target=lambda: served.append(server.wrap_socket(theirs, server_side=True)))
        thread.start()
        with client.wrap_socket(ours, server_hostname=NAME) as connection:
            assert connection.version() == "TLSv1.3"
        thread.join(5)
        served[0].close()


@pytest.mark.parametrize("name", [NAME, "*.gitops-system.svc"])
def test_a_name_may_be_meant_with_a_star(name: str) -> None:
    assert provided_in(secret_of(**made(Authority(), name)), NAME).authorities


def other_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "Secret served in namespace gitops-system has no ca.crt"),
        ({**made(Authority()), "ca_crt": ""}, "has no ca.crt"),
        ({"ca_crt": "x"}, "holds no readable tls.crt, tls.key and ca.crt"),
        ({**made(Authority()), "tls_crt": "nothing"}, "holds no readable"),
        ({**made(Authority()), "tls_key": "nothing"}, "holds no readable"),
        ({**made(Authority()), "ca_crt": "nothing"}, "holds no readable"),
        ({**made(Authority()), "tls_key": other_key()}, "holds a key that is not its certificate's"),
        ({**made(Authority()), "ca_crt": Authority().pem}, "its certificate is not by the authority in its ca.crt"),
        (made(Authority(), "other.example"), f"its certificate is not for {NAME}, but for other.example"),
    ],
)
def test_what_no_api_server_would_trust_is_told(data: dict[str, str], said: str) -> None:
    with pytest.raises(BadCertificate) as caught:
        provided_in(secret_of(**data), NAME)
    assert said in str(caught.value)
    assert caught.value.hint
    assert "PRIVATE" not in f"{caught.value}{caught.value.hint}"


def test_one_that_has_expired_is_told() -> None:
    data = made(Authority())
    end = x509.load_pem_x509_certificate(data["tls_crt"].encode()).not_valid_after_utc
    with pytest.raises(BadCertificate, match="its certificate expired at"):
        provided_in(secret_of(**data), NAME, clock=lambda: datetime.now(UTC) + timedelta(days=31))
    assert end < datetime.now(UTC) + timedelta(days=31)
