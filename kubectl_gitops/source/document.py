"""One document of a manifest, as the readers of YAML and JSON give it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """A document that is not empty; lines count from 1.

    ``line`` is where its content starts. ``item_lines`` is where each element of a top-level ``items``
    starts, empty where that is not known.
    """

    object: Any
    line: int
    item_lines: tuple[int, ...] = ()
