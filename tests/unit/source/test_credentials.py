"""Credentials as Secrets hold them: other tools' names for them, what is refused, and that nothing of them is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.source.credentials import Credentials
from tests.testbed.pki import Authority
from tests.testbed.sshserver import new_key

KEY = b"0" * 32
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\r\nMII=\r\n-----END CERTIFICATE-----"


def read(**data: bytes) -> Credentials:
    return Credentials.from_secret({key.replace("__", "."): value for key, value in data.items()}, where="Secret a/b")


def refused(**data: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        read(**data)
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"
    return caught.value


@pytest.mark.parametrize(
    "data",
    [
        {"identity": b"k", "known_hosts": b"h", "ca.crt": b"a", "tls.crt": b"c", "tls.key": b"d"},  # Flux
        {"identity": b"k", "known_hosts": b"h", "caFile": b"a", "certFile": b"c", "keyFile": b"d"},  # Flux, once
        {"ssh-privatekey": b"k", "known_hosts": b"h", "ca.crt": b"a", "tls.crt": b"c", "tls.key": b"d"},  # Kubernetes
        {
            "sshPrivateKey": b"k",
            "known_hosts": b"h",
            "ca.crt": b"a",
            "tlsClientCertData": b"c",
            "tlsClientCertKey": b"d",
        },
    ],
)
def test_secrets_that_other_tools_use_are_understood(data: dict[str, bytes]) -> None:
    found = Credentials.from_secret({**data, "type": b"git", "insecure": b"true"}, where="Secret a/b")
    assert (found.identity, found.known_hosts, found.ca) == ("k\n", "h\n", "a\n")
    assert (found.client_certificate, found.client_key) == ("c\n", "d\n")


def test_line_ends_are_as_the_programs_want_them() -> None:
    assert read(username=b"jane\n", password=b"s3cret\r\n").password == "s3cret"
    assert read(ca__crt=CERTIFICATE).ca == "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "Secret a/b holds no credentials for a repository"),
        ({"token": b"s3cret"}, "Secret a/b holds no credentials for a repository"),
        ({"username": b"jane"}, "Secret a/b must hold both username and password, or none of them"),
        ({"password": b"s3cret"}, "Secret a/b must hold both username and password, or none of them"),
        ({"tls__crt": b"s3cret"}, "Secret a/b must hold both tls.crt and tls.key, or none of them"),
        ({"username": b"jane", "password": b"s3cret\nx"}, "the key 'password' of Secret a/b is not text in one line"),
        ({"bearerToken": b"s3cret\xff"}, "the key 'bearerToken' of Secret a/b is not text in one line"),
        ({"identity": b"s3cret\xff"}, "the key 'identity' of Secret a/b is not text"),
        ({"username": b"jane", "password": b"s3cret", "bearerToken": b"s3cret"}, "holds a password and a bearerToken"),
        ({"proxy": b"s3cret"}, "the key 'proxy' of Secret a/b is not the URL of a proxy"),
        ({"proxy": b"ext::s3cret"}, "the key 'proxy' of Secret a/b is not the URL of a proxy"),
    ],
)
def test_what_cannot_be_right_is_named_without_a_value(data: dict[str, bytes], message: str) -> None:
    assert message in str(refused(**data))


def test_a_key_with_a_passphrase_is_refused(tmp_path: Path) -> None:
    key = new_key(tmp_path / "key", passphrase="s3cret")
    assert "is protected by a passphrase" in str(refused(identity=key.private.encode(), known_hosts=b"h"))
    pem = b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
    assert "is protected by a passphrase" in str(refused(identity=pem, known_hosts=b"h"))
    plain = new_key(tmp_path / "plain")
    assert read(identity=plain.private.encode(), known_hosts=b"h").identity == plain.private
    assert read(identity=Authority().issue_client("jane").key_pem.encode(), known_hosts=b"h").identity


@pytest.mark.parametrize(
    ("data", "protocol", "message"),
    [
        ({"bearerToken": b"s3cret"}, "ssh", "Secret a/b has no key 'identity'"),
        ({"identity": b"s3cret"}, "ssh", "Secret a/b has no key 'known_hosts'"),
        ({"identity": b"s", "known_hosts": b"h", "proxy": b"http://p:1"}, "ssh", "which only repositories over https"),
        ({"identity": b"s3cret", "known_hosts": b"h"}, "https", "holds nothing that a repository over https can use"),
        ({"bearerToken": b"s3cret"}, "file", "for a repository in the file system"),
    ],
)
def test_credentials_must_be_for_the_protocol(data: dict[str, bytes], protocol: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read(**data).check_for(protocol)


def test_nothing_of_them_is_shown() -> None:
    found = read(
        username=b"jane", password=b"s3cret", proxy=b"http://jane:pr0xys3cret@proxy:1", tls__crt=b"c", tls__key=b"k"
    )
    assert repr(found) == "Credentials(where='Secret a/b')"
    assert found.conceal("no: s3cret; amFuZTpzM2NyZXQ=; pr0xys3cret") == "no: …; …; …"
    assert read(bearerToken=b"t0ken").conceal("t0ken is not known") == "… is not known"


def test_the_digest_tells_credentials_apart_and_is_of_no_use_to_others() -> None:
    one = read(username=b"jane", password=b"s3cret")
    assert one.digest(KEY) == read(username=b"jane", password=b"s3cret\n").digest(KEY)
    others = [
        read(username=b"jane", password=b"s3cre"),
        read(username=b"janes", password=b"3cret"),
        read(proxy=b"http://a"),
    ]
    digests = {one.digest(KEY), one.digest(b"1" * 32), *(other.digest(KEY) for other in others)}
    assert len(digests) == 5
