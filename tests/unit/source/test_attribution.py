from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Origin
from kubectl_gitops.diff.attribution import FieldSource
from kubectl_gitops.diff.path import FieldPath, ItemKey
from kubectl_gitops.errors import SourceError
from kubectl_gitops.source.attribution import GitAuthors
from kubectl_gitops.source.desired import Desired, from_directory, from_mirror, from_stream
from kubectl_gitops.source.mirror import Mirror
from tests.unit.source.repository import Repository

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\ndata:\n  level: info\n"
PORT = ItemKey((("port", 80), ("protocol", "TCP")))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


def mirrored(repository: Repository, tmp_path: Path, path: str = "") -> Desired:
    mirror = Mirror(str(repository.path), cache_directory=tmp_path / "cache", allow_file=True)
    mirror.fetch()
    return from_mirror(mirror, "main", path)


def config_map(name: str) -> str:
    return CONFIG_MAP.replace("NAME", name)


def origin_of(desired: Desired, name: str) -> Origin:
    return next(one.origin for one in desired.declared if one.name == name)


def told(authors: GitAuthors, origin: Origin, *path: str | int | ItemKey) -> tuple[int, str, bool]:
    source = authors.of(origin, path)
    assert source is not None
    assert source.origin.path == origin.path
    return source.origin.line, source.commit.author if source.commit else "", source.exact


def test_every_field_has_its_line_and_author(repository: Repository, tmp_path: Path) -> None:
    text = config_map("a") + "---\n" + config_map("b") + "  text: |\n    one\n    two\n"
    repository.commit({"apps/a.yaml": text}, author="Ann")
    repository.commit({"apps/a.yaml": text.replace("info", "warn", 1)}, author="Bob")
    repository.commit({"apps/a.yaml": text.replace("info", "warn", 1).replace("two", "three")}, author="Cid")
    for desired in (mirrored(repository, tmp_path), from_directory(repository.path)):
        authors = GitAuthors(desired)
        first, second = origin_of(desired, "a"), origin_of(desired, "b")
        assert told(authors, first, "data", "level") == (5, "Bob", True)
        assert told(authors, second, "data", "level") == (11, "Ann", True)
        # A text of many lines is as new as the newest of them.
        assert told(authors, second, "data", "text") == (12, "Cid", True)
        assert told(authors, second, "data") == (10, "Cid", True)
        assert told(authors, second, "data", "gone") == (10, "Ann", False)
        assert told(authors, second) == (7, "Cid", True)
        assert authors.warnings == []


def test_items_are_found_wherever_they_were_moved(repository: Repository, tmp_path: Path) -> None:
    head = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  ports:\n"
    http, dns = "  - port: 80\n    name: http\n", "  - port: 53\n    protocol: UDP\n"
    repository.commit({"web.yaml": head + http + dns}, author="Ann")
    repository.commit({"web.yaml": head + dns + http}, author="Bob")
    repository.commit({"web.yaml": head + dns + http.replace("name: http", "name: web")}, author="Cid")
    desired = mirrored(repository, tmp_path)
    authors = GitAuthors(desired)
    origin = origin_of(desired, "web")
    assert told(authors, origin, "spec", "ports", PORT, "name") == (9, "Cid", True)
    assert told(authors, origin, "spec", "ports", PORT, "port")[::2] == (8, True)
    other = ItemKey((("port", 80), ("protocol", "UDP")))
    assert told(authors, origin, "spec", "ports", other)[::2] == (5, False)


def test_strings_and_anchors(repository: Repository, tmp_path: Path) -> None:
    secret = (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s, labels: &l {\n  app: web}}\nstringData:\n  password: x\n"
    )
    service = "apiVersion: v1\nkind: Service\nmetadata:\n  name: w\n  labels: &l\n    app: web\nspec: {selector: *l}\n"
    repository.commit({"s.yaml": secret, "w.yaml": service}, author="Ann")
    service = service.replace("app: web", "app: shop")
    repository.commit({"s.yaml": secret.replace(": x", ": s3cret"), "w.yaml": service}, author="Bob")
    desired = mirrored(repository, tmp_path)
    authors = GitAuthors(desired)
    assert told(authors, origin_of(desired, "s"), "data", "password") == (6, "Bob", True)
    assert "s3cret" not in repr(authors.of(origin_of(desired, "s"), ("data", "password")))
    assert told(authors, origin_of(desired, "w"), "spec", "selector", "app") == (6, "Bob", True)
    assert told(authors, origin_of(desired, "w"), "spec", "selector") == (7, "Bob", True)


def test_what_is_not_committed_says_so(repository: Repository) -> None:
    repository.commit({"a.yaml": config_map("a")}, author="Ann")
    repository.write({"a.yaml": "# new\n" + config_map("a").replace("info", "warn"), "b.yaml": config_map("b")})
    desired = from_directory(repository.path)
    authors = GitAuthors(desired)
    level: FieldPath = ("data", "level")
    assert authors.of(origin_of(desired, "a"), level) == FieldSource(
        origin=Origin("a.yaml", 6), commit=None, exact=True, uncommitted=True
    )
    assert told(authors, origin_of(desired, "a"), "metadata", "name") == (4, "Ann", True)
    source = authors.of(origin_of(desired, "b"), level)
    assert source
    assert source.uncommitted
    assert authors.warnings == []


def test_line_ends_of_other_systems(repository: Repository, tmp_path: Path) -> None:
    text = (config_map("a") + "  text: |\n    one\n    two\n").replace("\n", "\r\n")
    repository.commit({"a.yaml": text}, author="Ann")
    repository.commit({"a.yaml": text.replace("two", "three")}, author="Bob")
    desired = mirrored(repository, tmp_path)
    authors = GitAuthors(desired)
    assert told(authors, origin_of(desired, "a"), "data", "level") == (5, "Ann", True)
    assert told(authors, origin_of(desired, "a"), "data", "text") == (6, "Bob", True)


def test_of_what_was_rendered_only_what_the_file_says_is_exact(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"base/a.yaml": config_map("a") + "  mode: x\n"}, author="Ann")
    desired = mirrored(repository, tmp_path)
    (declared,) = desired.declared
    # As kustomize would have it after patches that set one field anew, and another one that is not in the file.
    patched = {**declared.object, "data": {"level": "debug", "mode": "x", "more": "y"}}
    desired = replace(desired, declared=(replace(declared, object=patched),))
    authors = GitAuthors(desired)
    assert told(authors, declared.origin, "data", "mode") == (6, "Ann", True)
    assert told(authors, declared.origin, "data", "level") == (5, "Ann", False)
    assert told(authors, declared.origin, "data", "more") == (4, "Ann", False)
    assert told(authors, declared.origin, "data") == (4, "Ann", False)
    # Two objects were made from one place, and only one of them was patched.
    both = replace(desired, declared=(replace(declared, object=patched), declared))
    assert told(GitAuthors(both), declared.origin, "data", "level") == (5, "Ann", False)
    assert told(GitAuthors(both), declared.origin, "data", "mode") == (6, "Ann", True)


def test_what_a_generator_made_comes_from_its_entry(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": config_map("a")}, author="Ann")
    kustomization = "configMapGenerator:\n- name: x\n  literals: [level=info]\n"
    repository.commit({"kustomization.yaml": kustomization}, author="Bob")
    desired = mirrored(repository, tmp_path, "a.yaml")
    assert told(GitAuthors(desired), Origin("kustomization.yaml", 2), "data", "level") == (2, "Bob", False)


def test_many_files_are_asked_for_at_once(repository: Repository, tmp_path: Path) -> None:
    repository.commit({f"{name}.yaml": config_map(name) for name in "abcdef"}, author="Ann")
    desired = mirrored(repository, tmp_path)
    blame = desired.blame
    assert blame
    together, asked = Barrier(2, timeout=20), list[tuple[str, list[int]]]()

    def waiting(path: str, lines: Collection[int]) -> Mapping[int, Commit | None]:
        together.wait()
        asked.append((path, sorted(lines)))
        return blame(path, lines)

    authors = GitAuthors(replace(desired, blame=waiting))
    authors.prepare((one.origin, path) for one in desired.declared for path in (("data", "level"), ("kind",)))
    assert sorted(asked) == [(f"{name}.yaml", [2, 5]) for name in "abcdef"]
    for one in desired.declared:
        assert told(authors, one.origin, "data", "level") == (5, "Ann", True)
    assert len(asked) == 6
    authors.prepare([])


def test_a_file_is_blamed_once(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": config_map("a")}, author="Ann")
    desired = mirrored(repository, tmp_path)
    blame = desired.blame
    assert blame
    asked: list[list[int]] = []

    def counting(path: str, lines: Collection[int]) -> Mapping[int, Commit | None]:
        asked.append(sorted(lines))
        return blame(path, lines)

    authors = GitAuthors(replace(desired, blame=counting))
    for path in (("kind",), ("data",), ("data", "level")):
        told(authors, desired.declared[0].origin, *path)
    assert asked == [[1, 2, 3, 4, 5]]


# --- what goes wrong ---


def test_when_git_fails_the_author_is_unknown(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": config_map("a"), "b.yaml": config_map("b")})
    desired, asked = mirrored(repository, tmp_path), list[str]()

    def failing(path: str, lines: Collection[int]) -> Mapping[int, Commit | None]:
        asked.append(path)
        raise SourceError("git blame: it is tired", hint="let it sleep")

    authors = GitAuthors(replace(desired, blame=failing))
    for _ in range(2):
        assert told(authors, origin_of(desired, "b"), "data", "level") == (5, "", True)
        assert told(authors, origin_of(desired, "a"), "data", "level") == (5, "", True)
    assert asked == ["b.yaml", "a.yaml"]
    assert authors.warnings == [
        "who wrote a.yaml and 1 other file is unknown: git blame: it is tired (let it sleep)",
    ]


def test_history_that_is_not_all_there_loses_authors_only(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": config_map("a")})
    repository.commit({"a.yaml": config_map("a").replace("info", "warn")})
    desired = from_directory(repository.path)
    lost = repository.git("rev-parse", "HEAD~:a.yaml")
    (repository.path / ".git/objects" / lost[:2] / lost[2:]).unlink()
    authors = GitAuthors(desired)
    assert told(authors, origin_of(desired, "a"), "kind") == (2, "", True)
    (warning,) = authors.warnings
    assert warning.startswith("who wrote a.yaml is unknown: git blame: ")
    assert list(desired.file_commits) == ["a.yaml"]


def test_a_checkout_that_is_not_trusted_is_told_once(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.commit({"a.yaml": config_map("a"), "b.yaml": config_map("b")})
    desired = from_directory(repository.path)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    authors = GitAuthors(desired)
    authors.prepare((one.origin, ("kind",)) for one in desired.declared)
    assert told(authors, origin_of(desired, "a"), "kind") == (2, "", True)
    (warning,) = authors.warnings
    assert warning.startswith("who wrote a.yaml and 1 other file is unknown: the history of this checkout cannot be")
    assert dict(desired.file_commits) == {}


def test_a_file_that_changed_since_is_judged_as_it_is(repository: Repository) -> None:
    repository.commit({"a.yaml": config_map("a"), "b.yaml": config_map("b"), "c.yaml": config_map("c")})
    desired = from_directory(repository.path)
    repository.write({"a.yaml": config_map("a").replace("info", "warn"), "b.yaml": "["})
    (repository.path / "c.yaml").unlink()
    authors = GitAuthors(desired)
    assert told(authors, origin_of(desired, "a"), "data", "level") == (5, "", False)
    assert authors.of(origin_of(desired, "b"), ("data",)) is None
    assert authors.of(origin_of(desired, "c"), ("data",)) is None
    assert [warning.partition(":")[0] for warning in authors.warnings] == [
        "who wrote b.yaml is unknown",
        "who wrote c.yaml is unknown",
    ]


def test_a_path_that_leads_elsewhere_is_not_read(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": config_map("a")})
    (tmp_path / "other.yaml").write_text(config_map("other"))
    for desired in (mirrored(repository, tmp_path), from_directory(repository.path)):
        authors = GitAuthors(desired)
        for path in ("../other.yaml", "/etc/hostname", "x\0y", "", ".", "\udcff"):
            assert authors.of(Origin(path, 1), ("data",)) is None
        assert authors.warnings


def test_without_history_there_are_lines_only(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(config_map("a"))
    for desired in (from_directory(tmp_path), from_stream(config_map("a").encode())):
        authors = GitAuthors(desired)
        assert told(authors, desired.declared[0].origin, "data", "level") == (5, "", True)
        assert authors.warnings == []


def test_what_kustomize_patched_is_told_apart(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {level: debug, more: y}}"
    base = {
        "base/kustomization.yaml": "resources: [a.yaml]\n",
        "base/a.yaml": "# a\n" + config_map("a") + "  mode: x\n",
    }
    repository.commit(base, author="Ann")
    repository.commit(
        {"over/kustomization.yaml": f"resources: [../base]\npatches: [{{patch: '{patch}'}}]\n"}, author="Bob"
    )
    (tmp_path / "bin").mkdir()
    built = (
        "apiVersion: v1\nkind: ConfigMap\ndata: {level: debug, mode: x, more: y}\n"
        "metadata:\n  name: a\n  annotations:\n    config.kubernetes.io/origin: |\n      path: ../base/a.yaml\n"
    )
    (tmp_path / "bin/kustomize").write_text(f"#!/bin/sh\ncat <<'END'\n{built}END\n")
    (tmp_path / "bin/kustomize").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    for desired in (mirrored(repository, tmp_path, "over"), from_directory(repository.path / "over")):
        (declared,) = desired.declared
        authors = GitAuthors(desired)
        assert declared.origin == Origin("base/a.yaml", 2)
        assert told(authors, declared.origin, "data", "mode") == (7, "Ann", True)
        assert told(authors, declared.origin, "data", "level") == (6, "Ann", False)
        assert told(authors, declared.origin, "data", "more") == (5, "Ann", False)
        assert authors.warnings == []
