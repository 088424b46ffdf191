"""Reports for people with wide screens: the table, with all that is known of both sides' authors."""

from __future__ import annotations

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Origin
from kubectl_gitops.diff.attribution import FieldOwner
from kubectl_gitops.diff.drift import DriftedField
from kubectl_gitops.report.as_table import KIND_COLORS, Layout, remark_cell, render_as, value_cells
from kubectl_gitops.report.authors import NOT_RECORDED, name_text, place_text
from kubectl_gitops.report.columns import Cell, Row
from kubectl_gitops.report.model import Report
from kubectl_gitops.report.sections import Entry, commit_of, field_commit, field_origin
from kubectl_gitops.report.style import Color, Style
from kubectl_gitops.report.text import printable, shortened

_VALUE_LIMIT = 250
_SUBJECT_LIMIT = 72


def render(report: Report, style: Style) -> str:
    """As the table, but with operation, subresource, commit subject and absolute times, in columns of their own."""
    return render_as(report, style, Layout(_head, _field))


def _head(entry: Entry, word: str, style: Style) -> Row:  # noqa: ARG001
    return (
        Cell(printable(entry.key.described), Color.BOLD),
        Cell(printable(entry.api_version)),
        Cell(word, KIND_COLORS.get(entry.kind)),
        *_git_cells(entry.origin, commit_of(entry)),
    )


def _field(field: DriftedField, entry: Entry, style: Style) -> Row:  # noqa: ARG001
    return (
        *value_cells(field, entry, limit=_VALUE_LIMIT),
        *_owner_cells(field.owner),
        *_git_cells(field_origin(field, entry), field_commit(field, entry)),
        remark_cell(field),
    )


def _owner_cells(owner: FieldOwner | None) -> Row:
    parts = (owner.manager, owner.operation, owner.subresource, owner.time) if owner else (NOT_RECORDED, "", "", "")
    return [Cell(name_text(part), Color.DIM) for part in parts]


def _git_cells(origin: Origin | None, commit: Commit | None) -> Row:
    parts = (commit.short, commit.author, commit.time) if commit else ("", "", "")
    subject = shortened(printable(commit.subject), _SUBJECT_LIMIT) if commit else ""
    return [Cell(place_text(origin)), *(Cell(name_text(part), Color.DIM) for part in parts), Cell(subject, Color.DIM)]
