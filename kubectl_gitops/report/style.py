"""How text is dressed: with colour or without, and as seen from which moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Color(StrEnum):
    """SGR parameters (ECMA-48) that every terminal knows."""

    BOLD = "1"
    DIM = "2"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    BLUE = "34"
    MAGENTA = "35"
    CYAN = "36"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How to show a report; what it says does not depend on it.

    ``now`` (with a time zone) lets recent times read as ``3 min ago``; without it all are absolute. Only what is
    read at once is written so: files that are kept have absolute times. ``show_ignored`` lists what a rule says does
    not count, which is otherwise only counted.
    """

    color: bool = False
    now: datetime | None = None
    show_ignored: bool = False

    def paint(self, text: str, color: Color | None) -> str:
        """The text in that colour, where colour is asked for at all."""
        return f"\033[{color}m{text}\033[0m" if self.color and color and text else text


PLAIN = Style()
