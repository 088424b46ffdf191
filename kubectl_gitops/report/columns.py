"""Rows of text in aligned columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from kubectl_gitops.report.style import Color, Style

GAP = "   "
#: A cell wider than this moves its own row only.
_MAX_WIDTH = 72


class Cell(NamedTuple):
    """Printable text on one line."""

    text: str
    color: Color | None = None


Row = Sequence[Cell]


def aligned(rows: Sequence[Row], style: Style, *, indent: str = "") -> list[str]:
    """One line for each row, cells of a column under each other, nothing after the last."""
    widths = [max(display_width(cell.text) for cell in column) for column in zip_longest(*rows, fillvalue=Cell(""))]
    return [indent + _line(_without_empty_end(row), widths, style) for row in rows]


def _line(row: Row, widths: Sequence[int], style: Style) -> str:
    cells = [style.paint(cell.text, cell.color) for cell in row]
    padding = [
        " " * (min(width, _MAX_WIDTH) - display_width(cell.text)) for cell, width in zip(row, widths, strict=False)
    ]
    return GAP.join(text + pad for text, pad in zip(cells, [*padding[:-1], ""], strict=False))


def _without_empty_end(row: Row) -> Row:
    filled = max((index for index, cell in enumerate(row, 1) if cell.text), default=0)
    return row[:filled]


def display_width(text: str) -> int:
    """Columns on a terminal: wide East Asian characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else not unicodedata.combining(c) for c in text)
