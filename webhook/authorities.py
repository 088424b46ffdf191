"""The authorities of all replicas, in one Secret, and how one follows another without a moment that it is not trusted.

Three may be there at a time, each trusted by the API server:

- the next one, announced: it signs nothing until the API server has had time to learn of it;
- the present one, which signs the leaves;
- the one before, until no replica serves a leaf of its any more.

A rotation is three writes to the Secret: announce, switch, forget. Whichever replica comes first makes each (the
others' writes meet a Conflict), and all of them follow what is stored.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar, cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kubectl_gitops.api.names import CONTROLLER_FIELD_MANAGER, GROUP
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.reading import get_object
from kubectl_gitops.cluster.writing import create_object
from kubectl_gitops.errors import Conflict
from kubectl_gitops.snapshot.store import SECRETS
from webhook.certs import CA_SECRET, Authority, BadCertificate, Clock, new_authority, pkcs8, utc_now

T = TypeVar("T")

#: On the Secret: asks for another authority. Any value counts once; a time is a good one.
ROTATE_ANNOTATION = f"{GROUP}/rotate-requested-at"
_ROTATED_ANNOTATION = f"{GROUP}/rotated-for"
#: Another authority is made when the present one has less than this left.
RENEW_AUTHORITY = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorities:
    """What the Secret holds. ``version`` is its resourceVersion, ``asked`` a request for a rotation, ``met`` the last
    that has been met.
    """

    present: Authority
    coming: Authority | None = None
    before: x509.Certificate | None = None
    version: str = ""
    asked: str = ""
    met: str = ""

    @property
    def bundle_pem(self) -> bytes:
        """All that the API server is to trust."""
        found = [self.present.certificate, self.coming.certificate if self.coming else None, self.before]
        return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in found if one)

    @property
    def is_settled(self) -> bool:
        return self.coming is None and self.before is None

    def is_due(self, *, clock: Clock = utc_now) -> bool:
        """Whether a rotation is to begin."""
        expires = self.present.certificate.not_valid_after_utc
        return self.is_settled and (bool(self.asked) or expires - clock() < RENEW_AUTHORITY)

    def next_step(self, *, clock: Clock = utc_now) -> Authorities | None:
        """What the Secret is to hold after the next step of a rotation; None where there is none to take."""
        if self.coming is not None:  # switch
            return replace(self, present=self.coming, coming=None, before=self.present.certificate)
        if self.before is not None:  # forget
            return replace(self, before=None)
        if self.is_due(clock=clock):  # announce
            return replace(self, coming=new_authority(clock=clock), met=self.asked or self.met, asked="")
        return None


def shared_authorities(cluster: Cluster, namespace: str, *, clock: Clock = utc_now) -> Authorities:
    """Those in the namespace's Secret, made and stored first where there is none.

    Of several replicas that start together, the first one's count. Raises BadCertificate where what is stored is
    damaged or has expired.
    """
    found = get_object(cluster, SECRETS, namespace, CA_SECRET)
    if found is None:
        fresh = secret_of(Authorities(present=new_authority(clock=clock)), namespace)
        try:
            found = create_object(cluster, SECRETS, fresh, manager=CONTROLLER_FIELD_MANAGER)
        except Conflict:
            found = cluster.get(SECRETS.path(namespace, CA_SECRET))
    return authorities_in(found, clock=clock)


def store(cluster: Cluster, namespace: str, wanted: Authorities, *, clock: Clock = utc_now) -> Authorities:
    """Write them in place of the version that they were read as. Raises Conflict where another replica was first."""
    answer = cluster.request(
        "PUT",
        SECRETS.path(namespace, CA_SECRET),
        query={"fieldManager": CONTROLLER_FIELD_MANAGER},
        body=secret_of(wanted, namespace),
    )
    return authorities_in(answer, clock=clock)


def secret_of(authorities: Authorities, namespace: str) -> Object:
    data = {"tls.crt": authorities.present.certificate_pem, "tls.key": pkcs8(authorities.present.key)}
    if authorities.coming:
        data |= {"next.crt": authorities.coming.certificate_pem, "next.key": pkcs8(authorities.coming.key)}
    if authorities.before:
        data["previous.crt"] = authorities.before.public_bytes(serialization.Encoding.PEM)
    marks = {ROTATE_ANNOTATION: authorities.asked or authorities.met, _ROTATED_ANNOTATION: authorities.met}
    metadata: Object = {"name": CA_SECRET, "namespace": namespace}
    if any(marks.values()):
        metadata["annotations"] = {name: value for name, value in marks.items() if value}
    if authorities.version:
        metadata["resourceVersion"] = authorities.version
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": "kubernetes.io/tls",
        "data": {name: base64.b64encode(content).decode() for name, content in data.items()},
    }


def authorities_in(secret: Object, *, clock: Clock = utc_now) -> Authorities:
    """What the Secret holds. Raises BadCertificate where it is damaged, or its present authority has expired."""
    metadata = secret["metadata"]
    where = f"Secret {CA_SECRET} in namespace {metadata['namespace']}"
    annotations = metadata.get("annotations") or {}
    asked, met = annotations.get(ROTATE_ANNOTATION, ""), annotations.get(_ROTATED_ANNOTATION, "")
    data = secret.get("data") or {}
    present = _read(where, lambda: _authority(data, "tls"))
    if present.certificate.not_valid_after_utc <= clock():
        raise _damaged(f"the certificate in {where} expired at {present.certificate.not_valid_after_utc}")
    return Authorities(
        present=present,
        coming=_read(where, lambda: _authority(data, "next")) if "next.crt" in data else None,
        before=_read(where, lambda: _certificate(data, "previous")) if "previous.crt" in data else None,
        version=metadata.get("resourceVersion", ""),
        asked=asked if asked != met else "",
        met=met,
    )


def _authority(data: Object, name: str) -> Authority:
    key = serialization.load_pem_private_key(base64.b64decode(data[f"{name}.key"]), password=None)
    return Authority(_certificate(data, name), cast("ec.EllipticCurvePrivateKey", key))


def _certificate(data: Object, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(base64.b64decode(data[f"{name}.crt"]))


def _read(where: str, read: Callable[[], T]) -> T:
    try:
        found = read()
    except (KeyError, TypeError, ValueError, binascii.Error, UnsupportedAlgorithm):
        raise _damaged(f"{where} holds no readable certificate and key") from None
    if isinstance(found, Authority) and found.key.public_key() != found.certificate.public_key():
        raise _damaged(f"{where} holds a key that is not its certificate's")
    return found


def _damaged(what: str) -> BadCertificate:
    return BadCertificate(what, hint="delete it and start the webhook again: a new one is made")
