"""Text that is safe to show: what a terminal would obey or hide is written as an escape, credentials are not written.

Names and values come from Git and from the cluster, and whoever may write there may try to write to
the reader's terminal. Imports nothing, so that the command line can use it for every message.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_NAMED_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# https://user:token@host and https://token@host; ssh://git@host holds no secret.
_URL_PASSWORD = re.compile(r"(?<=://)[^/\s@:]*:[^/\s@]*@")
_HTTP_USER = re.compile(r"(?i)\b(https?://)(?!\*\*\*@)[^/\s@]+@")
_BEARER = re.compile(r"(?i)\b(bearer\s+)[^\s\"',;]{12,}")
_JSON_WEB_TOKEN = re.compile(r"\beyJ[\w-]{6,}\.[\w-]+\.[\w-]*")


def printable(text: str) -> str:
    """The text on one line: control, format and other invisible characters escaped, line breaks too."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def printable_lines(text: str, escape: Callable[[str], str] = printable) -> str:
    """The text with its line feeds kept and everything else escaped as :func:`printable` does."""
    return text if text.isprintable() else "\n".join(escape(line) for line in text.split("\n"))


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    return _NAMED_ESCAPES.get(char) or (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def without_credentials(text: str) -> str:
    """The text without passwords in URLs, bearer tokens and JSON web tokens."""
    text = _URL_PASSWORD.sub("***@", text)
    text = _HTTP_USER.sub(r"\1***@", text)
    text = _BEARER.sub(r"\1***", text)
    return _JSON_WEB_TOKEN.sub("***", text)


def shortened(text: str, limit: int) -> str:
    """At most ``limit`` characters; the end of longer text becomes an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def count_of(number: int, noun: str) -> str:
    """``1 object``, ``42 objects``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
