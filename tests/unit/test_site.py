"""The documentation as a site: `make docs` fails on any warning, and so does this."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(directory)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return directory


def test_every_page_is_in_it_decisions_included(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert [page for page in sorted(pages) if not (site / page).exists()] == []
    home = (site / "index.html").read_text()
    assert [page for page in sorted(pages) if f'href="{page}"' not in home and page.name != "index.html"] == []


def test_who_reads_it_fetches_nothing_from_elsewhere(site: Path) -> None:
    fetched = r"""<(?:script|link|img|iframe)\b[^>]*(?:src|href)=["']?(?:https?:)?//"""
    assert [path for path in site.rglob("*.html") if re.search(fetched, path.read_text())] == []


def test_the_data_that_pages_link_to_is_there(site: Path) -> None:
    for name in ("human_managers.json", "ignored_by_default.json"):
        assert (site / name).read_bytes() == (ROOT / "kubectl_gitops/diff" / name).read_bytes()
