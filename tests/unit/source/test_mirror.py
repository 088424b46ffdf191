from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source.mirror import Mirror, default_cache_directory
from tests.unit.source.repository import Repository, files_at


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


def mirror_of(path: Path | str, tmp_path: Path, *, timeout_seconds: float = 30) -> Mirror:
    return Mirror(str(path), cache_directory=tmp_path / "cache", allow_file=True, timeout_seconds=timeout_seconds)


def fetched(repository: Repository, tmp_path: Path) -> Mirror:
    mirror = mirror_of(repository.path, tmp_path)
    mirror.fetch()
    return mirror


def refused(mirror: Mirror, revision: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        mirror.resolve(revision)
    return caught.value


def ssh_processes(tmp_path: Path) -> list[psutil.Process]:
    try:
        process = psutil.Process(int((tmp_path / "pid").read_text()))
    except psutil.NoSuchProcess:
        return []
    # What nobody waits for is dead all the same.
    return [] if process.status() == psutil.STATUS_ZOMBIE else [process]


# --- revisions ---


def test_a_revision_is_a_branch_a_tag_a_commit_or_head(repository: Repository, tmp_path: Path) -> None:
    first = repository.commit({"a.yaml": "1"}, "first")
    repository.git("tag", "light")
    repository.git("tag", "--annotate", "--message", "a release", "v1.0")
    second = repository.commit({"a.yaml": "2"}, "second")
    repository.git("branch", "team/dev", first)
    mirror = fetched(repository, tmp_path)
    revisions = ["main", "HEAD", second, second[:7], "refs/heads/main", "light", "v1.0", "refs/tags/v1.0", "team/dev"]
    assert [mirror.resolve(revision).sha for revision in revisions] == [second] * 5 + [first] * 4


def test_a_commit_says_who_wrote_what_when(repository: Repository, tmp_path: Path) -> None:
    sha = repository.commit({}, "raise the limit\n\nbecause of reasons")
    commit = fetched(repository, tmp_path).resolve("main")
    assert (commit.sha, commit.short) == (sha, sha[:8])
    assert (commit.author, commit.author_email) == ("Jane Doe", "jane@shop.example")
    assert (commit.time, commit.subject) == ("2026-11-23T18:01:46Z", "raise the limit")


def test_a_commit_does_not_get_to_steer_a_terminal(repository: Repository, tmp_path: Path) -> None:
    repository.commit({}, "\x1b[2J\x1b[31mall is well\x1e\x1f")
    assert fetched(repository, tmp_path).resolve("main").subject == " [2J [31mall is well "


def test_an_unknown_revision_is_answered_with_those_that_exist(repository: Repository, tmp_path: Path) -> None:
    repository.commit({})
    repository.git("branch", "develop")
    repository.git("tag", "v1.0")
    error = refused(fetched(repository, tmp_path), "develp")
    assert str(error) == f"no such revision 'develp' in {repository.path} (branches: develop, main; tags: v1.0)"
    assert error.hint == "did you mean develop?"


@pytest.mark.parametrize(
    "revision",
    ["", "-x", "--all", "main~1", "main^", "main@{1}", ":/change", "a b", "a\nb", "../x", "main:a.yaml", "x*"],
)
def test_what_is_no_name_is_refused(repository: Repository, tmp_path: Path, revision: str) -> None:
    repository.commit({})
    assert "is not the name of a branch" in str(refused(fetched(repository, tmp_path), revision))


def test_a_name_that_is_a_branch_and_a_tag_is_refused(repository: Repository, tmp_path: Path) -> None:
    first = repository.commit({})
    repository.git("tag", "next")
    repository.commit({})
    repository.git("branch", "next")
    mirror = fetched(repository, tmp_path)
    assert refused(mirror, "next").hint == "say refs/heads/next or refs/tags/next"
    assert mirror.resolve("refs/tags/next").sha == first


def test_an_empty_repository_has_no_revision(repository: Repository, tmp_path: Path) -> None:
    mirror = fetched(repository, tmp_path)
    assert "it is empty" in str(refused(mirror, "main"))
    assert "it is empty" in str(refused(mirror, "HEAD"))
    assert not mirror.remote_moved()


def test_nothing_is_read_before_the_first_fetch(repository: Repository, tmp_path: Path) -> None:
    mirror = mirror_of(repository.path, tmp_path)
    assert "not fetched yet" in str(refused(mirror, "main"))
    assert mirror.remote_moved()


# --- fetching ---


def test_fetching_follows_the_remote(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": "1"})
    repository.git("branch", "old")
    repository.git("tag", "moving")
    mirror = fetched(repository, tmp_path)
    assert not mirror.remote_moved()
    second = repository.commit({"a.yaml": "2"})
    repository.git("branch", "--delete", "--force", "old")
    repository.git("branch", "old/er")
    repository.git("tag", "--force", "moving")
    assert mirror.remote_moved()
    assert mirror.resolve("main").sha != second
    mirror.fetch()
    assert not mirror.remote_moved()
    assert mirror.resolve("main").sha == mirror.resolve("moving").sha == mirror.resolve("HEAD").sha == second
    refused(mirror, "old")


def test_history_may_be_rewritten(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": "1"})
    mirror = fetched(repository, tmp_path)
    repository.git("commit", "--quiet", "--amend", "--message", "another")
    assert mirror.remote_moved()
    mirror.fetch()
    assert mirror.resolve("main").subject == "another"


def test_a_bundle_is_a_repository_too(repository: Repository, tmp_path: Path) -> None:
    sha = repository.commit({"a.yaml": "1"})
    repository.git("bundle", "create", "--quiet", str(tmp_path / "with-head.bundle"), "HEAD", "main")
    repository.git("bundle", "create", "--quiet", str(tmp_path / "branch.bundle"), "main")
    for name in ("with-head.bundle", "branch.bundle"):
        mirror = mirror_of(f"file://{tmp_path}/{name}", tmp_path)
        mirror.fetch()
        assert mirror.resolve("main").sha == sha
        assert not mirror.remote_moved()


def test_a_repository_that_is_not_there_is_named(tmp_path: Path) -> None:
    mirror = mirror_of(tmp_path / "nowhere", tmp_path)
    with pytest.raises(
        SourceError, match=rf"^cannot reach repository {tmp_path}/nowhere: .*does not appear to be a git"
    ):
        mirror.fetch()
    assert mirror.remote_moved()


def test_nothing_is_reached_over_a_protocol_that_is_not_allowed(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="file system"):
        Mirror(str(tmp_path), cache_directory=tmp_path / "cache")


def test_what_git_says_is_shown_without_secrets(tmp_path: Path) -> None:
    mirror = Mirror("https://s3cret@127.0.0.1:9/shop", cache_directory=tmp_path / "cache")
    with pytest.raises(SourceError) as caught:
        mirror.fetch()
    assert str(caught.value).startswith("cannot reach repository https://…@127.0.0.1:9/shop: ")
    error: BaseException | None = caught.value
    while error is not None:
        assert "s3cret" not in str(error)
        error = error.__cause__


def test_a_lock_that_a_dead_process_left_does_not_matter(repository: Repository, tmp_path: Path) -> None:
    repository.commit({})
    mirror = fetched(repository, tmp_path)
    sha = repository.commit({})
    for stale in ("packed-refs.lock", "HEAD.lock", "refs/heads/main.lock"):
        (mirror.path / stale).touch()
    mirror.fetch()
    assert mirror.resolve("main").sha == sha


def test_many_may_fetch_at_once(repository: Repository, tmp_path: Path) -> None:
    sha = repository.commit({})
    program = (
        "import sys; from pathlib import Path; from kubectl_gitops.source.mirror import Mirror\n"
        "mirror = Mirror(sys.argv[1], cache_directory=Path(sys.argv[2]), allow_file=True)\n"
        "mirror.fetch(); print(mirror.resolve('main').sha)"
    )
    command = [sys.executable, "-c", program, str(repository.path), str(tmp_path / "cache")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate()[0].strip() for process in processes] == [sha] * 4


def test_the_environment_and_the_configuration_of_the_person_do_not_matter(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = repository.commit({"a.yaml": "1"})
    other = Repository(tmp_path / "other")
    other.commit({"b.yaml": "2"})
    (tmp_path / "gitconfig").write_text('[log]\n\tshowSignature = true\n[url "ext::false "]\n\tinsteadOf = /\n')
    # As in a hook of git, run in another repository.
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.path))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other.path / ".git" / "objects"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.bare")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "nonsense")
    monkeypatch.delenv("GIT_CONFIG_NOSYSTEM", raising=False)
    mirror = fetched(repository, tmp_path)
    commit = mirror.resolve("main")
    assert commit.sha == sha
    assert files_at(mirror, commit, "") == {"a.yaml": b"1"}
    assert not mirror.remote_moved()


def test_the_configuration_of_the_person_is_used_on_request(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = repository.commit({})
    (tmp_path / "gitconfig").write_text(f'[url "{tmp_path}/"]\n\tinsteadOf = /srv/git/\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    mirror = Mirror("/srv/git/shop", cache_directory=tmp_path / "cache", allow_file=True, use_user_config=True)
    mirror.fetch()
    assert mirror.resolve("main").sha == sha


def test_a_remote_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    (programs / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    mirror = Mirror("ssh://git@shop.example/shop", cache_directory=tmp_path / "cache", timeout_seconds=0.5)
    started = time.monotonic()
    with pytest.raises(SourceError, match=r"git fetch took more than 0\.5 s"):
        mirror.fetch()
    assert time.monotonic() - started < 5
    _, alive = psutil.wait_procs(ssh_processes(tmp_path), timeout=5)
    assert alive == []


def test_ssh_asks_nobody_and_trusts_no_new_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(
        f"#!/bin/sh\necho \"$@\" > {tmp_path}/arguments\necho 'Host key verification failed.' >&2\nexit 255\n"
    )
    (programs / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(SourceError, match=r": Host key verification failed\.$") as caught:
        Mirror("git@shop.example:shop", cache_directory=tmp_path / "cache").fetch()
    assert caught.value.hint == "add the host's key to known_hosts"
    arguments = (tmp_path / "arguments").read_text()
    assert "-oBatchMode=yes" in arguments
    assert "-oStrictHostKeyChecking=yes" in arguments


def test_without_git_there_is_a_clear_error(tmp_path: Path) -> None:
    program = (
        "from kubectl_gitops.errors import SourceError\n"
        "try: import kubectl_gitops.source.mirror\n"
        "except SourceError as exc: print(exc)"
    )
    environment = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "git cannot be run here\n"


# --- files ---


def test_files_are_those_below_a_path(repository: Repository, tmp_path: Path) -> None:
    files = {
        "README.md": "r",
        "apps/web/a b.yaml": "1",
        "apps/web/ä.yaml": "2",
        "apps/webber.yaml": "3",
        "apps/*.yaml": "4",
    }
    repository.commit(files)
    mirror = fetched(repository, tmp_path)
    commit = mirror.resolve("main")
    expected = {path: text.encode() for path, text in files.items()}
    assert files_at(mirror, commit, "") == files_at(mirror, commit, ".") == files_at(mirror, commit, "./") == expected
    web = {"apps/web/a b.yaml": b"1", "apps/web/ä.yaml": b"2"}
    assert files_at(mirror, commit, "apps/web") == files_at(mirror, commit, "./apps//web/") == web
    assert files_at(mirror, commit, "apps/*.yaml") == {"apps/*.yaml": b"4"}
    assert files_at(mirror, commit, "apps", keep=lambda path: path.endswith("r.yaml")) == {"apps/webber.yaml": b"3"}


def test_the_text_of_one_file(repository: Repository, tmp_path: Path) -> None:
    names = ["a.yaml", "apps/-x", "apps/a b\n.yaml", "apps/:(top)", "@{1}", "HEAD:a.yaml", "./a.yaml"]
    repository.commit({name: name for name in names[:-1]})
    mirror = fetched(repository, tmp_path)
    commit = mirror.resolve("main")
    assert [mirror.text(commit, name) for name in names] == [name.encode() for name in [*names[:-1], "a.yaml"]]
    assert [mirror.text(commit, name) for name in ("gone.yaml", "apps", "apps/-x/y", "")] == [None] * 4
    with pytest.raises(SourceError, match="is not a path inside"):
        mirror.text(commit, "../a.yaml")


def test_content_comes_as_it_was_committed(repository: Repository, tmp_path: Path) -> None:
    content = b"\x00\xff\r\n\n" * 50_000
    (repository.path / "blob").write_bytes(content)
    (repository.path / "empty").touch()
    repository.commit({".gitattributes": "* text=auto eol=crlf export-ignore\n"})
    mirror = fetched(repository, tmp_path)
    files = files_at(mirror, mirror.resolve("main"), "")
    assert (files["blob"], files["empty"]) == (content, b"")


def test_a_path_that_is_not_there_is_named_with_the_revision(repository: Repository, tmp_path: Path) -> None:
    sha = repository.commit({"apps/a.yaml": "1"})
    mirror = fetched(repository, tmp_path)
    with pytest.raises(SourceError, match=rf"^no such path 'x' at revision main \({sha[:8]}\)$"):
        files_at(mirror, mirror.resolve("main"), "x")
    with pytest.raises(SourceError, match=rf"^no such path 'apps/a' at commit {sha[:8]}$"):
        files_at(mirror, mirror.resolve(sha), "apps/a")


@pytest.mark.parametrize("path", ["..", "../shop", "/", "/etc", "apps/../../etc", "a\0b"])
def test_a_path_stays_inside(repository: Repository, tmp_path: Path, path: str) -> None:
    repository.commit({"a.yaml": "1"})
    mirror = fetched(repository, tmp_path)
    with pytest.raises(SourceError, match="is not a path inside the repository"):
        files_at(mirror, mirror.resolve("main"), path)


def test_links_that_lead_out_and_submodules_are_as_if_they_were_not_there(
    repository: Repository, tmp_path: Path
) -> None:
    sha = repository.commit({"real/a.yaml": "1"})
    (repository.path / "link.yaml").symlink_to("/etc/passwd")
    (repository.path / "linked").symlink_to("real")
    (repository.path / "same.yaml").symlink_to("real/a.yaml")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{sha},vendor/module")
    repository.git("add", "link.yaml", "linked", "same.yaml")
    repository.git("commit", "--quiet", "--message", "links")
    mirror = fetched(repository, tmp_path)
    commit = mirror.resolve("main")
    assert files_at(mirror, commit, "") == {"real/a.yaml": b"1", "same.yaml": b"1"}
    for path, what in {
        "link.yaml": "a symbolic link",
        "linked": "a symbolic link",
        "vendor/module": "a submodule",
    }.items():
        with pytest.raises(SourceError, match=f"is {what} at"):
            files_at(mirror, commit, path)
    with pytest.raises(SourceError, match="no such path"):
        files_at(mirror, commit, "linked/a.yaml")


# --- who changed what ---


def test_the_last_commit_of_each_file(repository: Repository, tmp_path: Path) -> None:
    first = repository.commit({"apps/a.yaml": "1", "apps/b c.yaml": "1", "d.yaml": "1"})
    second = repository.commit({"apps/b c.yaml": "2"})
    repository.commit({"other": "3"})
    fourth = repository.commit({"apps/a.yaml": "4"})
    fifth = repository.commit({"apps/a.yaml": "1"})
    mirror = fetched(repository, tmp_path)
    paths = ["apps/a.yaml", "apps/b c.yaml", "d.yaml", "gone.yaml"]
    found = mirror.last_commits(mirror.resolve("main"), paths)
    assert {path: commit.sha for path, commit in found.items()} == dict(
        zip(paths, [fifth, second, first], strict=False)
    )
    assert mirror.last_commits(mirror.resolve(fourth), ["apps/a.yaml"])["apps/a.yaml"].sha == fourth
    assert mirror.last_commits(mirror.resolve("main"), []) == {}


def test_in_merges_the_author_of_what_is_there_is_found(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"lost.yaml": "1", "merged.yaml": "1", "both.yaml": "1"})
    repository.git("checkout", "--quiet", "-b", "side")
    side = repository.commit({"merged.yaml": "2"})
    repository.git("checkout", "--quiet", "main")
    ours = repository.commit({"lost.yaml": "ours", "both.yaml": "ours"})
    repository.git("checkout", "--quiet", "side")
    repository.commit({"lost.yaml": "theirs", "both.yaml": "theirs"}, "younger, but not taken")
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-commit", "--strategy-option=ours", "side")
    merge = repository.commit({"both.yaml": "neither"}, "merge")
    mirror = fetched(repository, tmp_path)
    found = mirror.last_commits(mirror.resolve("main"), ["lost.yaml", "merged.yaml", "both.yaml"])
    expected = {"lost.yaml": ours, "merged.yaml": side, "both.yaml": merge}
    assert {path: commit.sha for path, commit in found.items()} == expected


def test_the_walk_ends_when_all_are_found(repository: Repository, tmp_path: Path) -> None:
    first = repository.commit({"old.yaml": "1"})
    for number in range(4):
        repository.commit({"new.yaml": str(number)})
    mirror = fetched(repository, tmp_path)
    newest = mirror.resolve("main")
    (mirror.path / "objects" / first[:2] / first[2:]).unlink()
    assert mirror.last_commits(newest, ["new.yaml"]) == {"new.yaml": newest}
    with pytest.raises(SourceError, match=r"^git log: Failed to traverse"):
        mirror.last_commits(newest, ["new.yaml", "old.yaml"])


# --- where mirrors are kept ---


@pytest.mark.parametrize(
    ("given", "expected"), [("/var/cache", "/var/cache"), ("", "/home/jane/.cache"), ("relative", "/home/jane/.cache")]
)
def test_mirrors_are_kept_in_the_cache_of_the_user(monkeypatch: pytest.MonkeyPatch, given: str, expected: str) -> None:
    monkeypatch.setenv("HOME", "/home/jane")
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    assert default_cache_directory() == Path(expected, "kubectl-gitops", "mirrors")


def test_a_cache_that_cannot_be_written_is_named(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(SourceError, match=f"cannot keep a mirror in {tmp_path}/cache"):
        mirror_of(repository.path, tmp_path).fetch()
