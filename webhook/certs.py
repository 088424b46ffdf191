"""The webhook's own certificates: authorities (webhook/authorities.py keeps them), and a leaf for each replica.

The leaf is never stored in the cluster. It goes to files in a private directory, because the server reads files;
nothing of a key is ever an argument, a variable of the environment or a line in a log.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kubectl_gitops.api.names import WEBHOOK_CA_SECRET
from kubectl_gitops.errors import GitOpsError

CA_SECRET = WEBHOOK_CA_SECRET
AUTHORITY_LIFETIME = timedelta(days=3650)
LEAF_LIFETIME = timedelta(days=90)
# Clocks of nodes differ by seconds; a certificate from the future would be refused.
_BACKDATED = timedelta(minutes=5)

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class BadCertificate(GitOpsError):
    """The stored authority cannot be used; the hint says how to get another."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A server's certificate and its key (PKCS8), as PEM."""

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)

    @property
    def expires(self) -> datetime:
        return x509.load_pem_x509_certificate(self.certificate_pem).not_valid_after_utc

    def is_due(self, *, clock: Clock = utc_now) -> bool:
        """Whether another is to take its place: when a third of its life is left."""
        certificate = x509.load_pem_x509_certificate(self.certificate_pem)
        life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        return certificate.not_valid_after_utc - clock() < life / 3


class LeafFiles(NamedTuple):
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """What signs the leaves, and what the API server is told to trust."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, names: Sequence[str], *, clock: Clock = utc_now) -> Leaf:
        """A leaf for these DNS names and IP addresses, valid no longer than the authority itself."""
        now = clock()
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(_name(names[0]), key, issuer=self.certificate.subject, now=now)
            .not_valid_after(min(now + LEAF_LIFETIME, self.certificate.not_valid_after_utc))
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return Leaf(certificate.public_bytes(serialization.Encoding.PEM), pkcs8(key))


def new_authority(*, clock: Clock = utc_now) -> Authority:
    now = clock()
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name("kubectl-gitops webhook CA")
    certificate = (
        _builder(subject, key, issuer=subject, now=now)
        .not_valid_after(now + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def write_leaf(leaf: Leaf, directory: Path) -> LeafFiles:
    """Write both files, readable by this user only. Writing again replaces them, each at once: renewal's way in."""
    files = LeafFiles(directory / "tls.crt", directory / "tls.key")
    for path, content in zip(files, (leaf.certificate_pem, leaf.key_pem), strict=True):
        fresh = path.with_suffix(path.suffix + ".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        fresh.replace(path)
    return files


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, issuer: x509.Name, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    # X.509 allows 64 characters here, and nobody reads it: verification goes by the alternative names.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def pkcs8(key: ec.EllipticCurvePrivateKey) -> bytes:
    # The server reads no other form.
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
