"""What ``-f`` means: a directory, a file, a stream, a repository, a path in a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_gitops.cli.planned import default_name
from kubectl_gitops.cli.targets import SourceOptions, is_repository_url
from kubectl_gitops.errors import InvalidInput
from tests.unit.source.repository import Repository

SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n"


def read(filename: str, *, revision: str | None = None, path: str | None = None) -> list[str]:
    options = SourceOptions(filename=filename, revision=revision, path=path)
    return [str(one.origin) for one in options.read().declared]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A checkout with a tag; since then a line has come to its file."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    repository = Repository(tmp_path / "shop")
    repository.commit({"deploy/web/settings.yaml": SETTINGS})
    repository.git("tag", "v1")
    (repository.path / "deploy/web/settings.yaml").write_text(f"# changed\n{SETTINGS}")
    return repository


@pytest.mark.parametrize(
    ("filename", "path"), [("shop", None), ("shop/deploy", None), ("shop", "deploy"), ("shop/deploy/web", None)]
)
def test_a_revision_of_a_checkout_or_of_a_directory_in_it(
    checkout: Repository, filename: str, path: str | None
) -> None:
    assert read(filename, path=path) == ["deploy/web/settings.yaml:2"]
    assert read(filename, path=path, revision="v1") == ["deploy/web/settings.yaml:1"]


def test_a_revision_of_a_bare_repository_or_a_bundle_inside_of_a_checkout(checkout: Repository) -> None:
    checkout.git("clone", "--quiet", "--bare", ".", "copy.git")
    checkout.git("bundle", "create", "--quiet", "copy.bundle", "main", "v1")
    for name in ("copy.git", "copy.bundle"):
        assert read(f"shop/{name}", revision="v1", path="deploy") == ["deploy/web/settings.yaml:1"]


def test_a_stream_has_no_revision_and_no_path() -> None:
    with pytest.raises(InvalidInput, match="not with stdin"):
        read("-", revision="v1")


@pytest.mark.parametrize("name", ["none", "empty"])
def test_nothing_declared_is_no_desired_state(checkout: Repository, name: str) -> None:
    Path("empty").mkdir()
    with pytest.raises(InvalidInput, match=r"^there is no file or directory none$|^directory empty declares no object"):
        read(name)


@pytest.mark.parametrize(
    ("filename", "is_url"),
    [
        ("https://git.example/shop.git", True),
        ("git@git.example:shop.git", True),
        ("deploy", False),
        ("./a@b", False),
        ("C:/deploy", False),
    ],
)
def test_what_is_a_repository_s_url(filename: str, is_url: bool) -> None:
    assert is_repository_url(filename) is is_url


@pytest.mark.parametrize(
    ("filename", "path", "name"),
    [
        ("deploy", None, "deploy"),
        ("apps/", "web", "web"),
        (".", "Web_Shop", "web-shop"),
        ("apps/web.yaml", None, "web-yaml"),
        ("https://git.example/team/shop.git", None, "shop"),
        ("https://git.example/team/shop.git/", "apps/web", "shop-apps-web"),
        ("git@git.example:shop.git", None, "shop"),
        ("x" * 80, None, "x" * 50),
    ],
)
def test_the_name_under_which_something_is_synced_tells_paths_apart(filename: str, path: str | None, name: str) -> None:
    assert default_name(filename, path) == name


@pytest.mark.parametrize("filename", ["-", "/"])
def test_what_gives_no_name(filename: str) -> None:
    with pytest.raises(InvalidInput, match="gives no name to sync under"):
        default_name(filename)
