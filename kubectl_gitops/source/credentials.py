"""The credentials for a repository, as a Secret holds them. Only git is given them, for one command at a time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from urllib.parse import urlsplit

from kubectl_gitops.errors import InvalidInput

#: For each of ours the keys of a Secret, the first that is there counts: those of Flux, then its older ones, those of
#: Kubernetes' own types of Secrets, and those of Argo CD.
SECRET_KEYS: Mapping[str, tuple[str, ...]] = {
    "username": ("username",),
    "password": ("password",),
    "bearer_token": ("bearerToken",),
    "identity": ("identity", "ssh-privatekey", "sshPrivateKey"),
    "known_hosts": ("known_hosts",),
    "ca": ("ca.crt", "caFile"),
    "client_certificate": ("tls.crt", "certFile", "tlsClientCertData"),
    "client_key": ("tls.key", "keyFile", "tlsClientCertKey"),
    "proxy": ("proxy",),
}
_MULTILINE = frozenset({"identity", "known_hosts", "ca", "client_certificate", "client_key"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
#: Shorter ones are words that may stand anywhere; hiding these would only make a message hard to read.
_MIN_CONCEALED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a repository asks for; "" for what it does not. PEM and OpenSSH texts end with a line feed.

    ``where`` says for people where they are from. Nothing of them is in the representation.
    """

    where: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    bearer_token: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)
    known_hosts: str = field(default="", repr=False)
    ca: str = field(default="", repr=False)
    client_certificate: str = field(default="", repr=False)
    client_key: str = field(default="", repr=False)
    proxy: str = field(default="", repr=False)

    @classmethod
    def from_secret(cls, data: Mapping[str, bytes], *, where: str) -> Credentials:
        """Of a Secret's decoded data. Raises InvalidInput that names what is wrong, and no value."""
        found = {}
        for name, keys in SECRET_KEYS.items():
            key = next((key for key in keys if data.get(key)), None)
            if key is not None:
                found[name] = _text(data[key], key, where, multiline=name in _MULTILINE)
        if not found:
            known = ", ".join(keys[0] for keys in SECRET_KEYS.values())
            raise InvalidInput(f"{where} holds no credentials for a repository", hint=f"it may have the keys {known}")
        credentials = cls(where=where, **found)
        credentials._check()
        return credentials

    def check_for(self, protocol: str) -> None:
        """Raises InvalidInput where these are not what the protocol of a repository's URL needs."""
        if protocol == "ssh":
            if not self.identity:
                raise InvalidInput(f"{self.where} has no key 'identity', which a repository over ssh needs")
            if not self.known_hosts:
                raise InvalidInput(
                    f"{self.where} has no key 'known_hosts', so nobody could tell the right host from another",
                    hint="put there what ssh-keyscan HOST answers, after comparing it with what the host publishes",
                )
            if self.proxy:
                raise InvalidInput(f"{self.where} has a key 'proxy', which only repositories over https can use")
        elif protocol == "file":
            raise InvalidInput(f"{self.where} is given for a repository in the file system, which asks for none")
        elif not (self.password or self.bearer_token or self.client_certificate or self.ca or self.proxy):
            raise InvalidInput(
                f"{self.where} holds nothing that a repository over https can use",
                hint="username and password, bearerToken, tls.crt and tls.key, ca.crt, or proxy",
            )

    def digest(self, key: bytes) -> str:
        """What tells these credentials from others, and tells nothing to whoever has not got the key."""
        values = [getattr(self, one.name) for one in fields(self) if one.name != "where"]
        return hmac.new(key, json.dumps(values).encode(), hashlib.sha256).hexdigest()

    def conceal(self, text: str) -> str:
        """``text`` without the secret values, whoever put them there."""
        for value in self._secrets():
            if len(value) >= _MIN_CONCEALED:
                text = text.replace(value, "…")
        return text

    def _secrets(self) -> list[str]:
        basic = base64.b64encode(f"{self.username}:{self.password}".encode()).decode() if self.password else ""
        proxy = urlsplit(self.proxy).password or "" if self.proxy else ""
        return sorted((self.password, self.bearer_token, basic, proxy), key=len, reverse=True)

    def _check(self) -> None:
        for one, other, keys in (
            (self.username, self.password, "username and password"),
            (self.client_certificate, self.client_key, "tls.crt and tls.key"),
        ):
            if bool(one) != bool(other) and not (self.identity and keys.startswith("username")):
                raise InvalidInput(f"{self.where} must hold both {keys}, or none of them")
        if self.password and self.bearer_token:
            raise InvalidInput(f"{self.where} holds a password and a bearerToken, and only one can be sent")
        if self.identity and _is_encrypted(self.identity):
            raise InvalidInput(
                f"the key 'identity' of {self.where} is protected by a passphrase, which nobody could type",
                hint="take a deploy key of its own, without a passphrase: ssh-keygen -t ed25519 -N ''",
            )
        if self.proxy:
            _check_proxy(self.proxy, self.where)


def _text(value: bytes, key: str, where: str, *, multiline: bool) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\0"
    if multiline:
        text = text.replace("\r\n", "\n").strip("\n") + "\n"
        if "\0" not in text:
            return text
    elif not _CONTROL.search(text := text.rstrip("\r\n")):
        return text
    raise InvalidInput(f"the key {key!r} of {where} is not text{'' if multiline else ' in one line'}")


def _is_encrypted(identity: str) -> bool:
    """A key in PEM says so in its first lines; OpenSSH's own format names a cipher, or "none"."""
    lines = identity.strip().splitlines()
    if "BEGIN OPENSSH PRIVATE KEY" not in lines[0]:
        return any("ENCRYPTED" in line for line in lines[:3])
    try:
        content = base64.b64decode("".join(lines[1:-1]))
    except binascii.Error:
        return False  # ssh will say what it thinks of it
    return not content.startswith(b"openssh-key-v1\0\0\0\0\x04none")


def _check_proxy(proxy: str, where: str) -> None:
    try:
        parts = urlsplit(proxy)
        is_url = parts.scheme in {"http", "https", "socks5", "socks5h"} and bool(parts.hostname)
    except ValueError:
        is_url = False
    if not is_url:
        raise InvalidInput(f"the key 'proxy' of {where} is not the URL of a proxy", hint="http://proxy.example:3128")
