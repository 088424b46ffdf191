"""The table of formats: each is a module with ``render(report, style) -> str``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.report import as_diff, as_json, as_table, as_yaml
from kubectl_gitops.report.model import Report
from kubectl_gitops.report.style import PLAIN, Style

FORMATS: Final[Mapping[str, Callable[[Report, Style], str]]] = {
    "table": as_table.render,
    "json": as_json.render,
    "yaml": as_yaml.render,
    "diff": as_diff.render,
}


def render(report: Report, output: str = "table", *, style: Style = PLAIN) -> str:
    """The report in one of FORMATS, with a line feed at its end ("" where a diff has nothing to show).

    The same report and style give the same bytes. Whatever the report holds, the text has no control
    character but line feeds, and colour only where ``style`` asks for it.
    """
    if output not in FORMATS:
        raise InvalidInput(f"there is no output format {output!r} (there is {', '.join(FORMATS)})")
    return FORMATS[output](report, style)
