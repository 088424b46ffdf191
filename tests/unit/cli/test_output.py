"""Writing to stdout, with colour where it is wanted."""

from __future__ import annotations

import io

import pytest

from kubectl_gitops.cli.output import REPORT_FORMATS, show, style_of, write
from kubectl_gitops.errors import GitOpsError
from kubectl_gitops.report.formats import FORMATS
from kubectl_gitops.report.model import DriftReport
from kubectl_gitops.report.style import Style


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class FullDisk(io.StringIO):
    def write(self, text: str, /) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("stream", "environ", "color"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(stream: io.StringIO, environ: dict[str, str], color: bool) -> None:
    style = style_of(stream, environ)
    assert style.color is color
    assert style.now is not None


def test_colour_is_written_only_where_the_style_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    write("\033[31mred\033[0m\n", style=Style(color=True))
    write("\033[31mred\033[0m\n")
    assert capsys.readouterr().out == "\033[31mred\033[0m\nred\n"


def test_a_report_is_shown_in_the_format_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    report = DriftReport(subject="x", repo_url="", path="", revision=None, checked=2, drifts=())
    show(report, "table")
    assert capsys.readouterr().out == "2 objects are as Git says\n"
    show(report, "yaml")
    assert capsys.readouterr().out.startswith("apiVersion: report.kubectl-gitops.dev/v1alpha1\n")


def test_output_that_cannot_be_written_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", FullDisk())
    with pytest.raises(GitOpsError, match="the output cannot be written: No space left on device"):
        write("x")


def test_the_option_offers_every_format_there_is() -> None:
    assert tuple(FORMATS) == REPORT_FORMATS
