"""Where a repository is: which URLs are taken, and how they are shown without what is secret in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kubectl_gitops.errors import SourceError

_CONTROL = re.compile(r"[\x00-\x20\x7f]")
# host:path or user@host:path, as git reads it: a colon before the first slash. "::" names a remote helper.
_SCP_LIKE = re.compile(r"(?:[\w.-]+@)?(?!-)(?:[\w.-]+|\[[0-9a-fA-F:]+\]):(?!:|//).+")
# Greedy up to the last @, because a password may hold one that nobody escaped.
_HTTP_USER = re.compile(r"(https?://)[^/\s]+@", re.IGNORECASE)
_PASSWORD = re.compile(r"(//[^/\s:@]*):[^/\s]*@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """``url`` is what git is given, ``protocol`` the one that it may use for that."""

    url: str
    protocol: str

    @property
    def shown(self) -> str:
        return redact(self.url)


def parse_address(url: str, *, allow_file: bool = False, allow_http: bool = False) -> Address:
    """Checks ``url``; SourceError says what is wrong with it, without repeating a secret."""
    if not url or url.startswith("-") or _CONTROL.search(url):
        raise _unknown(url)
    if "://" in url:
        return _with_scheme(url, allow_file=allow_file, allow_http=allow_http)
    if _SCP_LIKE.fullmatch(url):
        return Address(url=url, protocol="ssh")
    if url in {".", ".."} or url.startswith(("/", "./", "../", "~/")):
        return _local(url, Path(url), allow_file)
    raise _unknown(url)


def redact(text: str) -> str:
    """``text`` without the passwords and tokens of the URLs in it."""
    return _PASSWORD.sub(r"\1:…@", _HTTP_USER.sub(r"\1…@", text))


def _with_scheme(url: str, *, allow_file: bool, allow_http: bool) -> Address:
    try:
        parts = urlsplit(url)
        password, host = parts.password, parts.hostname or ""
    except ValueError as exc:
        raise _unknown(url) from exc
    if password is not None:
        raise SourceError(
            f"the URL {redact(url)} holds a password",
            hint="leave it out: URLs end up in logs and in lists of processes; use a credential helper or a secret",
        )
    match parts.scheme.lower():
        case "file":
            return _local(url, Path(unquote(parts.path)), allow_file)
        case "https" | "ssh" as scheme if host and not host.startswith("-"):
            return Address(url=url, protocol=scheme)
        case "http" if host and allow_http:
            return Address(url=url, protocol="http")
        case "http":
            raise SourceError(f"{redact(url)}: plain http lets anybody on the way change what is applied; use https")
    raise _unknown(url)


def _local(url: str, path: Path, allow_file: bool) -> Address:
    if not allow_file:
        raise SourceError(f"{url}: repositories in the file system are not allowed here")
    return Address(url=str(path.expanduser().absolute()), protocol="file")


def _unknown(url: str) -> SourceError:
    return SourceError(
        f"{redact(url)!r} is not the URL of a repository",
        hint="https://host/path, ssh://user@host/path or user@host:path",
    )
