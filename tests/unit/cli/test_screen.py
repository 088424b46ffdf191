"""What is written of a report that changes, and when."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kubectl_gitops.cli.screen import Screen, frame_of
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.report.model import DriftReport, DriftReportList

WELL = DriftReport(subject="GitSync shop", repo_url="", path="", revision=None, checked=2, drifts=())
MORE = replace(WELL, checked=3)
NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def screen(output: str) -> Screen:
    """One that appends, as on a pipe."""
    return Screen(output, stream=io.StringIO(), clock=lambda: NOON)


def test_a_report_is_written_when_it_is_another_one(capsys: pytest.CaptureFixture[str]) -> None:
    table = screen("table")
    for report in (None, WELL, None, replace(WELL), MORE, WELL):
        table.show(report, ())
    assert capsys.readouterr().out.splitlines() == [
        "2 objects are as Git says",
        "--- 2026-11-23T12:00:00Z ---",
        "3 objects are as Git says",
        "--- 2026-11-23T12:00:00Z ---",
        "2 objects are as Git says",
    ]


def test_streams_for_programs_are_what_those_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    for output in ("json", "yaml", "jsonpath={.summary.checked}"):
        shown = screen(output)
        shown.show(WELL, ())
        shown.show(MORE, ())
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["summary"]["checked"] for line in lines[:2]] == [2, 3]
    assert lines[2] == "---"
    assert lines.count("---") == 2
    assert lines[-2:] == ["2", "3"]


def test_what_else_is_to_be_said_goes_to_stderr_once_without_credentials(capsys: pytest.CaptureFixture[str]) -> None:
    shown = screen("json")
    for notes in ((), ("a",), ("a", "https://jane:geheim@git.example"), ("a",), ()):
        shown.show(None, notes)
    assert capsys.readouterr() == (
        "",
        "warning: a\nwarning: https://***@git.example\nthe report is complete and up to date\n",
    )


@pytest.mark.parametrize("output", ["html", "junit", "sarif", "markdown"])
def test_what_makes_one_file_is_not_for_watching(output: str) -> None:
    with pytest.raises(InvalidInput, match=f"-o {output} makes one file"):
        Screen(output)


def test_what_there_is_to_show_of_no_gitsync_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    screen("table").show(DriftReportList(items=()), ())
    assert capsys.readouterr().out == "nothing to compare\n"


# Terminals


def shown(text: str, footer: list[str], *, rows: int, columns: int) -> list[str]:
    frame = frame_of(text, footer, rows=rows, columns=columns)
    assert frame.startswith("\033[H\033[J")
    return frame.removeprefix("\033[H\033[J").split("\n")


def test_a_frame_is_the_text_with_the_footer_under_it() -> None:
    assert shown("a\nb\n", ["end"], rows=3, columns=10) == ["a", "b", "end"]
    assert shown("", ["end"], rows=3, columns=10) == ["end"]


def test_a_frame_is_no_higher_than_the_terminal() -> None:
    assert shown("a\nb\nc\nd\n", ["end"], rows=4, columns=80) == [
        *("a", "b", "... and 2 more lines, for which this terminal has no room", "end")
    ]
    # A line that wraps takes several rows; colours take none, and wide characters two columns.
    wrapped = "\033[31m" + "漢" * 8 + "\033[0m"
    assert shown(f"{wrapped}\nb\n", ["end"], rows=4, columns=8) == [wrapped, "b", "end"]
    assert shown(f"{wrapped}\nb\nc\n", ["end"], rows=4, columns=8)[0] == wrapped
    assert shown(f"{wrapped}\nb\nc\n", ["end"], rows=4, columns=8)[-1] == "end"
