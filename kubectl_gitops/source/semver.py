"""Versions and ranges of them, as Semantic Versioning 2.0.0 orders them and GitOps tools write them.

A range is comparators that all must hold, separated by blanks or commas; ``||`` separates alternatives::

    >=1.2 <2        >1  <=1.4  =1.2.3  !=1.3.1
    ~1.4            1.4.x (patches only; ~1 is 1.x)
    ^2  ^0.3        all that is compatible: the first part that is not 0 stays
    1.x  1.4.*  *   any
    1.2 - 1.4       from 1.2.0 up to the last 1.4.x

Pre-releases count only in an alternative that names one: ``>=1.2.0-0``, ``^2.0.0-rc.1``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import total_ordering

_IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_SUFFIX = rf"(?:-(?P<pre>{_IDENTIFIERS}))?(?:\+{_IDENTIFIERS})?"
# No more than 18 digits, so that no name costs more than it is long.
_NUMBER = r"(?:0|[1-9][0-9]{0,17})"
_VERSION = re.compile(rf"(?P<core>{_NUMBER}(?:\.{_NUMBER}){{0,2}}){_SUFFIX}")
_PART = rf"(?:{_NUMBER}|[xX*])"
_COMPARATOR = re.compile(
    rf"(?P<operator>=|!=|>=|=>|<=|=<|>|<|~>|~|\^|)\s*v?(?P<core>{_PART}(?:\.{_PART}){{0,2}}){_SUFFIX}(?=[\s,]|$)"
)
_HYPHEN = re.compile(r"(\S+)\s+-\s+(\S+)")
_SAME_AS = {"=>": ">=", "=<": "<=", "~>": "~", "": "="}


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """``core`` is (major, minor, patch); build metadata is not kept, because it orders nothing."""

    core: tuple[int, int, int]
    pre: str = ""

    def __lt__(self, other: Version) -> bool:
        return (self.core, _rank(self.pre)) < (other.core, _rank(other.pre))


@dataclass(frozen=True, slots=True)
class _Comparator:
    """``given`` has the one to three numbers that were written; none for ``*``."""

    operator: str
    given: tuple[int, ...]
    pre: str

    def admits(self, version: Version) -> bool:
        start = Version(_filled(self.given), self.pre)
        head = version.core[: len(self.given)]
        is_whole = len(self.given) == 3
        match self.operator:
            case "=":
                return version == start if is_whole else head == self.given and version >= start
            case "!=":
                return version != start if is_whole else head != self.given
            case ">":
                return version > start if is_whole else head > self.given
            case "<=":
                return version <= start if is_whole else head <= self.given
            case ">=":
                return version >= start
            case "<":
                return version < start
            case "~":
                return version >= start and version.core[:2][: len(self.given)] == self.given[:2]
            case _:  # ^
                fixed = next((at for at, number in enumerate(self.given, 1) if number), len(self.given))
                return version >= start and version.core[:fixed] == self.given[:fixed]


class Range:
    """A range of versions. Raises ValueError on what is none."""

    def __init__(self, text: str) -> None:
        self._alternatives = [_comparators(part) for part in text.split("||")]

    def __contains__(self, version: Version) -> bool:
        return any(
            (not version.pre or any(one.pre for one in comparators)) and all(one.admits(version) for one in comparators)
            for comparators in self._alternatives
        )


def parse_version(text: str) -> Version | None:
    """``1.2.3-rc.1+build``, or shorter: ``1.2`` is 1.2.0. None for anything else."""
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    return Version(_filled(tuple(map(int, found["core"].split(".")))), found["pre"] or "")


def _comparators(text: str) -> Sequence[_Comparator]:
    text = _HYPHEN.sub(r">=\1 <=\2", text).strip()
    found, position = [], 0
    while position < len(text):
        match = _COMPARATOR.match(text, position)
        if match is None:
            raise ValueError(f"no range of versions: {text!r}")
        found.append(_comparator(match))
        position = match.end() + len(text[match.end() :]) - len(text[match.end() :].lstrip(" \t,"))
    if not found:
        raise ValueError("an empty range of versions")
    return found


def _comparator(match: re.Match[str]) -> _Comparator:
    operator, given = match["operator"], []
    for part in match["core"].split("."):
        if part in "xX*":
            break
        given.append(int(part))
    return _Comparator(_SAME_AS.get(operator, operator), tuple(given), match["pre"] or "")


def _filled(numbers: tuple[int, ...]) -> tuple[int, int, int]:
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    return major, minor, patch


def _rank(pre: str) -> tuple[bool, list[tuple[bool, int, str]]]:
    """Orders pre-releases: numbers by value and before words, fewer parts first, and a release after all of them."""
    parts = [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in pre.split(".") if pre]
    return not pre, [(word, number, part if word else "") for word, number, part in parts]
