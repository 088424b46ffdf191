"""What a check has found, in the formats of ``-o``: for people here, for CI systems in checked_ci.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Final

from kubectl_gitops.api.finding import Finding
from kubectl_gitops.diff.path import format_path
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.report import checked_ci
from kubectl_gitops.report.as_markdown import LIMIT, code_span
from kubectl_gitops.report.as_name import name_of
from kubectl_gitops.report.columns import Cell, Row, aligned
from kubectl_gitops.report.document import check_to_json
from kubectl_gitops.report.jsontext import to_json_text
from kubectl_gitops.report.model import CheckReport
from kubectl_gitops.report.style import PLAIN, Color, Style
from kubectl_gitops.report.text import count_of, printable, shortened
from kubectl_gitops.report.yamltext import to_yaml

_PATH_LIMIT = 120
_SHOWN_KINDS = 5


def summary_of(report: CheckReport) -> str:
    """``3 findings in 2 of 40 objects; 5 not checked: no schema of Certificate.cert-manager.io``."""
    found = count_of(len(report.findings), "finding") if report.findings else "nothing wrong"
    objects = len({(one.key, one.api_version) for one in report.findings if one.key})
    files = len({one.origin.path for one in report.findings if one.key is None})
    total = count_of(report.total, "object")
    where = [f"{objects} of {total}"] if objects else [] if files else [total]
    where += [f"{count_of(files, 'file')} that cannot be read or taken"] if files else []
    return "; ".join(filter(None, (f"{found} in {' and '.join(where)}", _unchecked(report))))


def _unchecked(report: CheckReport) -> str:
    counts = Counter(report.unchecked)
    if not counts:
        return ""
    kinds = [printable(kind) for kind in sorted(counts)]
    more = f" and {len(kinds) - _SHOWN_KINDS} more" if len(kinds) > _SHOWN_KINDS else ""
    return f"{counts.total()} not checked: no schema of {', '.join(kinds[:_SHOWN_KINDS])}{more}"


def render_table(report: CheckReport, style: Style) -> str:
    """A line that sums up, then each object with its findings."""
    lines = [summary_of(report)]
    for (name, origin), findings in groupby(report.findings, key=lambda one: (_subject(one), _file(one))):
        lines.append(f"{style.paint(printable(name), Color.BOLD)}   {printable(origin)}" if name else printable(origin))
        lines += aligned([_row(one) for one in findings], style, indent="  ")
    return "\n".join(lines) + "\n"


def _row(one: Finding) -> Row:
    path = shortened(printable(format_path(one.path)), _PATH_LIMIT)
    line = [Cell(f"line {one.origin.line}", Color.DIM)] if one.origin.line > 0 else []
    return [*line, *([Cell(path, Color.YELLOW)] if path else []), Cell(printable(one.message), Color.RED)]


def _subject(one: Finding) -> str:
    return one.key.described if one.key else ""


def _file(one: Finding) -> str:
    return one.origin.path


def render_markdown(report: CheckReport, style: Style) -> str:  # noqa: ARG001
    """A comment on a pull request, no longer than comments may be."""
    shown = [f"### Check: {code_span(shortened(report.subject, 250))}\n\n{code_span(summary_of(report))}\n"]
    room = LIMIT - len(shown[0].encode()) - 300
    for count, one in enumerate(report.findings):
        subject = f"{code_span(shortened(_subject(one), 250))} " if one.key else ""
        path = f"{code_span(shortened(format_path(one.path), 250))}: " if one.path else ""
        item = f"- {code_span(_place(one))} {subject}{path}{code_span(shortened(one.message, 500))}"
        room -= len(item.encode()) + 1
        if room < 0:
            shown.append(f"\n**{count_of(len(report.findings) - count, 'finding')} more did not fit**")
            break
        shown.append(item)
    return "\n".join(shown).rstrip("\n") + "\n"


def _place(one: Finding) -> str:
    return str(one.origin) if one.origin.line > 0 else one.origin.path


def _render_name(report: CheckReport, style: Style) -> str:  # noqa: ARG001
    names = dict.fromkeys(name_of(one.key) for one in report.findings if one.key)
    return "".join(f"{name}\n" for name in names)


def _render_json(report: CheckReport, style: Style) -> str:  # noqa: ARG001
    return to_json_text(check_to_json(report))


def _render_yaml(report: CheckReport, style: Style) -> str:  # noqa: ARG001
    return to_yaml(check_to_json(report), sort_keys=False)


CHECK_FORMATS: Final[Mapping[str, Callable[[CheckReport, Style], str]]] = {
    "table": render_table,
    "json": _render_json,
    "yaml": _render_yaml,
    "name": _render_name,
    "markdown": render_markdown,
    "junit": lambda report, _: checked_ci.junit(report, summary_of(report)),
    "sarif": lambda report, _: checked_ci.sarif(report),
}


def render(report: CheckReport, output: str = "table", *, style: Style = PLAIN) -> str:
    """The report in one of CHECK_FORMATS. Raises InvalidInput where there is none of that name."""
    if output not in CHECK_FORMATS:
        raise InvalidInput(f"there is no output format {output!r} (there is {', '.join(CHECK_FORMATS)})")
    return CHECK_FORMATS[output](report, style)
