"""The fields of one object as an HTML table; long text as a unified diff below its row."""

from __future__ import annotations

from itertools import islice
from typing import Any

from kubectl_gitops.diff.drift import DriftedField, DriftKind, ObjectDrift
from kubectl_gitops.diff.path import ABSENT, format_path
from kubectl_gitops.report.authors import is_declared, remarks_on
from kubectl_gitops.report.html_text import breakable, declared_html, escaped, escaped_lines, owner_html
from kubectl_gitops.report.sections import Entry, field_commit, field_origin
from kubectl_gitops.report.text import count_of
from kubectl_gitops.report.unified import unified_diff
from kubectl_gitops.report.values import ABSENT_TEXT, GONE, NOTHING, inline
from kubectl_gitops.report.yamltext import to_yaml

#: Longer maps and lists are shown as YAML, on lines of their own.
_INLINE_LIMIT = 80
_TEXT_LIMIT = 20_000
_DIFF_LINES = 400

_HEAD = """\
<table>
<colgroup><col class="field"><col class="value"><col class="value"><col class="who"><col class="who"></colgroup>
<thead><tr><th scope="col">Field</th><th scope="col">Git</th><th scope="col">Live</th>\
<th scope="col">Changed by</th><th scope="col">In Git</th></tr></thead>
<tbody>
"""


def field_table(entry: Entry) -> str:
    """A row for each field: the path, both values, both authors; "" where there is none."""
    rows = "".join(_row(field, entry) for field in entry.fields)
    return f"{_HEAD}{rows}</tbody>\n</table>\n" if rows else ""


def _row(field: DriftedField, entry: Entry) -> str:
    desired, live, below = _values(field, entry)
    declared = declared_html(field_origin(field, entry), field_commit(field, entry))
    beside = "its object:<br>" if declared and not is_declared(field) else ""
    return (
        f'<tr><th scope="row">{_name(field)}</th>'
        f'<td class="git" data-label="Git">{desired}</td><td class="live" data-label="Live">{live}</td>'
        f'<td data-label="Changed by"><div class="who">{owner_html(field.owner)}</div></td>'
        f'<td data-label="In Git"><div class="who">{beside}{declared}</div></td></tr>\n{below}'
    )


def _name(field: DriftedField) -> str:
    plus = '<span class="plus" title="added: Git declares no such field">+</span> ' if _is_added(field) else ""
    tags = "".join(f'<br><span class="tag">{escaped(remark)}</span>' for remark in remarks_on(field))
    return f'{plus}<span class="path">{breakable(format_path(field.path))}</span>{tags}'


def _is_added(field: DriftedField) -> bool:
    return field.kind is DriftKind.ADDED


def _values(field: DriftedField, entry: Entry) -> tuple[str, str, str]:
    """Both values, and what stands in a row below them."""
    if _is_long(field.desired) and _is_long(field.live):
        before, after = _lines(field.live), _lines(field.desired)
        return _size(after), _size(before), _diff(before, after)
    gone = GONE if isinstance(entry, ObjectDrift) else ABSENT_TEXT
    return _value(field.desired, NOTHING), _value(field.live, gone), ""


def _size(lines: list[str]) -> str:
    return f'<span class="none">{count_of(len(lines), "line")}, see below</span>'


def _value(value: Any, absent: str) -> str:
    if value is ABSENT:
        return f'<span class="none">{absent}</span>'
    if _is_long(value):
        return f"<pre>{_limited(_text(value))}</pre>"
    text = inline(value)
    return f"<code>{breakable(text) if len(text) <= _TEXT_LIMIT else _limited(text)}</code>"


def _is_long(value: Any) -> bool:
    """Whether it is text of several lines, or would be."""
    if isinstance(value, str):
        return "\n" in value
    return isinstance(value, dict | list) and len(inline(value)) > _INLINE_LIMIT


def _text(value: Any) -> str:
    return value if isinstance(value, str) else to_yaml(value, sort_keys=True)


def _lines(value: Any) -> list[str]:
    return _text(value).removesuffix("\n").split("\n")


def _limited(text: str) -> str:
    more = len(text) - _TEXT_LIMIT
    return escaped_lines(text[:_TEXT_LIMIT]) + (f"… and {count_of(more, 'character')} more" if more > 0 else "")


def _diff(before: list[str], after: list[str]) -> str:
    """From what is there to what Git says, as -o diff has it, too."""
    lines = list(islice(unified_diff(before, after, "live", "git"), _DIFF_LINES + 1))
    cut = "…\n" if len(lines) > _DIFF_LINES else ""
    shown = "".join(map(_diff_line, lines[2:_DIFF_LINES])) or "(they differ in the line feed at the end)"
    return f'<tr class="more"><td class="diff" colspan="5"><pre>{shown}{cut}</pre></td></tr>\n'


def _diff_line(line: str) -> str:
    name = {"-": "del", "+": "ins"}.get(line[:1], "span")
    css_class = ' class="at"' if line.startswith("@@") else ""
    return f"<{name}{css_class}>{escaped(line)}\n</{name}>"
