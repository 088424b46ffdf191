"""Writing to stdout: plain text when piped, colour on a terminal that can show it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

import click

from kubectl_gitops.cli.failures import unwritable
from kubectl_gitops.report.style import Style

if TYPE_CHECKING:
    from kubectl_gitops.report.model import Report

REPORT_FORMATS = ("table", "json", "yaml", "diff")


def style_of(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Style:
    """How to dress text for a stream, now (https://no-color.org)."""
    color = stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return Style(color=color, now=datetime.now(UTC))


def show(report: Report, output: str) -> None:
    """Print a report in one of REPORT_FORMATS."""
    from kubectl_gitops.report.formats import render

    style = style_of(sys.stdout)
    write(render(report, output, style=style), style=style)


def write(text: str, *, style: Style | None = None) -> None:
    """Print text as it is. It must be printable, as what report/ makes is. Raises GitOpsError on a full disk."""
    try:
        click.echo(text, nl=False, color=style.color if style else False)
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise unwritable(exc) from exc
