"""Reports for people: a line that sums up, then each object that differs, a field per line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from kubectl_gitops.diff.drift import DriftedField, DriftKind
from kubectl_gitops.diff.path import format_path
from kubectl_gitops.diff.plan import ActionKind, PlannedAction
from kubectl_gitops.report.authors import commit_text, git_text_beyond, owner_text, place_text, remarks_on
from kubectl_gitops.report.columns import Cell, Row, aligned
from kubectl_gitops.report.model import DriftReport, DriftReportList, PlanReport, Report
from kubectl_gitops.report.sections import Entry, Section, commit_of, remark_of, sections
from kubectl_gitops.report.style import Color, Style
from kubectl_gitops.report.summary import summary_of, word_for
from kubectl_gitops.report.text import printable, shortened
from kubectl_gitops.report.values import field_texts

_PATH_LIMIT = 120

KIND_COLORS = {
    DriftKind.MODIFIED: Color.YELLOW,
    DriftKind.MISSING: Color.RED,
    DriftKind.ADDED: Color.BLUE,
    DriftKind.ORPHANED: Color.MAGENTA,
    DriftKind.STALE: Color.MAGENTA,
    DriftKind.UNOWNED: Color.CYAN,
    ActionKind.CREATE: Color.GREEN,
    ActionKind.CHANGE: Color.YELLOW,
    ActionKind.TAKE_OVER: Color.CYAN,
    ActionKind.RECREATE: Color.RED,
    ActionKind.PRUNE: Color.MAGENTA,
    ActionKind.HOOK: Color.BLUE,
    ActionKind.ORPHAN: Color.DIM,
}


class Layout(NamedTuple):
    """What stands in the line of an object, with the word for what it is or what became of it, and of a field."""

    head: Callable[[Entry, str, Style], Row]
    field: Callable[[DriftedField, Entry, Style], Row]


def render(report: Report, style: Style) -> str:
    """The report as lines of text."""
    return render_as(report, style, Layout(_head, _field))


def render_as(report: Report, style: Style, layout: Layout) -> str:
    """The report as lines of text with these cells."""
    lines = [line for section in sections(report, style) for line in _section(section, report, style, layout)]
    return "\n".join(lines or ["nothing to compare"]) + "\n"


def _section(section: Section, report: Report, style: Style, layout: Layout) -> Iterator[str]:
    of_whom = f"{printable(section.report.subject)}: " if isinstance(report, DriftReportList) else ""
    yield of_whom + summary_of(section.report)
    yield from _blocks(section.entries, section.report, style, layout)
    if section.ignored:
        yield "ignored:"
        yield from _blocks(section.ignored, section.report, style, layout)


def _blocks(entries: Sequence[Entry], report: DriftReport | PlanReport, style: Style, layout: Layout) -> Iterator[str]:
    heads = aligned([layout.head(entry, word_for(entry, report), style) for entry in entries], style)
    for head, entry in zip(heads, entries, strict=True):
        yield head
        yield from _remark(entry, style)
        rows = [layout.field(field, entry, style) for field in entry.fields]
        marks = ("+ " if field.kind is DriftKind.ADDED else "  " for field in entry.fields)
        yield from (mark + line for mark, line in zip(marks, aligned(rows, style), strict=True))


def _remark(entry: Entry, style: Style) -> list[str]:
    word, color = ("error", Color.RED) if isinstance(entry, PlannedAction) and entry.error else ("note", Color.DIM)
    remark = remark_of(entry)
    return [style.paint(f"  {word}: {printable(remark)}", color)] if remark else []


def _head(entry: Entry, word: str, style: Style) -> Row:
    return (
        Cell(printable(entry.key.described), Color.BOLD),
        Cell(word, KIND_COLORS.get(entry.kind)),
        Cell(place_text(entry.origin)),
        Cell(commit_text(commit_of(entry), style.now), Color.DIM),
    )


def _field(field: DriftedField, entry: Entry, style: Style) -> Row:
    return (
        *value_cells(field, entry),
        Cell(owner_text(field.owner, style.now), Color.DIM),
        Cell(git_text_beyond(field, entry, style.now), Color.DIM),
        remark_cell(field),
    )


def value_cells(field: DriftedField, entry: Entry, **limit: int) -> Row:
    """The path, what Git says, and what is there."""
    desired, live = field_texts(field, entry, **limit)
    return (
        Cell(shortened(printable(format_path(field.path)), _PATH_LIMIT)),
        Cell(f"Git {desired}", Color.GREEN),
        Cell(f"live {live}", Color.RED),
    )


def remark_cell(field: DriftedField) -> Cell:
    """``[not confirmed]``, and the like."""
    return Cell("".join(f"[{remark}]" for remark in remarks_on(field)), Color.CYAN)
