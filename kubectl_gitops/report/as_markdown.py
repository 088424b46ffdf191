"""Reports as a comment on a pull request: the sum in sight, each object to unfold, no longer than comments may be.

What comes from Git and from the cluster stands between backticks, or between ``<code>`` and ``</code>`` in blocks of
HTML: places where Markdown finds nothing to format (https://spec.commonmark.org/0.31.2/#html-blocks), and code hosts
find neither people to notify nor issues to link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final, NamedTuple

from kubectl_gitops.diff.drift import DriftedField, DriftKind
from kubectl_gitops.diff.path import format_path
from kubectl_gitops.report.authors import declared_text, git_text, owner_text, remarks_on
from kubectl_gitops.report.kinds import explanation_of
from kubectl_gitops.report.model import DriftReport, PlanReport, Report
from kubectl_gitops.report.sections import Entry, Section, commit_of, remark_of, sections
from kubectl_gitops.report.style import Style
from kubectl_gitops.report.summary import revision_of, summary_of
from kubectl_gitops.report.text import count_of, printable, shortened
from kubectl_gitops.report.values import field_texts

#: GitHub takes 65,536 characters. In bytes, so that it holds however characters are counted.
LIMIT: Final = 65_000
_OBJECT_LIMIT = 16_000
#: For the sentence that says how much is left out.
_LAST_WORDS = 300
_TEXT_LIMIT = 250
_HEADER = "<tr>" + "".join(f"<th>{name}</th>" for name in ("field", "Git", "live", "changed by", "in Git")) + "</tr>\n"


class _Piece(NamedTuple):
    """A part of the comment that is shown whole or not at all."""

    text: str
    objects: int = 0


def render(report: Report, style: Style) -> str:
    """A heading and a sentence for each report, then its objects; at the end, how many are left out, if any."""
    shown: list[str] = []
    room, left_out, is_cut = LIMIT - _LAST_WORDS, 0, False
    for piece in _pieces(sections(report, style)):
        room -= len(piece.text.encode())
        is_cut = is_cut or room < 0
        if is_cut:
            left_out += piece.objects
        else:
            shown.append(piece.text)
    return "\n".join(shown or ["Nothing to compare.\n"]) + (_last_words(left_out) if is_cut else "")


def _last_words(objects: int) -> str:
    return f"\n**{count_of(objects, 'object')} more did not fit**: `-o html` and `-o json` show all.\n"


def _pieces(found: Sequence[Section]) -> Iterator[_Piece]:
    for section in found:
        yield _Piece(_heading(section.report))
        yield from (_Piece(_object(entry), 1) for entry in section.entries)
        if section.ignored:
            yield _Piece("Ignored:\n")
            yield from (_Piece(_object(entry), 1) for entry in section.ignored)


def _heading(report: DriftReport | PlanReport) -> str:
    what = "Drift" if isinstance(report, DriftReport) else "Applied" if report.applied else "Plan"
    subject = code_span(shortened(printable(report.subject), _TEXT_LIMIT))
    revision = revision_of(report)
    against = f"\nGit: {code_span(shortened(printable(revision), _TEXT_LIMIT))}\n" if revision else ""
    return f"### {what}: {subject}\n\n{summary_of(report, code_span)}\n{against}"


def code_span(text: str) -> str:
    """The text as code, whatever backticks it holds (https://spec.commonmark.org/0.31.2/#code-spans)."""
    text = printable(text) or " "
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    padding = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def _object(entry: Entry) -> str:
    head = f"<b>{entry.kind}</b> {_code(entry.key.described)}"
    explanation = explanation_of(entry)
    lines = [_line(explanation)] if explanation else []
    lines += [
        _line(_code(text)) for text in (declared_text(entry.origin, commit_of(entry), None), remark_of(entry)) if text
    ]
    return f"<details><summary>{head}</summary>\n{''.join(lines)}{_table(entry)}</details>\n"


def _line(html: str) -> str:
    return f"<p>{html}</p>\n"


def _table(entry: Entry) -> str:
    if not entry.fields:
        return ""
    rows: list[str] = []
    room = _OBJECT_LIMIT
    for row in (_row(field, entry) for field in entry.fields):
        room -= len(row.encode())
        if room < 0:
            break
        rows.append(row)
    more = len(entry.fields) - len(rows)
    return f"<table>\n{_HEADER}{''.join(rows)}</table>\n" + (_line(f"{count_of(more, 'field')} more") if more else "")


def _row(field: DriftedField, entry: Entry) -> str:
    mark = "<b>+</b> " if field.kind is DriftKind.ADDED else ""
    remarks = "".join(f"<br>{_code(remark)}" for remark in remarks_on(field))
    desired, live = field_texts(field, entry)
    others = (desired, live, owner_text(field.owner, None), git_text(field, entry, None))
    cells = [mark + _code(format_path(field.path)) + remarks, *map(_code, others)]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"


def _code(text: str) -> str:
    return f"<code>{escape(shortened(printable(text), _TEXT_LIMIT), quote=False)}</code>" if text else ""
