"""What a revision names: references of any kind, commits that no branch holds, ranges of versions; and what is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source.mirror import Mirror
from tests.unit.source.repository import Repository, files_at


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


@pytest.fixture
def mirror(repository: Repository, tmp_path: Path) -> Mirror:
    return Mirror(str(repository.path), cache_directory=tmp_path / "cache", allow_file=True)


def tagged(repository: Repository, *tags: str) -> dict[str, str]:
    """A commit for each tag, the last one youngest."""
    made = {}
    for tag in tags:
        made[tag] = repository.commit({"version": tag})
        repository.git("tag", tag)
    return made


def refused(mirror: Mirror, revision: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        mirror.update(revision)
    return caught.value


# --- ranges of versions ---


@pytest.mark.parametrize(
    ("revision", "tag"),
    [
        (">=1.2 <2", "v1.10.0"),
        ("~1.4", "v1.4.7"),
        ("v1.4.x", "v1.4.7"),
        ("^2", "2.0.0"),
        ("1.x", "v1.10.0"),
        ("*", "2.0.0"),
        ("1.2 - 1.4", "v1.4.7"),
        (">=2.0.0-0", "v3.0.0-rc.1"),
        ("semver:1", "v1.10.0"),
        ("semver:1.4.7", "v1.4.7"),
    ],
)
def test_a_range_is_the_newest_version_in_it(repository: Repository, mirror: Mirror, revision: str, tag: str) -> None:
    tags = tagged(repository, "v1.2.0", "v1.10.0", "v1.4.7", "2.0.0", "v3.0.0-rc.1", "shop/v9.0.0", "latest", "v4")
    repository.git("tag", "--delete", "v4")
    assert mirror.update(revision).sha == tags[tag]


def test_each_part_of_a_repository_has_its_own_versions(repository: Repository, mirror: Mirror) -> None:
    tags = tagged(repository, "v7.0.0", "shop/v1.2.0", "shop/v1.3.0", "web/v1.9.0", "cart-1.4.0", "@api/core@1.5.1")
    assert mirror.update("shop/v1.x").sha == tags["shop/v1.3.0"]
    assert mirror.update("shop/>=1.2 <1.3").sha == tags["shop/v1.2.0"]
    assert mirror.update("web/*").sha == tags["web/v1.9.0"]
    assert mirror.update("cart-^1").sha == tags["cart-1.4.0"]
    assert mirror.update("@api/core@1.5.x").sha == tags["@api/core@1.5.1"]


def test_a_new_tag_in_the_range_is_followed(repository: Repository, mirror: Mirror) -> None:
    tags = tagged(repository, "v1.2.0", "v2.0.0")
    assert mirror.update("1.x").sha == tags["v1.2.0"]
    newer = tagged(repository, "v1.2.1")
    assert mirror.update("1.x").sha == newer["v1.2.1"]


def test_annotated_tags_count_and_tags_of_files_do_not(repository: Repository, mirror: Mirror) -> None:
    sha = repository.commit({"a": "1"})
    repository.git("tag", "--annotate", "--message", "a release", "v1.0.0")
    repository.git("tag", "v1.9.0", "HEAD:a")
    assert mirror.update("1.x").sha == sha


def test_a_range_that_no_tag_is_in_says_which_versions_there_are(repository: Repository, mirror: Mirror) -> None:
    tagged(repository, "v1.2.0", "v3.0.0-rc.1", "shop/v9.0.0")
    error = refused(mirror, "^3")
    assert str(error) == (f"no tag is a version in the range '^3' in {repository.path} (versions: v3.0.0-rc.1, v1.2.0)")
    assert error.hint == "pre-releases count only in a range that names one: >=1.2.0-0"
    assert "no tag that begins with 'web/'" in str(refused(mirror, "web/1.x"))


def test_a_branch_that_looks_like_a_range_is_a_branch(repository: Repository, mirror: Mirror) -> None:
    sha = repository.commit({})
    repository.git("branch", "1.x")
    assert mirror.update("1.x").sha == sha
    tags = tagged(repository, "v1.0.0")
    error = refused(mirror, "1.x")
    assert "'1.x' is a name, and also a range of versions" in str(error)
    assert error.hint == "say refs/heads/1.x (or refs/tags/1.x), or semver:1.x"
    assert mirror.update("refs/heads/1.x").sha == sha
    assert mirror.update("semver:1.x").sha == tags["v1.0.0"]


def test_a_plain_version_is_the_name_of_a_tag_only(repository: Repository, mirror: Mirror) -> None:
    tagged(repository, "v1.2.3")
    error = refused(mirror, "1.2.3")
    assert str(error).startswith("no such revision '1.2.3'")
    assert error.hint == "did you mean v1.2.3?"


def test_messages_tell_which_version_was_found(repository: Repository, mirror: Mirror) -> None:
    tagged(repository, "v1.2.3")
    with pytest.raises(SourceError, match=r"no such path 'x' at revision 1\.x, v1\.2\.3 \("):
        files_at(mirror, mirror.update("1.x"), "x")


# --- other references and commits ---


def test_any_reference_can_be_followed(repository: Repository, mirror: Mirror) -> None:
    first = repository.commit({"a": "1"})
    repository.git("update-ref", "refs/pull/1/head", first)
    assert mirror.update("refs/pull/1/head").sha == first
    second = repository.commit({"a": "2"})
    repository.git("update-ref", "refs/pull/1/head", second)
    assert mirror.update("refs/pull/1/head").sha == second
    assert mirror.update("main").sha == second


def test_a_reference_that_is_gone_is_told_from_one_that_never_was(repository: Repository, mirror: Mirror) -> None:
    sha = repository.commit({})
    repository.git("update-ref", "refs/pull/1/head", sha)
    mirror.update("refs/pull/1/head")
    repository.git("update-ref", "-d", "refs/pull/1/head")
    gone = f"^reference 'refs/pull/1/head' is gone from {repository.path}; it was last seen at {sha[:8]}$"
    for _ in range(2):
        with pytest.raises(SourceError, match=gone):
            mirror.update("refs/pull/1/head")
    assert str(refused(mirror, "refs/pull/2/head")).startswith("no such revision 'refs/pull/2/head'")


@pytest.mark.parametrize("name", ["refs/kubectl-gitops/HEAD", "refs/pull/*", "refs/pull/1/head:refs/heads/main"])
def test_what_is_no_reference_of_a_remote_is_refused(repository: Repository, mirror: Mirror, name: str) -> None:
    repository.commit({})
    assert "is not the name of a reference" in str(refused(mirror, name))


def test_a_commit_that_no_branch_holds_any_more_is_found(repository: Repository, mirror: Mirror) -> None:
    repository.git("config", "uploadpack.allowAnySHA1InWant", "true")
    repository.commit({"a": "1"})
    lost = repository.commit({"a": "2"})
    repository.git("reset", "--quiet", "--hard", "HEAD~1")
    assert mirror.update(lost).sha == lost
    assert str(refused(mirror, "0" * 40)).startswith(f"no such revision '{'0' * 40}'")


def test_a_commit_that_is_known_costs_no_question(repository: Repository, mirror: Mirror) -> None:
    sha = repository.commit({})
    mirror.update("main")
    repository.path.rename(repository.path.with_suffix(".away"))
    assert mirror.update(sha).sha == sha


def test_a_short_hash_must_be_unique(repository: Repository, mirror: Mirror) -> None:
    tree = repository.git("write-tree")
    # Of the first thousand such commits these two begin alike.
    one, other = (repository.git("commit-tree", tree, "-m", message) for message in ("282", "417"))
    repository.git("update-ref", "refs/heads/one", one)
    repository.git("update-ref", "refs/heads/other", other)
    assert mirror.update(one[:7]).sha == one
    error = refused(mirror, "38d1")
    assert (str(error), error.hint) == ("'38d1' is the beginning of several hashes", "give more of the hash")


# --- what is gone ---


def test_a_branch_that_is_gone_is_told_from_one_that_never_was(repository: Repository, mirror: Mirror) -> None:
    sha = repository.commit({})
    repository.git("branch", "next")
    repository.git("tag", "v1.0")
    mirror.update("next")
    repository.git("branch", "--delete", "next")
    repository.git("tag", "--delete", "v1.0")
    error = refused(mirror, "next")
    assert str(error) == f"branch 'next' is gone from {repository.path}; it was last seen at {sha[:8]}"
    assert error.hint == "push it again, or name another revision"
    assert str(refused(mirror, "v1.0")).startswith("tag 'v1.0' is gone from")
    assert str(refused(mirror, "nxt")).startswith("no such revision 'nxt'")
    repository.git("branch", "next")
    assert mirror.update("next").sha == sha


def test_what_is_known_to_be_gone_survives_a_restart(repository: Repository, mirror: Mirror, tmp_path: Path) -> None:
    repository.commit({})
    repository.git("branch", "next")
    mirror.update("next")
    repository.git("branch", "--delete", "next")
    refused(mirror, "next")
    again = Mirror(str(repository.path), cache_directory=tmp_path / "cache", allow_file=True)
    assert "is gone" in str(refused(again, "next"))
    (again.path / "kubectl-gitops-gone").write_text("{")
    assert "no such revision" in str(refused(again, "next"))


def test_a_branch_that_was_rewritten_is_followed(repository: Repository, mirror: Mirror) -> None:
    repository.commit({"a": "1"})
    mirror.update("main")
    repository.git("commit", "--quiet", "--amend", "--message", "another")
    assert mirror.update("main").subject == "another"


# --- hostile names ---


def test_names_that_look_like_options_do_no_harm(repository: Repository, mirror: Mirror) -> None:
    sha = repository.commit({})
    for name in ("-x", "--upload-pack=evil", "-u"):
        repository.git("update-ref", f"refs/heads/{name}", sha)
        repository.git("update-ref", f"refs/tags/{name}", sha)
        assert "is not the name of a branch" in str(refused(mirror, name))
    assert mirror.update("refs/heads/--upload-pack=evil").sha == sha
    assert mirror.update("main").sha == sha
