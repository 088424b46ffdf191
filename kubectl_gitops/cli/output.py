"""Writing to stdout: plain text when piped, colour on a terminal that can show it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

import click

from kubectl_gitops.cli.failures import unwritable
from kubectl_gitops.report.style import Style

if TYPE_CHECKING:
    from kubectl_gitops.report.model import Report

Command = Callable[..., Any]
#: As the table of report/formats.py has them, which would take long to import for --help.
REPORT_FORMATS = ("table", "wide", "json", "yaml", "name", "diff", "markdown", "html", "junit", "sarif")


def report_option(command: Command) -> Command:
    """``-o`` with every format of a report, ``jsonpath=…`` too; the command takes ``output: str``."""
    return click.option(
        "-o",
        "--output",
        metavar="FORMAT",
        default=REPORT_FORMATS[0],
        show_default=True,
        callback=_checked,
        help=f"{', '.join(REPORT_FORMATS)}, or jsonpath=TEMPLATE.",
    )(command)


def show_ignored_option(command: Command) -> Command:
    """``--show-ignored``; the command takes ``show_ignored: bool``."""
    return click.option(
        "--show-ignored",
        is_flag=True,
        help="List what differs and does not count, with the reason. Without it, it is only counted.",
    )(command)


def _checked(ctx: click.Context, param: click.Parameter, value: str) -> str:  # noqa: ARG001 - click's signature
    from kubectl_gitops.report.formats import renderer_of

    renderer_of(value)
    return value


def style_of(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Style:
    """How to dress text for a stream, now (https://no-color.org)."""
    color = stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return Style(color=color, now=datetime.now(UTC))


def show(report: Report, output: str, *, show_ignored: bool = False) -> None:
    """Print a report in one of REPORT_FORMATS; with KUBECTL_EXTERNAL_DIFF, have that program show the diff."""
    from kubectl_gitops.report import external
    from kubectl_gitops.report.formats import render

    command = os.environ.get(external.VARIABLE)
    if output == "diff" and command:
        external.run_external_diff(report, command)
        return

    style = replace(style_of(sys.stdout), show_ignored=show_ignored)
    write(render(report, output, style=style), style=style)


def write(text: str, *, style: Style | None = None) -> None:
    """Print text as it is. It must be printable, as what report/ makes is. Raises GitOpsError on a full disk."""
    try:
        click.echo(text, nl=False, color=style.color if style else False)
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise unwritable(exc) from exc
