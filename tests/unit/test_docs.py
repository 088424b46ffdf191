"""What the documents say is there."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from kubectl_gitops.api.schema import schema
from kubectl_gitops.cli.failures import (
    EXIT_BROKEN_PIPE,
    EXIT_DIFFERENCES,
    EXIT_ERROR,
    EXIT_FAULT,
    EXIT_INTERRUPTED,
    EXIT_OK,
)
from kubectl_gitops.cli.frame import COMMANDS
from kubectl_gitops.source.limits import Limits, read_limits

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def text(name: str) -> str:
    return (ROOT / name).read_text()


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*## ", text("Makefile"), re.MULTILINE))


def test_the_readme_lists_each_subcommand() -> None:
    rows = re.findall(r"^\| `([a-z-]+)", text("README.md"), re.MULTILINE)
    assert sorted(set(rows)) == sorted(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_make_target_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"`make ([a-z]+)", page.read_text())) | set(
        re.findall(r"^make ([a-z]+)", page.read_text(), re.MULTILINE)
    )
    assert named <= targets()


def test_contributing_names_each_way_to_test() -> None:
    assert {"unit", "integration", "test", "lint", "demo", "bench", "cluster"} <= set(
        re.findall(r"`make ([a-z]+)", text("CONTRIBUTING.md"))
    )


def test_the_exit_codes_are_those_of_the_code() -> None:
    codes = re.findall(r"^\| (\d+) \| ", text("docs/how-it-works.md"), re.MULTILINE)
    assert list(map(int, codes)) == [
        EXIT_OK,
        EXIT_DIFFERENCES,
        EXIT_ERROR,
        EXIT_FAULT,
        EXIT_INTERRUPTED,
        EXIT_BROKEN_PIPE,
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_limits_are_those_of_the_code() -> None:
    rows = re.findall(
        r"^\| `((?:max|timeout)-[a-z-]+)` \| ([\d,]+(?:Mi|Gi)?) \|", text("docs/repositories.md"), re.MULTILINE
    )
    assert read_limits(f"{name}={value.replace(',', '')}" for name, value in rows) == Limits()
    assert [name.replace("-", "_") for name, _ in rows] == [field.name for field in dataclasses.fields(Limits)]


def test_each_renderer_and_each_field_of_rendering_is_described() -> None:
    page = text("docs/rendering.md")
    source = schema()["properties"]["spec"]["properties"]["source"]["properties"]
    assert [name for name in source["render"]["enum"] if f"`{name}`" not in page] == []
    assert [name for name in source["helm"]["properties"] if f"{name}:" not in page] == []
