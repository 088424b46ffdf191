"""One document of a manifest, as the readers of YAML and JSON give it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """A document that is not empty; lines count from 1, but for ``lines``.

    ``line`` is where its content starts. ``item_lines`` is where each element of a top-level ``items`` starts, empty
    where that is not known. ``lines`` are those of all keys and list items, counted from 0, in the order in which one
    comes upon them in ``object``; ``item_starts`` says where in them those within each element of ``items`` begin. Both
    are empty where that is not known: in JSON, and where merges change the order.
    """

    object: Any
    line: int
    item_lines: tuple[int, ...] = ()
    lines: Sequence[int] = ()
    item_starts: tuple[int, ...] = ()
