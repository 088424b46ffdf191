"""GitSyncs, their objects, and what those have made: as a tree of lines, or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.health.model import Health, HealthStatus
from kubectl_gitops.report.columns import Cell, Row, aligned
from kubectl_gitops.report.document import API_VERSION
from kubectl_gitops.report.style import Color, Style
from kubectl_gitops.report.text import printable, shortened

_HEAD = ("OBJECT", "NAMESPACE", "SYNC", "HEALTH", "NOTE")
_NOTE_LIMIT = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """An object. ``sync`` is "" for what Git does not declare, ``health`` None where nothing is known of it.

    ``note`` says why it is not as it should be; values of fields are never in it.
    """

    key: ResourceKey
    api_version: str
    sync: str = ""
    health: Health | None = None
    note: str = ""
    children: tuple[Node, ...] = ()


class Lines(NamedTuple):
    """What the branches of a tree are drawn with, each of the same width."""

    branch: str
    last: str
    trunk: str
    gap: str = "   "


UNICODE: Final = Lines("├─ ", "└─ ", "│  ")
ASCII: Final = Lines("|- ", "`- ", "|  ")

_SYNC_COLORS: Final = {"Synced": Color.GREEN, "Missing": Color.RED, "Unknown": Color.DIM, "": None}
_HEALTH_COLORS: Final = {
    HealthStatus.HEALTHY: Color.GREEN,
    HealthStatus.SUSPENDED: Color.BLUE,
    HealthStatus.PROGRESSING: Color.YELLOW,
    HealthStatus.MISSING: Color.RED,
    HealthStatus.DEGRADED: Color.RED,
    HealthStatus.UNKNOWN: Color.DIM,
}


def to_text(roots: Sequence[Node], *, lines: Lines, style: Style) -> str:
    """A line for each object, its children indented below it."""
    rows: list[Row] = [[Cell(word, Color.DIM) for word in _HEAD]]
    for root in roots:
        rows.extend(_rows(root, "", "", lines))
    return "".join(f"{line}\n" for line in aligned(rows, style))


def _rows(node: Node, first: str, rest: str, lines: Lines) -> Iterator[Row]:
    """``first`` stands before the object itself, ``rest`` before what is below it."""
    yield [
        Cell(first + printable(str(node.key)), Color.BOLD if node.sync else None),
        Cell(printable(node.key.namespace)),
        Cell(node.sync, _SYNC_COLORS.get(node.sync, Color.YELLOW)),
        *_health_cells(node),
    ]
    for child in node.children:
        is_last = child is node.children[-1]
        yield from _rows(
            child,
            rest + (lines.last if is_last else lines.branch),
            rest + (lines.gap if is_last else lines.trunk),
            lines,
        )


def _health_cells(node: Node) -> Row:
    health = node.health
    said = health.message if health and not health.is_well else ""
    note = "; ".join(part for part in (node.note, said) if part)
    return [
        Cell(str(health.status) if health else "", _HEALTH_COLORS[health.status] if health else None),
        Cell(shortened(printable(note), _NOTE_LIMIT), Color.DIM),
    ]


def to_json(roots: Sequence[Node], unseen: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The same as JSON can hold it; ``unseen`` are (what could not be looked at, why)."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Tree",
        "items": [_document(root) for root in roots],
        "unseen": [{"what": what, "why": why} for what, why in unseen],
    }


def _document(node: Node) -> dict[str, Any]:
    health = {"status": str(node.health.status), "message": node.health.message} if node.health else None
    return {
        "apiVersion": node.api_version,
        "kind": node.key.kind,
        "namespace": node.key.namespace,
        "name": node.key.name,
        "sync": node.sync or None,
        "health": health,
        "note": node.note,
        "children": [_document(child) for child in node.children],
    }
