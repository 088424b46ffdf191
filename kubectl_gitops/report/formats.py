"""The table of formats: each is a module with ``render(report, style) -> str``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.report import (
    as_diff,
    as_html,
    as_json,
    as_jsonpath,
    as_junit,
    as_markdown,
    as_name,
    as_sarif,
    as_table,
    as_wide,
    as_yaml,
)
from kubectl_gitops.report.model import Report
from kubectl_gitops.report.style import PLAIN, Style

Renderer = Callable[[Report, Style], str]

FORMATS: Final[Mapping[str, Renderer]] = {
    "table": as_table.render,
    "wide": as_wide.render,
    "json": as_json.render,
    "yaml": as_yaml.render,
    "name": as_name.render,
    "diff": as_diff.render,
    "markdown": as_markdown.render,
    "html": as_html.render,
    "junit": as_junit.render,
    "sarif": as_sarif.render,
}
_JSONPATH = "jsonpath"


def render(report: Report, output: str = "table", *, style: Style = PLAIN) -> str:
    """The report in one of FORMATS, or by ``jsonpath=TEMPLATE``.

    It ends with a line feed ("" where a diff or names have nothing to show), but for jsonpath, which adds nothing to
    its template. The same report and style give the same bytes. Whatever the report holds, the text has no control
    character but line feeds (jsonpath: and tabs), and colour only where ``style`` asks for it.
    """
    return renderer_of(output)(report, style)


def renderer_of(output: str) -> Renderer:
    """What renders this format. Raises InvalidInput where there is none, or a template is wrong.

    To be called before the cluster is asked anything.
    """
    name, _, template = output.partition("=")
    if name == _JSONPATH:
        return as_jsonpath.renderer(template)
    if output not in FORMATS:
        raise InvalidInput(
            f"there is no output format {output!r} (there is {', '.join(FORMATS)}, {_JSONPATH}=TEMPLATE)"
        )
    return FORMATS[output]
