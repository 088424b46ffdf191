"""A certificate that somebody else provides: a Secret with ``tls.crt``, ``tls.key`` and ``ca.crt``, as cert-manager
writes it.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.reading import get_object
from kubectl_gitops.snapshot.store import SECRETS
from webhook.certs import BadCertificate, Clock, Leaf, utc_now

#: A pod starts together with whoever makes its certificate.
APPEAR_SECONDS = 45.0
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Provided:
    """A leaf, with the certificates between, and the authorities by which it is trusted."""

    leaf: Leaf
    authorities: frozenset[x509.Certificate]


def wait_provided(
    cluster: Cluster, namespace: str, name: str, server_name: str, *, timeout_seconds: float = APPEAR_SECONDS
) -> Provided:
    """What the Secret holds, as soon as it is there. Raises BadCertificate where it stays away, or cannot be used."""
    deadline = time.monotonic() + timeout_seconds
    while (secret := get_object(cluster, SECRETS, namespace, name)) is None:
        if time.monotonic() > deadline:
            raise BadCertificate(
                f"there is no Secret {name} in namespace {namespace}",
                hint=f"see why nobody makes it: kubectl describe certificates -n {namespace}",
            )
        time.sleep(_LOOK_SECONDS)
    return provided_in(secret, server_name)


def provided_in(secret: Object, server_name: str, *, clock: Clock = utc_now) -> Provided:
    """What the Secret holds. Raises BadCertificate, which says why an API server could not trust it."""
    where = f"Secret {secret['metadata']['name']} in namespace {secret['metadata']['namespace']}"
    data = secret.get("data") or {}
    if not data.get("ca.crt"):
        raise BadCertificate(
            f"{where} has no ca.crt",
            hint="use an issuer that tells its authority, as cert-manager's of type CA; ACME's do not",
        )
    try:
        pem = base64.b64decode(data["tls.crt"], validate=True)
        chain = x509.load_pem_x509_certificates(pem)
        key = serialization.load_pem_private_key(base64.b64decode(data["tls.key"], validate=True), password=None)
        authorities = x509.load_pem_x509_certificates(base64.b64decode(data["ca.crt"], validate=True))
        # The server reads no other form.
        key_pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        names = _names(chain[0])
    except (KeyError, TypeError, ValueError, binascii.Error, UnsupportedAlgorithm):
        # Not what failed: it might hold a part of the key.
        raise BadCertificate(f"{where} holds no readable tls.crt, tls.key and ca.crt", hint=_hint(where)) from None
    if fault := _fault(chain, authorities, names, server_name, clock):
        raise BadCertificate(f"{where}: {fault}", hint=_hint(where))
    if key.public_key() != chain[0].public_key():
        raise BadCertificate(f"{where} holds a key that is not its certificate's", hint=_hint(where))
    return Provided(leaf=Leaf(pem, key_pem), authorities=frozenset(authorities))


def _fault(
    chain: Sequence[x509.Certificate],
    authorities: Sequence[x509.Certificate],
    names: Sequence[str],
    server_name: str,
    clock: Clock,
) -> str:
    """Why an API server would not accept it; "" where it would."""
    if chain[0].not_valid_after_utc <= clock():
        return f"its certificate expired at {chain[0].not_valid_after_utc}"
    if server_name not in names and f"*.{server_name.partition('.')[2]}" not in names:
        return f"its certificate is not for {server_name}, but for {', '.join(names) or 'no name at all'}"
    is_linked = all(_is_issued(lower, upper) for lower, upper in pairwise(chain))
    if not is_linked or not any(chain[-1] == one or _is_issued(chain[-1], one) for one in authorities):
        return "its certificate is not by the authority in its ca.crt"
    return ""


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))]


def _is_issued(lower: x509.Certificate, upper: x509.Certificate) -> bool:
    try:
        lower.verify_directly_issued_by(upper)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _hint(where: str) -> str:
    return f"have it made again: delete {where}, and whoever made it does"
