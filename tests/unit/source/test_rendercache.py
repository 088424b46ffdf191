"""What a commit does not change is not rendered again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kubectl_gitops.api.objects import Declared, Origin
from kubectl_gitops.errors import InvalidManifest, SourceError
from kubectl_gitops.source.desired import from_mirror
from kubectl_gitops.source.filecache import FileCache
from kubectl_gitops.source.mirror import Mirror
from kubectl_gitops.source.render import Rendering
from kubectl_gitops.source.rendercache import RenderCache, key_of
from tests.unit.source.repository import Repository

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
FILES = {
    "prod/kustomization.yaml": "resources: [../base]\n",
    "base/kustomization.yaml": "resources: [a.yaml]\n",
    "base/a.yaml": CONFIG_MAP,
    "docs/x.yaml": "x: 1\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "shop")
    repository.commit(FILES)
    return repository


@pytest.fixture
def mirror(repository: Repository) -> Mirror:
    mirror = Mirror(str(repository.path), cache_directory=repository.path.parent / "cache", allow_file=True)
    mirror.fetch()
    return mirror


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kustomize that there is until it is removed."""
    program = tmp_path / "bin/kustomize"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{CONFIG_MAP}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("KUBECTL", str(tmp_path / "none"))
    return program


def test_only_a_commit_that_changes_what_was_read_is_rendered(
    repository: Repository, mirror: Mirror, program: Path
) -> None:
    cache = RenderCache()
    first = from_mirror(mirror, "main", "prod", cache=cache)
    program.unlink()
    unrelated = repository.commit({"docs/x.yaml": "x: 2\n", "new/a.yaml": CONFIG_MAP})
    mirror.fetch()
    again = from_mirror(mirror, "main", "prod", cache=cache)
    assert again.declared == first.declared
    assert again.commit is not None
    assert again.commit.sha == unrelated
    with pytest.raises(SourceError, match="no kustomize"):
        from_mirror(mirror, "main", "prod")
    repository.commit({"base/other.txt": "x"})
    mirror.fetch()
    with pytest.raises(SourceError, match="no kustomize"):
        from_mirror(mirror, "main", "prod", cache=cache)


def test_of_plain_manifests_only_the_files_that_changed_are_read_again(repository: Repository, mirror: Mirror) -> None:
    repository.commit({f"plain/{name}.yaml": CONFIG_MAP.replace("a}", f"{name}}}") for name in "abc"})
    cache = RenderCache()

    def declared() -> dict[str, Declared]:
        mirror.fetch()
        return {one.name: one for one in from_mirror(mirror, "main", "plain", cache=cache).declared}

    before = declared()
    repository.commit({"plain/b.yaml": CONFIG_MAP.replace("a}", "b}\ndata: {x: text}")})
    after = declared()
    assert {name: one.object is before[name].object for name, one in after.items()} == {
        "a": True,
        "b": False,
        "c": True,
    }
    assert after["b"].object["data"] == {"x": "text"}
    repository.git("mv", "plain/a.yaml", "plain/z.yaml")
    repository.commit({})
    assert str(declared()["a"].origin) == "plain/z.yaml:1"
    repository.git("rm", "--quiet", "plain/c.yaml")
    repository.commit({})
    assert sorted(declared()) == ["a", "b"]


def test_an_error_in_a_file_that_did_not_change_is_an_error_each_time(repository: Repository, mirror: Mirror) -> None:
    repository.commit({"plain/a.yaml": CONFIG_MAP, "plain/b.yaml": CONFIG_MAP})
    cache = RenderCache()
    for number in range(3):
        repository.commit({"plain/c.yaml": f"# {number}\n"})
        mirror.fetch()
        with pytest.raises(InvalidManifest, match=r"^plain/b\.yaml:1: ConfigMap/a is declared already"):
            from_mirror(mirror, "main", "plain", cache=cache)


def test_other_options_are_another_rendering(mirror: Mirror, program: Path) -> None:
    cache = RenderCache()
    from_mirror(mirror, "main", "prod", cache=cache)
    program.unlink()
    with pytest.raises(SourceError, match="no kustomize"):
        from_mirror(mirror, "main", "prod", Rendering(namespace="other"), cache=cache)


def test_the_oldest_is_forgotten() -> None:
    cache = RenderCache(size=2)
    declared = (Declared(object={}, origin=Origin("a", 1)),)
    for key in ("a", "b"):
        cache.keep(key, {"x": "1"}, declared, FileCache())
    assert cache.find("a", lambda paths: dict.fromkeys(paths, "1")) == declared
    cache.keep("c", {"x": "1"}, declared, FileCache())
    found = {key: cache.find(key, lambda paths: dict.fromkeys(paths, "1")) is not None for key in ("a", "b", "c")}
    assert found == {"a": True, "b": False, "c": True}
    assert cache.find("a", dict.fromkeys) is None


def test_a_key_has_no_order() -> None:
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1}) != key_of({"a": 1})
