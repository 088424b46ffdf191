from __future__ import annotations

import base64
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from webhook.authorities import Authorities, authorities_in, secret_of
from webhook.certs import BadCertificate, new_authority, write_leaf

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def clock() -> datetime:
    return NOW


@pytest.mark.parametrize("names", [["gitops-webhook.gitops-system.svc", "gitops-webhook"], ["127.0.0.1"], ["::1"]])
def test_a_client_that_trusts_the_authority_accepts_the_leaf(names: list[str], tmp_path: Path) -> None:
    authority = new_authority()
    files = write_leaf(authority.issue(names), tmp_path)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(files.certificate, files.key)
    client_context = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT  # Python's default from 3.13 on
    ours, theirs = socket.socketpair()
    with ours, theirs:
        served: list[ssl.SSLSocket] = []
        server = threading.Thread(
            target=lambda: served.append(server_context.wrap_socket(theirs, server_side=True)), daemon=True
        )
        server.start()
        with client_context.wrap_socket(ours, server_hostname=names[0]) as connection:
            assert connection.version() == "TLSv1.3"
        server.join(5)
        for one in served:
            one.close()


def test_lifetimes_are_as_intended() -> None:
    authority = new_authority(clock=clock)
    assert authority.certificate.not_valid_after_utc == NOW + timedelta(days=3650)
    leaf = x509.load_pem_x509_certificate(authority.issue(["a"], clock=clock).certificate_pem)
    assert leaf.not_valid_after_utc == NOW + timedelta(days=90)
    assert leaf.not_valid_before_utc < NOW


def test_a_leaf_does_not_outlive_its_authority() -> None:
    authority = new_authority(clock=clock)
    late = NOW + timedelta(days=3640)
    leaf = x509.load_pem_x509_certificate(authority.issue(["a"], clock=lambda: late).certificate_pem)
    assert leaf.not_valid_after_utc == authority.certificate.not_valid_after_utc


def test_the_authority_signs_and_the_leaf_only_serves() -> None:
    authority = new_authority()
    leaf = x509.load_pem_x509_certificate(authority.issue(["web.svc", "10.0.0.1"]).certificate_pem)
    constraints = authority.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["web.svc"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1"]
    leaf.verify_directly_issued_by(authority.certificate)


def test_the_authority_survives_its_secret() -> None:
    authority = new_authority()
    stored = authorities_in(
        secret_of(Authorities(present=authority), "gitops-system"), clock=lambda: datetime.now(UTC)
    ).present
    assert stored.certificate == authority.certificate
    leaf = x509.load_pem_x509_certificate(stored.issue(["a"]).certificate_pem)
    leaf.verify_directly_issued_by(authority.certificate)


def test_keys_are_pkcs8_private_and_in_no_repr(tmp_path: Path) -> None:
    authority = new_authority()
    leaf = authority.issue(["a"])
    files = write_leaf(leaf, tmp_path)
    assert files.key.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    load_pem_private_key(files.key.read_bytes(), password=None)
    assert files.key.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in repr(leaf)
    assert "key" not in repr(authority)


def test_writing_again_replaces(tmp_path: Path) -> None:
    authority = new_authority()
    write_leaf(authority.issue(["a"]), tmp_path)
    leaf = authority.issue(["a"])
    files = write_leaf(leaf, tmp_path)
    assert (files.certificate.read_bytes(), files.key.read_bytes()) == (leaf.certificate_pem, leaf.key_pem)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "no readable certificate"),
        ({}, "no readable certificate"),
        ({"tls.crt": "!", "tls.key": "!"}, "no readable certificate"),
        ({"tls.crt": base64.b64encode(b"x").decode(), "tls.key": ""}, "no readable certificate"),
    ],
)
def test_a_damaged_authority_is_named_with_what_to_do(data: dict[str, str] | None, said: str) -> None:
    secret = secret_of(Authorities(present=new_authority()), "gitops-system") | {"data": data}
    with pytest.raises(BadCertificate, match=said) as failed:
        authorities_in(secret, clock=clock)
    assert "gitops-webhook-ca in namespace gitops-system" in str(failed.value)
    assert "delete it" in failed.value.hint


def test_a_key_of_another_certificate_is_refused() -> None:
    secret = secret_of(Authorities(present=new_authority()), "gitops-system")
    secret["data"]["tls.key"] = secret_of(Authorities(present=new_authority()), "gitops-system")["data"]["tls.key"]
    with pytest.raises(BadCertificate, match="not its certificate's"):
        authorities_in(secret, clock=clock)


def test_an_authority_that_expired_is_refused() -> None:
    secret = secret_of(Authorities(present=new_authority(clock=clock)), "gitops-system")
    with pytest.raises(BadCertificate, match="expired at 2036"):
        authorities_in(secret, clock=lambda: NOW + timedelta(days=3651))
