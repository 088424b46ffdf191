"""Patterns match what git says that they match."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kubectl_gitops.source.ignore import Patterns
from tests.unit.source.repository import Repository

PATTERNS = [
    "*.yaml", "/a.yaml", "a.yaml", "b/", "b", "/b", "b/c", "b/c/", "/b/*.yaml", "b/**", "**/c", "**/c/*.yaml",
    "b/**/a.yaml", "**", "*", "*/", "/*", "?.yaml", "[ab].yaml", "[!ab].yaml", "[^a].yaml", "[a-c]*",
    "[[:upper:]].yaml", "[]a].yaml", "[z-a].yaml", "[a", "a\\", "\\#x.yaml", "#x.yaml", "\\!x.yaml", "a b.yaml ",
    "a b.yaml\\ ", "a*b*c*.yaml", "*a*", "a**b", "!a.yaml", "b/c/../a.yaml", "./a.yaml", "//a.yaml", "a.yaml/",
    "[\\]].yaml", "c/d", "d/**/", "**/", "*.y[a]ml", "A.yaml", "", " ", "\\a.yaml", "b/c/d/**/*.yaml", "**/d/**",
    "b**", "b/**c", "[--0]", "[a-]x", "*\\", "/**", "/**/a.yaml",
]  # fmt: skip
PATHS = [
    "a.yaml", "b.yaml", "c.yaml", "A.yaml", "b/a.yaml", "b/b.yaml", "b/c/a.yaml", "b/c/d/a.yaml", "b/c/d/e/x.yaml",
    "c/a.yaml", "c/d/a.yaml", "d/a.yaml", "d/e/f/a.yaml", "#x.yaml", "!x.yaml", "a b.yaml", "a b.yaml ", "aXbXc.yaml",
    "a]", "].yaml", "x", "ax", "-x", "-", "a\\", "*", "a\nb/c.yaml", "ä.yaml", "b/c/d/.hidden.yaml", "bc", "b/xc",
    "b/x/c",
]  # fmt: skip
LISTS = [
    ["*.yaml", "!a.yaml"], ["b/", "!b/a.yaml"], ["b/*", "!b/a.yaml"], ["*", "!*/", "!a.yaml"], ["!a.yaml", "a.yaml"],
    ["/*", "!/b", "/b/*", "!/b/c"], ["# no", "", "b/c"],
]  # fmt: skip


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("git") / "repository")


@pytest.mark.parametrize("lines", [*([one] for one in PATTERNS), *LISTS], ids=repr)
def test_patterns_match_as_for_git(repository: Repository, lines: list[str]) -> None:
    (repository.path / ".git/info").mkdir(exist_ok=True)
    (repository.path / ".git/info/exclude").write_text("".join(f"{line}\n" for line in lines))
    environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(
        ["git", "-C", str(repository.path), "check-ignore", "--no-index", "-z", "--stdin"],
        input="".join(f"{path}\0" for path in PATHS).encode(), capture_output=True, check=False, env=environment,
    )  # fmt: skip
    ignored = set(done.stdout.decode().split("\0")) - {""}
    patterns = Patterns(lines)
    assert {path for path in PATHS if patterns.match(path)} == ignored


def test_a_pattern_cannot_take_long() -> None:
    """Each of them would take a matcher that tries again longer than there is time."""
    names = ["a" * 255] * 8 + ["a"] * 1000
    for pattern in ("*a" * 200 + "b", "**/a/" * 200 + "b", "[a]*" * 250 + "b", "?*" * 500 + "b"):
        assert not Patterns([pattern]).match("/".join(names))


def test_nothing_is_said_where_nothing_matches() -> None:
    assert Patterns(["b", "!c"]).match("a") is None
    assert Patterns(["b", "!c"]).match("c") is False
    assert not Patterns(["# only", ""])


def test_the_fixture_is_empty(repository: Repository) -> None:
    assert [path.name for path in Path(repository.path).iterdir()] == [".git"]
