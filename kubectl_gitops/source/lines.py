"""Which line of a text a place in it is on, counted as git counts: only a line feed ends a line."""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property
from typing import Any

# YAML 1.1 has more line breaks than git: these in any text, and a carriage return that stands alone.
_OTHER_BREAKS = ("\x85", "\u2028", "\u2029")


class Lines:
    """The lines of ``text``, from 1."""

    def __init__(self, text: str) -> None:
        self._text = text
        #: Whether the lines of libyaml's marks are git's.
        self.as_yaml_counts = text.count("\r") == text.count("\r\n") and (
            text.isascii() or not any(one in text for one in _OTHER_BREAKS)
        )

    def at(self, index: int) -> int:
        """The line of the character at ``index``."""
        return bisect_left(self._ends, index) + 1

    def of(self, mark: Any) -> int:
        """The line of a mark of libyaml."""
        return int(mark.line) + 1 if self.as_yaml_counts else self.at(mark.index)

    def last_of(self, start: int, end: int) -> int:
        """The last line with something on it between two places."""
        while end > start and self._text[end - 1].isspace():
            end -= 1
        return self.at(max(start, end - 1))

    @cached_property
    def _ends(self) -> list[int]:
        ends, position = [], -1
        while (position := self._text.find("\n", position + 1)) >= 0:
            ends.append(position)
        return ends
