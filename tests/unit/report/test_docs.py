"""docs/report.md says what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kubectl_gitops.diff.drift import DriftKind
from kubectl_gitops.report.formats import FORMATS, renderer_of
from kubectl_gitops.report.kinds import MEANINGS

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "report.md").read_text(encoding="utf-8")


def test_every_format_has_its_row() -> None:
    rows = re.findall(r"^\| (`.*?`) \|", PAGE.split("Exit codes")[0], flags=re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([a-z-]+)", row)]
    assert [name for name in named if name not in {"-o", "o", "jsonpath", "-"}] == list(FORMATS)
    assert "jsonpath" in named


def test_every_kind_of_drift_is_explained() -> None:
    assert re.findall(r"^\| ([A-Z][a-z]+) \|", PAGE, flags=re.MULTILINE) == [str(kind) for kind in DriftKind]
    assert list(MEANINGS) == list(DriftKind)


@pytest.mark.parametrize("template", re.findall(r"-o (jsonpath='.*?')", PAGE))
def test_the_templates_shown_can_be_read(template: str) -> None:
    renderer_of(template.replace("'", ""))


def test_what_it_links_to_is_there() -> None:
    for name in re.findall(r"\]\(([^):]+)\)", PAGE):
        assert (DOCS / name).is_file(), name
    assert (DOCS / "drift-report.png").stat().st_size < 300_000
