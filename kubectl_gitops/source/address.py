"""Where a repository is: which URLs are taken, and how they are shown without what is secret in them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kubectl_gitops.errors import SourceError

_CONTROL = re.compile(r"[\x00-\x20\x7f]")
# host:path or user@host:path, as git reads it: a colon before the first slash. "::" names a remote helper.
_SCP_LIKE = re.compile(r"(?:[\w.-]+@)?(?!-)(?:[\w.-]+|\[[0-9a-fA-F:]+\]):(?!:|//).+")
# Greedy up to the last @, because a password may hold one that nobody escaped.
_HTTP_USER = re.compile(r"(https?://)[^/\s]+@", re.IGNORECASE)
_QUERY = re.compile(r"(https?://[^\s?#'\"]*)[?#][^\s'\"]*", re.IGNORECASE)
_PASSWORD = re.compile(r"(//[^/\s:@]*):[^/\s]*@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """``given`` is the URL as it was written, ``protocol`` the one that git may use for it."""

    given: str = field(repr=False)
    protocol: str

    @property
    def url(self) -> str:
        """What git is given. Who writes a token in place of the user shall not find it in a list of processes."""
        return _HTTP_USER.sub(r"\1", self.given)

    @property
    def user(self) -> str:
        """The user (or token) that is not in ``url`` any more; "" if there was none."""
        return unquote(urlsplit(self.given).username or "") if _HTTP_USER.match(self.given) else ""

    @property
    def shown(self) -> str:
        return redact(self.given)


def parse_address(url: str, *, allow_file: bool = False, allow_http: bool = False) -> Address:
    """Checks ``url``; SourceError says what is wrong with it, without repeating a secret."""
    if not url or url.startswith("-") or _CONTROL.search(url):
        raise _unknown(url)
    if "://" in url:
        return _with_scheme(url, allow_file=allow_file, allow_http=allow_http)
    if _SCP_LIKE.fullmatch(url):
        return Address(given=url, protocol="ssh")
    if url in {".", ".."} or url.startswith(("/", "./", "../", "~/")):
        return _local(url, Path(url), allow_file)
    raise _unknown(url)


def redact(text: str) -> str:
    """``text`` without the passwords and tokens of the URLs in it."""
    return _QUERY.sub(r"\1?…", _PASSWORD.sub(r"\1:…@", _HTTP_USER.sub(r"\1…@", text)))


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
    if parts.scheme.lower() != "file" and (parts.query or parts.fragment):
        raise SourceError(
            f"the URL {redact(url)} has a part after a ? or #, where no repository is named",
            hint="leave it out; a token belongs in a secret, or in a credential helper",
        )
    match parts.scheme.lower():
        case "file":
            return _local(url, Path(unquote(parts.path)), allow_file)
        case "https" | "ssh" as scheme if host and not host.startswith("-"):
            # git looks for a program by that name.
            return Address(given=scheme + url[len(scheme) :], protocol=scheme)
        case "http" if host and allow_http:
            return Address(given=url, protocol="http")
        case "http":
            raise SourceError(f"{redact(url)}: plain http lets anybody on the way change what is applied; use https")
    raise _unknown(url)


def _local(url: str, path: Path, allow_file: bool) -> Address:
    if not allow_file:
        raise SourceError(f"{url}: repositories in the file system are not allowed here")
    return Address(given=str(path.expanduser().absolute()), protocol="file")


def _unknown(url: str) -> SourceError:
    return SourceError(
        f"{redact(url)!r} is not the URL of a repository",
        hint="https://host/path, ssh://user@host/path or user@host:path",
    )
