"""Patterns as in .gitignore, and what they match; in time proportional to pattern and path, whatever they are.

They come from repositories, so no pattern may be able to hold up who matches it: a part of a path is matched
from left to right, and each ``*`` takes as little as it can and is not tried again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "xdigit": "0-9A-Fa-f",
    "space": " \\t\\n\\r\\f\\v", "blank": r" \t", "punct": re.escape("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    "cntrl": r"\x00-\x1f\x7f", "print": r"\x20-\x7e", "graph": r"\x21-\x7e",
}  # fmt: skip
_ANY_DIRECTORIES = None


@dataclass(frozen=True, slots=True)
class _Pattern:
    #: A regular expression for each part of the path, or _ANY_DIRECTORIES for ``**``.
    parts: tuple[re.Pattern[str] | None, ...]
    negated: bool
    directories_only: bool


class Patterns:
    """Lines of a .gitignore; comments and empty lines match nothing."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._patterns = [pattern for line in lines if (pattern := _pattern(_as_git_has_it(line)))]
        #: By directory: it is asked once for all that is in it.
        self._ignored: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def match(self, path: str) -> bool | None:
        """Whether the file at ``path`` is ignored; None where no pattern says anything.

        ``path`` is relative to where the patterns stand. As for git, what is in an ignored directory stays ignored.
        """
        directory, _, name = _as_git_has_it(path).rpartition("/")
        parts = directory.split("/") if directory else []
        if directory not in self._ignored:
            self._ignored[directory] = self._is_in_ignored(parts)
        if self._ignored[directory]:
            return True
        return self._verdict(len(parts) + 1, self._reached([*parts, name]), is_directory=False)

    def _is_in_ignored(self, parts: list[str]) -> bool:
        """Whether a directory, or one above it, is ignored."""
        reached = self._reached(parts)
        return any(self._verdict(end, reached, is_directory=True) for end in range(1, len(parts) + 1))

    def _reached(self, parts: list[str]) -> list[set[int]]:
        """For each pattern after which parts of a path it matches what is up to there."""
        return [_ends(one.parts, parts) for one in self._patterns]

    def _verdict(self, end: int, reached: list[set[int]], *, is_directory: bool) -> bool | None:
        for pattern, ends in zip(reversed(self._patterns), reversed(reached), strict=True):
            if end in ends and (is_directory or not pattern.directories_only):
                return not pattern.negated
        return None


def _as_git_has_it(text: str) -> str:
    """One character for each byte: for git ``?`` is a byte."""
    return text.encode(errors="surrogateescape").decode("latin-1")


def _ends(pattern: tuple[re.Pattern[str] | None, ...], parts: list[str]) -> set[int]:
    """After which parts of a path the whole pattern may be through: one row for each part of the pattern."""
    reached = {0}
    for one in pattern:
        if not reached:
            break
        if one is _ANY_DIRECTORIES:
            reached = set(range(min(reached), len(parts) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(parts) and one.fullmatch(parts[at])}
    return reached


def _pattern(line: str) -> _Pattern | None:
    text = line.rstrip("\r\n")
    # Trailing spaces count only after a backslash.
    while text.endswith(" ") and not text.endswith("\\ "):
        text = text[:-1]
    if not text or text.startswith("#"):
        return None
    negated = text.startswith("!")
    text = text[1:] if negated else text
    directories_only = text.endswith("/")
    text = text[:-1] if directories_only else text
    if not text:
        return None
    anchored = "/" in text
    names = text.removeprefix("/").split("/")
    parts: list[re.Pattern[str] | None] = [] if anchored else [_ANY_DIRECTORIES]
    for number, name in enumerate(names):
        if name == "**" and anchored:
            if number == len(names) - 1:
                # a/** is what is in a, not a itself.
                parts.append(re.compile(".+", re.DOTALL))
            parts.append(_ANY_DIRECTORIES)
        elif (expression := _expression(name)) is None:
            return None
        else:
            parts.append(expression)
    return _Pattern(tuple(parts), negated, directories_only)


def _expression(name: str) -> re.Pattern[str] | None:
    """A regular expression that never tries a ``*`` twice; None for a pattern that can match nothing."""
    pieces = [""]
    position = 0
    while position < len(name):
        char = name[position]
        position += 1
        if char == "*":
            pieces.append("")
        elif char == "?":
            pieces[-1] += "."
        elif char == "[":
            found = _bracket(name, position)
            if found is None:
                return None
            pieces[-1] += found[0]
            position = found[1]
        else:
            if char == "\\":
                if position == len(name):
                    return None
                char = name[position]
                position += 1
            pieces[-1] += re.escape(char)
    first, *rest = pieces
    if not rest:
        return re.compile(first, re.DOTALL)
    *middle, last = rest
    return re.compile(first + "".join(f"(?>.*?{piece})" for piece in middle if piece) + f".*{last}", re.DOTALL)


def _bracket(name: str, start: int) -> tuple[str, int] | None:
    """The character class that begins after the ``[`` before ``start``, and where it ends; None if it does not."""
    position = start
    negated = name[position : position + 1] in {"!", "^"}
    position += negated
    first, inside = True, ""
    while position < len(name):
        char = name[position]
        if char == "]" and not first:
            nothing, anything = "(?!)", "."
            if not inside:
                return anything if negated else nothing, position + 1
            return f"[{'^' if negated else ''}{inside}]", position + 1
        first = False
        if char == "[" and (match := re.compile(r"\[:([a-z]+):\]").match(name, position)):
            if match[1] not in _CLASSES:
                return None
            inside += _CLASSES[match[1]]
            position = match.end()
            continue
        low, position = _member(name, position)
        if low is None:
            return None
        if name[position : position + 1] == "-" and name[position + 1 : position + 2] not in {"]", ""}:
            high, position = _member(name, position + 1)
            if high is None:
                return None
            # A range that is empty matches nothing, but does not make the class wrong.
            inside += f"{re.escape(low)}-{re.escape(high)}" if low <= high else ""
        else:
            inside += re.escape(low)
    return None


def _member(name: str, position: int) -> tuple[str | None, int]:
    if name[position] != "\\":
        return name[position], position + 1
    return (name[position + 1], position + 2) if position + 1 < len(name) else (None, position)
