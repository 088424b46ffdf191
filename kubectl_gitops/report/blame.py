"""The blame of an object: a table for people, JSON and YAML for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from kubectl_gitops.diff.attribution import FieldOwner, FieldSource
from kubectl_gitops.diff.blame import BlamedField
from kubectl_gitops.diff.path import ABSENT, format_path
from kubectl_gitops.report.authors import NOT_RECORDED, commit_text, owner_text, place_text
from kubectl_gitops.report.columns import Cell, Row, aligned
from kubectl_gitops.report.document import blame_to_json
from kubectl_gitops.report.jsontext import to_json_text
from kubectl_gitops.report.model import BlameReport
from kubectl_gitops.report.style import Color, Style
from kubectl_gitops.report.text import printable, shortened
from kubectl_gitops.report.values import GONE, NOTHING, inline, inline_pair, time_text
from kubectl_gitops.report.yamltext import to_yaml

_HEAD = ("FIELD", "LIVE", "SET BY", "WHEN", "GIT", "COMMIT")
_PATH_LIMIT = 120
_VALUE_LIMIT = 40


def render_table(report: BlameReport, style: Style) -> str:
    """A line for the object, then a field per line; ``!`` marks those that Git has otherwise."""
    rows = [[Cell(title) for title in _HEAD], *(_row(field, style) for field in report.fields)]
    marks = ["  ", *("! " if field.differs else "  " for field in report.fields)]
    lines = [mark + line for mark, line in zip(marks, aligned(rows, style), strict=True)]
    return "\n".join([_head(report, style), *lines]) + "\n"


def _render_json(report: BlameReport, style: Style) -> str:  # noqa: ARG001
    return to_json_text(blame_to_json(report))


def _render_yaml(report: BlameReport, style: Style) -> str:  # noqa: ARG001
    return to_yaml(blame_to_json(report), sort_keys=False)


BLAME_FORMATS: Final[Mapping[str, Callable[[BlameReport, Style], str]]] = {
    "table": render_table,
    "json": _render_json,
    "yaml": _render_yaml,
}


def _head(report: BlameReport, style: Style) -> str:
    revision = " ".join(filter(None, (report.revision.short if report.revision else "", printable(report.ref))))
    subject = printable(report.subject) + (f" ({revision})" if revision else "")
    named = style.paint(printable(report.key.described), Color.BOLD)
    declared = (place_text(report.origin), style.paint(commit_text(report.commit, style.now), Color.DIM))
    return "   ".join(filter(None, (named, subject or "not declared in Git, as far as is known", *declared)))


def _row(field: BlamedField, style: Style) -> Row:
    live, desired = _values(field)
    return (
        Cell(shortened(printable(format_path(field.path)), _PATH_LIMIT)),
        Cell(live, Color.RED if field.differs else None),
        Cell(_set_by(field)),
        Cell("; ".join(_when(owner, style) for owner in field.owners), Color.DIM),
        Cell(_place(field.source)),
        Cell(_commit(field.source, style), Color.DIM),
        Cell(f"Git {desired}" if field.differs else "", Color.GREEN),
    )


def _values(field: BlamedField) -> tuple[str, str]:
    if field.differs:
        desired, live = inline_pair(field.desired, field.live, _VALUE_LIMIT, absent=(NOTHING, GONE))
        return live, desired
    return shortened(inline(field.live), _VALUE_LIMIT), ""


def _set_by(field: BlamedField) -> str:
    if field.owners:
        return "; ".join(owner_text(replace(owner, time=""), None) for owner in field.owners)
    if field.live is ABSENT:
        return NOT_RECORDED
    # What nobody owns the API server filled in: as a default, or as its own record of the object.
    return "cluster" if field.path[0] in {"metadata", "status"} else "default"


def _when(owner: FieldOwner, style: Style) -> str:
    return time_text(owner.time, style.now) if owner.time else "-"


def _place(source: FieldSource | None) -> str:
    if source is None:
        return ""
    return place_text(source.origin) + ("" if source.exact else " (nearest)")


def _commit(source: FieldSource | None, style: Style) -> str:
    if source is not None and source.uncommitted:
        return "not committed yet"
    return commit_text(source.commit, style.now) if source else ""
