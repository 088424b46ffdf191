"""One value as SOPS encrypts it: ``ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]``, and what of it goes into the MAC."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from kubectl_gitops.source import scalars

PREFIX: Final = "ENC[AES256_GCM,"
_VALUE = re.compile(r"ENC\[AES256_GCM,data:([^,\]]+),iv:([^,\]]+),tag:([^,\]]+),type:([a-z]+)\]\s*")
#: What YAML 1.1 has for booleans, and go-yaml v3, which SOPS reads files with, for strings.
_NO_BOOLEANS = re.compile(r"[yYnN]|[yY]es|YES|[nN]o|NO|[oO]n|ON|[oO]ff|OFF")
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:([Tt ])(\d\d?):(\d\d?):(\d\d?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_TYPES = frozenset({"str", "bytes", "int", "float", "bool", "time", "comment"})


class Tampered(Exception):
    """A value that was not encrypted with this key, or for another place, or that is no such value at all."""


@dataclass(frozen=True, slots=True)
class Plain:
    """What a value holds: its text as SOPS has it, and of which type it is. Nothing of it is in the representation."""

    content: bytes
    kind: str

    def __repr__(self) -> str:
        return f"Plain(kind={self.kind!r})"

    @property
    def in_mac(self) -> bytes:
        return b"" if self.kind == "comment" else self.content

    @property
    def text(self) -> str:
        """Raises UnicodeDecodeError."""
        return self.content.decode()

    @property
    def is_string(self) -> bool:
        return self.kind in {"str", "bytes"}


def is_value(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(PREFIX)


def decrypt(value: str, key: bytes, place: str) -> Plain:
    """What ``value`` holds; ``place`` says where it stands, as SOPS had it when it encrypted. Raises Tampered."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    match = _VALUE.fullmatch(value)
    if match is None or match[4] not in _TYPES:
        raise Tampered
    try:
        data, nonce, tag = (base64.b64decode(match[number], validate=True) for number in (1, 2, 3))
        return Plain(AESGCM(key).decrypt(nonce, data + tag, place.encode()), match[4])
    except (InvalidTag, ValueError, binascii.Error) as exc:
        raise Tampered from exc


def mac_of_yaml(text: str, *, tag: str | None, quoted: bool) -> bytes:
    """What a scalar that is not encrypted adds to the MAC: its value as go-yaml v3 reads it, in SOPS' notation."""
    if quoted and tag is None:
        return text.encode()
    if tag is not None:
        return mac_of_json(scalars.tagged(tag, text))
    if _NO_BOOLEANS.fullmatch(text):
        return text.encode()
    if (time := _timestamp(text)) is not None:
        return time.encode()
    return mac_of_json(scalars.plain(text))


def mac_of_json(value: scalars.Scalar) -> bytes:
    """The same for a value that has its type already. Null adds nothing."""
    match value:
        case None:
            return b""
        case bool():
            return b"True" if value else b"False"
        case float():
            # Go's 'f' format: all digits, no exponent, and no point where nothing follows it.
            digits = format(Decimal(repr(value)), "f")
            return (digits.rstrip("0").rstrip(".") if "." in digits else digits).encode()
    return str(value).encode()


def _timestamp(text: str) -> str | None:
    """In RFC 3339, as Go prints it, what go-yaml takes for a point in time; None for anything else."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None or (match[4] == " ") != (match[4] is not None and match[9] is None):
        return None
    hour, minute, second = (int(match[number] or 0) for number in (5, 6, 7))
    try:
        moment = datetime(int(match[1]), int(match[2]), int(match[3]), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    fraction = (match[8] or "").rstrip("0")
    zone = "Z" if match[9] in {None, "Z", "+00:00", "-00:00"} else match[9]
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction and f'.{fraction}'}{zone}"
