from __future__ import annotations

import gc
import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source.checkout import Checkout
from kubectl_gitops.source.commit import Commit
from kubectl_gitops.source.mirror import Mirror
from tests.unit.source.repository import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


def fetched(repository: Repository, tmp_path: Path) -> Mirror:
    mirror = Mirror(str(repository.path), cache_directory=tmp_path / "cache", allow_file=True)
    mirror.fetch()
    return mirror


def authors(found: dict[int, Commit] | dict[int, Commit | None]) -> dict[int, str]:
    return {line: commit.author if commit else "" for line, commit in sorted(found.items())}


def traps(repository: Repository, tmp_path: Path) -> Path:
    """Configures programs wherever git could be made to run one; the path is there once one of them ran."""
    proof = tmp_path / "ran"
    program = tmp_path / "trap"
    program.write_text(f'#!/bin/sh\ntouch "{proof}"\ncat\n')
    program.chmod(0o755)
    keys = (
        "core.fsmonitor", "core.sshCommand", "core.gitProxy", "core.pager", "diff.trap.textconv", "diff.trap.command",
        "diff.external", "filter.trap.clean", "filter.trap.smudge", "gpg.program", "core.alternateRefsCommand",
        "filter.trap.process",
    )  # fmt: skip
    for key in keys:
        repository.git("config", key, str(program))
    repository.git("config", "filter.trap.required", "true")
    repository.git("config", "core.hooksPath", str(tmp_path))
    (repository.path / ".git/info/attributes").write_text("*.yaml diff=trap filter=trap\n")
    return proof


# --- blame in a mirror ---


def test_each_line_has_the_commit_that_touched_it_last(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"apps/a.yaml": "a: 1\nb: 1\nc: 1\n"}, author="Ann")
    first = repository.commit({"apps/a.yaml": "a: 1\nb: 2\nc: 1\n"}, "raise b", author="Bob")
    repository.commit({"apps/a.yaml": "new: 1\na: 1\nb: 2\nc: 1\n"}, author="Cid")
    repository.git("mv", "apps/a.yaml", "apps/renamed.yaml")
    repository.commit({}, author="Dan")
    mirror = fetched(repository, tmp_path)
    commit = mirror.resolve("main")
    found = mirror.blame(commit, "./apps/renamed.yaml", range(1, 5))
    assert authors(found) == {1: "Cid", 2: "Ann", 3: "Bob", 4: "Ann"}
    assert found[3] == mirror.resolve(first)
    assert authors(mirror.blame(commit, "apps/renamed.yaml", [4, 3])) == {3: "Bob", 4: "Ann"}
    assert mirror.blame(commit, "apps/renamed.yaml", []) == {}
    assert authors(mirror.blame(mirror.resolve(first), "apps/a.yaml", {1})) == {1: "Ann"}


def test_a_line_that_moved_was_touched(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": "a: 1\nb: 1\nc: 1\nd: 1\n"}, author="Ann")
    repository.commit({"a.yaml": "b: 1\nc: 1\nd: 1\na: 1\n"}, author="Bob")
    mirror = fetched(repository, tmp_path)
    assert authors(mirror.blame(mirror.resolve("main"), "a.yaml", {1, 4})) == {1: "Ann", 4: "Bob"}


def test_lines_that_are_far_apart_are_asked_for_at_once(repository: Repository, tmp_path: Path) -> None:
    text = [f"k{number}: 1" for number in range(2000)]
    repository.commit({"a.yaml": "\n".join(text)}, author="Ann")
    text[999] = "k999: 2"
    repository.commit({"a.yaml": "\n".join(text)}, author="Bob")
    mirror = fetched(repository, tmp_path)
    commit = mirror.resolve("main")
    assert authors(mirror.blame(commit, "a.yaml", {1, 1000, 2000})) == {1: "Ann", 1000: "Bob", 2000: "Ann"}
    many = authors(mirror.blame(commit, "a.yaml", range(10, 2001, 10)))
    assert len(many) == 200
    assert {line for line, author in many.items() if author == "Bob"} == {1000}


def test_what_is_not_there_is_named(repository: Repository, tmp_path: Path) -> None:
    sha = repository.commit({"a.yaml": "a: 1\n"})
    mirror = fetched(repository, tmp_path)
    commit = mirror.resolve("main")
    with pytest.raises(SourceError, match=rf"^no such path 'b\.yaml' at commit {sha[:8]}$"):
        mirror.blame(commit, "b.yaml", {1})
    with pytest.raises(SourceError, match=r"^git blame: file a\.yaml has only 1 line"):
        mirror.blame(commit, "a.yaml", {2})
    with pytest.raises(SourceError, match="is not a path inside the repository"):
        mirror.blame(commit, "../a.yaml", {1})


@pytest.mark.parametrize(
    "name", ["-L1,1", "--contents=x", ":(glob)*", "*.yaml", "a b\n\t.yaml", '"ä".yaml', "HEAD", "x -> y", "\x1b[2J"]
)
def test_a_file_may_have_any_name(repository: Repository, tmp_path: Path, name: str) -> None:
    repository.commit({f"apps/{name}": "a: 1\n", name: "a: 1\n"}, author="Ann")
    mirror = fetched(repository, tmp_path)
    for path in (name, f"apps/{name}"):
        assert authors(mirror.blame(mirror.resolve("main"), path, {1})) == {1: "Ann"}
        assert authors(Checkout(repository.path).blame(path, {1})) == {1: "Ann"}
        (repository.path / path).write_text("a: 2\n")
        assert authors(Checkout(repository.path).blame(path, {1})) == {1: ""}


@pytest.mark.parametrize("author", ["\x1b[31mEve\r", "filename x", "Änne 😀", "0" * 40 + " 1 1 1", "\x1f"])
def test_authors_do_not_lead_astray(repository: Repository, tmp_path: Path, author: str) -> None:
    repository.commit({"a.yaml": "a: 1\n\tb\n"}, f"{author}\n\n\tx", author=f"x{author}")
    mirror = fetched(repository, tmp_path)
    found = mirror.blame(mirror.resolve("main"), "a.yaml", {1, 2})
    assert found[1] == found[2]
    assert found[1].author.isprintable()
    assert found[1].author.startswith("x")
    assert found[1].author_email == "jane@shop.example"


def test_blame_is_as_the_log_says(repository: Repository, tmp_path: Path) -> None:
    sha = repository.commit({"a.yaml": "a: 1\n", ".mailmap": "Someone Else <jane@shop.example>\n"}, "one\n\ntwo")
    mirror = fetched(repository, tmp_path)
    checkout = Checkout(repository.path)
    found = mirror.resolve(sha)
    assert found.author == "Jane Doe"
    assert mirror.blame(found, "a.yaml", {1}) == checkout.blame("a.yaml", {1}) == {1: found}
    assert mirror.last_commits(found, ["a.yaml"]) == checkout.last_commits(["a.yaml"]) == {"a.yaml": found}


def test_line_ends_are_as_they_were_committed(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": "a: 1\r\nb: 1\r\n", ".gitattributes": "* text=auto\n"}, author="Ann")
    repository.commit({"a.yaml": "a: 1\r\nb: 2\r\n"}, author="Bob")
    mirror = fetched(repository, tmp_path)
    assert authors(mirror.blame(mirror.resolve("main"), "a.yaml", {1, 2})) == {1: "Ann", 2: "Bob"}
    assert authors(Checkout(repository.path).blame("a.yaml", {1, 2})) == {1: "Ann", 2: "Bob"}


# --- the work tree ---


def test_what_is_not_committed_has_no_commit(repository: Repository) -> None:
    first = repository.commit({"apps/a.yaml": "a: 1\nb: 1\nc: 1\n", "b.yaml": "a: 1\n"}, author="Ann")
    repository.write({"apps/a.yaml": "new: 1\na: 1\nb: 2\nc: 1\n", "new.yaml": "a: 1\n"})
    repository.git("add", "apps/a.yaml")
    checkout = Checkout(repository.path)
    assert authors(checkout.blame("apps/a.yaml", range(1, 5))) == {1: "", 2: "Ann", 3: "", 4: "Ann"}
    assert authors(checkout.blame("new.yaml", {1})) == {1: ""}
    assert authors(checkout.blame("b.yaml", {1})) == {1: "Ann"}
    commits = checkout.last_commits(["apps/a.yaml", "new.yaml", "b.yaml"])
    assert {path: commit.sha for path, commit in commits.items()} == {"b.yaml": first}


def test_before_the_first_commit_nothing_is_committed(repository: Repository) -> None:
    repository.write({"a.yaml": "a: 1\n"})
    checkout = Checkout(repository.path)
    assert authors(checkout.blame("a.yaml", {1})) == {1: ""}
    assert checkout.last_commits(["a.yaml"]) == {}


@pytest.mark.parametrize("changed", [False, True])
def test_line_ends_that_git_converted_are_no_change(repository: Repository, changed: bool) -> None:
    repository.commit({"a.yaml": "a: 1\nb: 1\n"}, author="Ann")
    repository.write({"a.yaml": f"a: {2 if changed else 1}\r\nb: 1\r\n"})
    assert authors(Checkout(repository.path).blame("a.yaml", {1, 2})) == {1: "" if changed else "Ann", 2: "Ann"}
    assert len(Checkout(repository.path).last_commits(["a.yaml"])) == (0 if changed else 1)


def test_a_link_has_the_history_of_its_file(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"base/a.yaml": "a: 1\n"}, author="Ann")
    (repository.path / "link.yaml").symlink_to("base/a.yaml")
    (repository.path / "out.yaml").symlink_to(tmp_path / "other.yaml")
    repository.commit({}, author="Bob")
    checkout = Checkout(repository.path)
    assert authors(checkout.blame("link.yaml", {1})) == {1: "Ann"}
    assert checkout.last_commits(["link.yaml"])["link.yaml"].author == "Ann"
    (repository.path / "loop.yaml").symlink_to("loop.yaml")
    odd = {
        "out.yaml": "not in",
        "../other.yaml": "not in",
        "/etc/hostname": "not in",
        "a\0b": "no file",
    }
    for path, words in odd.items():
        with pytest.raises(SourceError, match=words):
            checkout.blame(path, {1})
    assert list(checkout.last_commits(["link.yaml", "loop.yaml", *odd])) == ["link.yaml"]


def test_another_repository_inside_is_another_history(repository: Repository) -> None:
    repository.commit({"a.yaml": "a: 1\n"})
    inner = Repository(repository.path / "inner")
    inner.commit({"b.yaml": "b: 1\n"}, author="Ann")
    with pytest.raises(SourceError, match=r"^inner/b\.yaml is in another repository"):
        Checkout(repository.path).blame("inner/b.yaml", {1})
    assert authors(Checkout(inner.path).blame("b.yaml", {1})) == {1: "Ann"}


def test_linked_work_trees_and_submodules_are_checkouts(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": "a: 1\n"}, author="Ann")
    outer = Repository(tmp_path / "outer")
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repository.path), "sub")
    repository.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"))
    (tmp_path / "linked/a.yaml").write_text("a: 1\nb: 1\n")
    assert authors(Checkout(tmp_path / "linked").blame("a.yaml", {1, 2})) == {1: "Ann", 2: ""}
    assert authors(Checkout(outer.path / "sub").blame("a.yaml", {1})) == {1: "Ann"}


def test_a_shallow_history_ends_at_its_first_commit(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": "a: 1\nb: 1\n"}, author="Ann")
    repository.commit({"a.yaml": "a: 1\nb: 2\n"}, author="Bob")
    repository.commit({"a.yaml": "a: 1\nb: 2\nc: 1\n"}, author="Cid")
    repository.git("clone", "--quiet", "--depth=2", f"file://{repository.path}", str(tmp_path / "shallow"))
    checkout = Checkout(tmp_path / "shallow")
    assert authors(checkout.blame("a.yaml", {1, 2, 3})) == {1: "Bob", 2: "Bob", 3: "Cid"}
    assert checkout.last_commits(["a.yaml"])["a.yaml"].author == "Cid"


def test_what_a_partial_clone_has_not_is_not_fetched(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": "a: 1\nb: 1\n"}, author="Ann")
    repository.commit({"a.yaml": "a: 1\nb: 2\n"}, author="Bob")
    repository.git("config", "uploadpack.allowFilter", "true")
    repository.git("clone", "--quiet", "--filter=blob:none", f"file://{repository.path}", str(tmp_path / "partial"))
    checkout = Checkout(tmp_path / "partial")
    with pytest.raises(SourceError, match=r"^git blame: "):
        checkout.blame("a.yaml", {1, 2})
    assert checkout.last_commits(["a.yaml"])["a.yaml"].author == "Bob"


def test_a_repository_with_longer_hashes_is_read_too(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "shop", "--object-format=sha256")
    sha = repository.commit({"x/a.yaml": "a: 1\n"})
    repository.write({"x/a.yaml": "a: 1\nb: 1\n"})
    (commit, uncommitted) = Checkout(repository.path).blame("x/a.yaml", [1, 2]).values()
    assert commit
    assert (commit.sha, len(sha), uncommitted) == (sha, 64, None)


def test_nothing_that_a_repository_configures_is_run(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": "a: 1\nb: 1\n"}, author="Ann")
    proof = traps(repository, tmp_path)
    (repository.path / "a.yaml").write_text("a: 1\nb: 2\n")
    with suppress(subprocess.CalledProcessError):
        repository.git("blame", "a.yaml")
    assert proof.exists(), "the traps do not work"
    proof.unlink()
    repository.git("config", "blame.ignoreRevsFile", "not-there")
    repository.git("config", "log.showSignature", "true")
    checkout = Checkout(repository.path)
    assert authors(checkout.blame("a.yaml", {1, 2})) == {1: "Ann", 2: ""}
    assert checkout.last_commits(["a.yaml"]) == {}
    mirror = fetched(repository, tmp_path)
    command = ["git", "-C", str(mirror.path), "config", "diff.trap.textconv", str(tmp_path / "trap")]
    subprocess.run(command, check=True)
    (mirror.path / "info").mkdir(exist_ok=True)
    (mirror.path / "info/attributes").write_text("* diff=trap\n")
    assert authors(mirror.blame(mirror.resolve("main"), "a.yaml", {1, 2})) == {1: "Ann", 2: "Ann"}
    assert not proof.exists()


def test_commits_to_ignore_are_not_ignored(repository: Repository) -> None:
    repository.commit({"a.yaml": "a: 1\n"}, author="Ann")
    sha = repository.commit({"a.yaml": "a:  1\n"}, author="Bob")
    repository.commit({".git-blame-ignore-revs": sha})
    repository.git("config", "blame.ignoreRevsFile", ".git-blame-ignore-revs")
    assert authors(Checkout(repository.path).blame("a.yaml", {1})) == {1: "Bob"}


def test_the_repository_stays_as_it_is(repository: Repository) -> None:
    repository.commit({"a.yaml": "a: 1\n"})
    repository.write({"a.yaml": "a: 2\n"})

    def state() -> dict[Path, int]:
        return {file: file.stat().st_mtime_ns for file in (repository.path / ".git").rglob("*")}

    before = state()
    checkout = Checkout(repository.path)
    checkout.blame("a.yaml", {1})
    checkout.last_commits(["a.yaml"])
    assert state() == before


def test_nothing_is_left_behind(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.commit({"a.yaml": "a: 1\n"})
    repository.write({"a.yaml": "a: 2\n"})
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    checkout = Checkout(repository.path)
    checkout.blame("a.yaml", {1})
    assert list((tmp_path / "temporary").iterdir())
    del checkout
    gc.collect()
    assert not list((tmp_path / "temporary").iterdir())


def test_a_repository_of_somebody_else_is_trusted_as_git_does(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({"a.yaml": "a: 1\n"}, author="Ann")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    with pytest.raises(SourceError, match="dubious ownership") as caught:
        Checkout(repository.path)
    assert "safe.directory" in caught.value.hint
    (tmp_path / "gitconfig").write_text(f"[safe]\n\tdirectory = {repository.path}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    assert authors(Checkout(repository.path).blame("a.yaml", {1})) == {1: "Ann"}


def test_inside_a_hook_the_checkout_is_still_the_one_that_was_named(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({"a.yaml": "a: 1\n"}, author="Ann")
    other = Repository(tmp_path / "other")
    other.commit({"a.yaml": "a: 1\n"}, author="Bob")
    for name, value in {"DIR": ".git", "WORK_TREE": "", "INDEX_FILE": ".git/index", "COMMON_DIR": ".git"}.items():
        monkeypatch.setenv(f"GIT_{name}", str(other.path / value))
    assert authors(Checkout(repository.path).blame("a.yaml", {1})) == {1: "Ann"}


def test_what_is_no_checkout_is_named(tmp_path: Path) -> None:
    outer = Repository(tmp_path / "outer")
    outer.commit({"inner/a.yaml": "a: 1\n"})
    (outer.path / "inner/.git").mkdir()
    with pytest.raises(SourceError, match=r"^the history of this checkout cannot be read: not a git repository"):
        Checkout(outer.path / "inner")


def test_what_git_keeps_in_another_form_cannot_be_compared(repository: Repository) -> None:
    repository.commit({"a.yaml": "\0GITCRYPT\0"})
    repository.write({"a.yaml": "a: 1\n"})
    with pytest.raises(SourceError, match=r"^a\.yaml is not text as git keeps it"):
        Checkout(repository.path).blame("a.yaml", {1})


LINES = st.lists(st.sampled_from(["a: 1", "b: 1", "c: 1", "- x", ""]), min_size=1, max_size=12)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES, min_size=1, max_size=3), LINES)
def test_the_work_tree_is_blamed_as_git_blames_it(
    tmp_path_factory: pytest.TempPathFactory, versions: list[list[str]], now: list[str]
) -> None:
    repository = Repository(tmp_path_factory.mktemp("blame") / "shop")
    for version in versions:
        repository.commit({"apps/a.yaml": "".join(f"{line}\n" for line in version)})
    repository.write({"apps/a.yaml": "".join(f"{line}\n" for line in now)})
    expected = [
        line.split(" ")[0] for line in repository.git("blame", "-s", "-l", "--root", "apps/a.yaml").splitlines()
    ]
    found = Checkout(repository.path).blame("apps/a.yaml", range(1, len(now) + 1))
    assert [commit.sha if commit else "0" * 40 for _, commit in sorted(found.items())] == expected
