"""Where a report is shown that changes: redrawn in place on a terminal, appended elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TextIO

import click

from kubectl_gitops.cli.output import style_of, write
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.report.columns import display_width
from kubectl_gitops.report.document import to_json
from kubectl_gitops.report.formats import renderer_of
from kubectl_gitops.report.jsontext import to_json_line
from kubectl_gitops.report.model import Report
from kubectl_gitops.report.style import Color, Style
from kubectl_gitops.report.text import printable, without_credentials

#: For people: redrawn in place on a terminal.
_REDRAWN: Final = ("table", "wide", "name", "diff")
_STREAMED: Final = ("json", "yaml")
_JSONPATH: Final = "jsonpath="
#: ECMA-48: to the first row and column, and erase what follows.
_CLEAR = "\033[H\033[J"
_SGR = re.compile(r"\033\[[0-9;]*m")


def check_watchable(output: str) -> None:
    """Raises InvalidInput for the formats that make one file, which is never finished here."""
    if output not in {*_REDRAWN, *_STREAMED} and not output.startswith(_JSONPATH):
        shown = ", ".join((*_REDRAWN, *_STREAMED))
        raise InvalidInput(f"-o {output} makes one file; --watch goes with {shown} or jsonpath=TEMPLATE")


class Screen:
    """Shows a report in a format, and what else is to be said; what is shown already is not shown again.

    Times are absolute: a report stands for as long as nothing changes.
    """

    def __init__(
        self,
        output: str,
        *,
        show_ignored: bool = False,
        stream: TextIO | None = None,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Raises InvalidInput as :func:`check_watchable` does."""
        check_watchable(output)
        stream = sys.stdout if stream is None else stream
        self._output = output
        self._style = replace(style_of(stream, environ), now=None, show_ignored=show_ignored)
        self._clock = clock
        self._is_redrawn = output in _REDRAWN and stream.isatty() and environ.get("TERM") != "dumb"
        self._report: Report | None = None
        self._notes: tuple[str, ...] = ()
        self._changed_at = ""

    def show(self, report: Report | None, notes: Sequence[str]) -> None:
        """Show a report, if it is another than the last; None leaves the last one in place."""
        is_new = report is not None and report != self._report
        said = tuple(printable(without_credentials(note)) for note in notes)
        if not is_new and said == self._notes:
            return
        is_first = self._report is None
        if is_new:
            self._report, self._changed_at = report, self._clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        before, self._notes = self._notes, said
        if self._is_redrawn:
            self._redraw()
            return
        _say(before, said)
        if is_new:
            write(self._appended(is_first=is_first), style=self._style)
            sys.stdout.flush()

    def leave(self) -> None:
        """Leave the terminal as a command line expects it."""
        if self._is_redrawn:
            write("\n")

    def _redraw(self) -> None:
        text = renderer_of(self._output)(self._report, self._style) if self._report is not None else ""
        footer = [self._style.paint(note, Color.YELLOW) for note in self._notes]
        state = f"as of {self._changed_at}" if self._changed_at else "nothing to show yet"
        footer.append(self._style.paint(f"{state}; Ctrl-C ends", Color.DIM))
        size = shutil.get_terminal_size()
        frame = frame_of(text, footer, rows=size.lines, columns=size.columns)
        write(frame, style=Style(color=True))  # which leaves escape sequences in
        sys.stdout.flush()

    def _appended(self, *, is_first: bool) -> str:
        assert self._report is not None
        if self._output == "json":
            return to_json_line(to_json(self._report))
        text = renderer_of(self._output)(self._report, self._style)
        if self._output == "yaml":
            return f"---\n{text}"
        if self._output.startswith(_JSONPATH):
            return text if text.endswith("\n") else f"{text}\n"
        return text if is_first else f"--- {self._changed_at} ---\n{text}"


def _say(before: Sequence[str], notes: Sequence[str]) -> None:
    """On stderr what was not said before, and that all of it is over."""
    for note in notes:
        if note not in before:
            click.echo(f"warning: {note}", err=True)
    if before and not notes:
        click.echo("the report is complete and up to date", err=True)


def frame_of(text: str, footer: Sequence[str], *, rows: int, columns: int) -> str:
    """What makes a terminal show the text and, under it, the footer; cut to the rows that there are."""
    room = rows - sum(_rows_of(line, columns) for line in footer)
    lines = list(_fitting(text.split("\n")[:-1], room, columns))
    return _CLEAR + "\n".join([*lines, *footer])


def _fitting(lines: Sequence[str], room: int, columns: int) -> Iterator[str]:
    """As many lines as fit; where not all do, the last says how many do not."""
    if sum(_rows_of(line, columns) for line in lines) <= room:
        yield from lines
        return
    room -= 1
    for number, line in enumerate(lines):
        room -= _rows_of(line, columns)
        if room < 0:
            yield f"... and {len(lines) - number} more lines, for which this terminal has no room"
            return
        yield line


def _rows_of(line: str, columns: int) -> int:
    """How many rows a line takes, where it wraps."""
    return max(1, -(-display_width(_SGR.sub("", line)) // max(1, columns)))
