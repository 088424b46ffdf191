"""Reports as a unified diff, in the direction of a restore: from what is in the cluster to what Git says."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_gitops.report.model import Report
from kubectl_gitops.report.sections import Entry, remark_of
from kubectl_gitops.report.style import Color, Style
from kubectl_gitops.report.text import printable
from kubectl_gitops.report.trees import Compared, compared_texts
from kubectl_gitops.report.unified import unified_diff


def render(report: Report, style: Style) -> str:
    """What ``diff -u`` would print for the YAML of each object that differs; "" where none does."""
    return "".join(line + "\n" for compared in compared_texts(report) for line in _diff_of(compared, style))


def _diff_of(compared: Compared, style: Style) -> Iterator[str]:
    yield from _remark(compared.entry, style)
    names = (f"live/{compared.name}", f"git/{compared.name}")
    for line in unified_diff(lines_of(compared.live), lines_of(compared.desired), *names):
        yield style.paint(line, _color(line))


def _remark(entry: Entry, style: Style) -> list[str]:
    """A line before the first header is no part of a diff, so tools that read one skip it."""
    remark = remark_of(entry)
    return [style.paint(f"# {printable(entry.key.described)}: {printable(remark)}", Color.RED)] if remark else []


def _color(line: str) -> Color | None:
    if line.startswith(("--- ", "+++ ")):
        return Color.BOLD
    return {"-": Color.RED, "+": Color.GREEN, "@": Color.CYAN}.get(line[:1])


def lines_of(text: str) -> list[str]:
    """The lines without their ends; not splitlines(), which also splits at characters that are no line feeds."""
    return text.split("\n")[:-1]
