"""Which fields of an object a person means by a path, as reports print it or as kubectl's JSONPath has it. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from kubectl_gitops.diff.blame import BlamedField
from kubectl_gitops.diff.path import format_path
from kubectl_gitops.errors import InvalidInput

#: ``labels.app\.kubernetes\.io/name`` and ``labels['app.kubernetes.io/name']``
_ESCAPED_NAME = re.compile(r"\.((?:[^.\[\]\\]|\\.)*\\\.(?:[^.\[\]\\]|\\.)*)")
_QUOTED_NAME = re.compile(r"\[(['\"])(.*?)\1\]")


def chosen(fields: Sequence[BlamedField], text: str) -> list[BlamedField]:
    """The field at a path, or all below it. Raises InvalidInput that names the nearest there is.

    List items go by key, value or index: ``containers[name=web]``, ``containers[0]``.
    """
    wanted = _as_printed(text)
    found = [field for field in fields if not wanted or wanted in _names(field)]
    if not found:
        raise InvalidInput(f"there is no field {text}{_nearest(fields, wanted)}")
    return found


def _as_printed(text: str) -> str:
    path = text.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    path = _ESCAPED_NAME.sub(lambda match: f"[{match[1].replace(chr(92), '')}]", path)
    # A word needs no brackets, and format_path gives it none.
    path = _QUOTED_NAME.sub(lambda match: format_path(("x", match[2])).removeprefix("x"), path)
    return path.removeprefix(".").removesuffix(".")


def _names(field: BlamedField) -> Iterator[str]:
    """The field and all that it is in, with list items by key and by index."""
    for length in range(len(field.path), 0, -1):
        yield format_path(field.path[:length])
        yield format_path(field.position[:length])


def _nearest(fields: Sequence[BlamedField], wanted: str) -> str:
    names = dict.fromkeys(format_path(field.path[:n]) for field in fields for n in range(1, len(field.path) + 1))
    close = difflib.get_close_matches(wanted, names, n=1, cutoff=0.8)
    if close:
        return f"; did you mean {close[0]}?"
    above = [name for name in names if wanted.startswith((f"{name}.", f"{name}["))]
    if above:
        return f"; the nearest there is: {max(above, key=len)}"
    return f"; there is {', '.join(name for name in names if '.' not in name and '[' not in name)}"
