"""Repositories behind a real server: who gets in, what it is told, and what a hostile one achieves."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source.credentials import Credentials
from kubectl_gitops.source.desired import from_mirror
from kubectl_gitops.source.mirror import Mirror
from tests.testbed.gitserver import GitServer, basic, serving, silent
from tests.testbed.pki import Authority
from tests.testbed.proxy import proxying
from tests.unit.source.repository import Repository, files_at

PASSWORD = {"username": b"jane", "password": b"s3cret-pa%ss w\xc3\xb6rd'$x\"\\"}
TOKEN = {"bearerToken": b"s3cret-t0ken"}
AUTHORITY = Authority()
CA = {"ca.crt": AUTHORITY.pem.encode()}
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\n"


@pytest.fixture(autouse=True)
def nobody_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_SSL_CAINFO", "http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "srv").mkdir()
    return Repository(tmp_path / "srv" / "shop")


@pytest.fixture
def server(repository: Repository) -> Iterator[GitServer]:
    with serving(GitServer(root=repository.path.parent, authority=AUTHORITY)) as server:
        yield server


@pytest.fixture
def mirror_of(tmp_path: Path, server: GitServer) -> Callable[..., Mirror]:
    """A mirror of the server's ``shop``, with what a Secret holds."""

    def mirror_of(data: dict[str, bytes] | None = None, url: str = "", timeout_seconds: float = 30) -> Mirror:
        credentials = None if data is None else Credentials.from_secret(data, where="Secret team/git")
        url = url or f"{server.url}/shop"
        return Mirror(url, cache_directory=tmp_path / "cache", credentials=credentials, timeout_seconds=timeout_seconds)

    return mirror_of


MirrorOf = Callable[..., Mirror]


def refused(mirror: Mirror, revision: str = "main") -> SourceError:
    """The error, which shows no secret in any of its causes."""
    with pytest.raises(SourceError) as caught:
        mirror.update(revision)
    error: BaseException | None = caught.value
    while error is not None:
        assert "s3cret" not in f"{error!r} {error} {getattr(error, 'hint', '')} {getattr(error, 'stderr', '')}"
        error = error.__cause__
    return caught.value


# --- who gets in ---


@pytest.mark.parametrize("data", [PASSWORD, TOKEN])
def test_a_password_or_a_token_opens_the_repository(
    repository: Repository, server: GitServer, mirror_of: MirrorOf, data: dict[str, bytes]
) -> None:
    sha = repository.commit({"a.yaml": "1"})
    password = basic("jane", PASSWORD["password"].decode())
    server.authorization = password if data is PASSWORD else "Bearer s3cret-t0ken"
    mirror = mirror_of({**data, **CA})
    assert mirror.update("main").sha == sha
    assert files_at(mirror, mirror.resolve("main"), "") == {"a.yaml": b"1"}
    assert mirror.url == f"{server.url}/shop"


@pytest.mark.parametrize(
    ("data", "words", "hint"),
    [
        ({**PASSWORD, **CA}, "Authentication failed", "the credentials are wrong or have expired (Secret team/git)"),
        ({**TOKEN, **CA}, "could not read Username", "the server does not accept the bearerToken of Secret team/git"),
        (CA, "could not read Username", "is private or does not exist; give credentials for it (Secret team/git)"),
        (PASSWORD, "certificate", "ca.crt"),
    ],
)
def test_whoever_is_not_let_in_is_told_why(
    repository: Repository,
    server: GitServer,
    mirror_of: MirrorOf,
    data: dict[str, bytes],
    words: str,
    hint: str,
) -> None:
    repository.commit({})
    server.authorization = basic("jane", "another")
    error = refused(mirror_of(data))
    assert str(error).startswith(f"cannot reach repository {server.url}/shop: ")
    assert words in str(error)
    assert hint in error.hint


def test_a_user_in_the_url_needs_the_password_of_that_user(
    repository: Repository, server: GitServer, mirror_of: MirrorOf
) -> None:
    sha = repository.commit({})
    server.authorization = basic("jane", "s3cret-password")
    url = server.url.replace("//", "//jane@") + "/shop"
    data = {"username": b"jane", "password": b"s3cret-password", **CA}
    assert mirror_of(data, url).update("main").sha == sha


def test_a_client_certificate_opens_the_repository(repository: Repository, tmp_path: Path, mirror_of: MirrorOf) -> None:
    sha = repository.commit({})
    clients = Authority()
    jane = clients.issue_client("jane")
    given = {"tls.crt": jane.certificate_pem.encode(), "tls.key": jane.key_pem.encode()}
    with serving(GitServer(root=repository.path.parent, authority=AUTHORITY, client_authority=clients)) as server:
        assert mirror_of({**CA, **given}, f"{server.url}/shop").update("main").sha == sha
        assert {one.client for one in server.received} == {"jane"}
        refused(mirror_of(CA, f"{server.url}/shop"))
        assert {one.client for one in server.received} == {"jane"}


def test_a_proxy_is_gone_through(repository: Repository, server: GitServer, mirror_of: MirrorOf) -> None:
    sha = repository.commit({})
    with proxying(basic("jane", "s3cret-proxy")) as proxy:
        data = {"proxy": f"http://jane:s3cret-proxy@{proxy.address}".encode(), **CA}
        assert mirror_of(data).update("main").sha == sha
        assert set(proxy.targets) == {server.url.removeprefix("https://")}
        error = refused(mirror_of({"proxy": f"http://jane:s3cret-wrong@{proxy.address}".encode(), **CA}))
    assert "407" in str(error)
    assert error.hint.startswith("the proxy wants credentials")


def test_what_one_may_read_another_does_not_find(
    repository: Repository, server: GitServer, mirror_of: MirrorOf
) -> None:
    sha = repository.commit({})
    server.authorization = basic("jane", "s3cret-password")
    mine = mirror_of({"username": b"jane", "password": b"s3cret-password", **CA})
    mine.update("main")
    again = mirror_of({"username": b"jane", "password": b"s3cret-password", **CA})
    assert again.path == mine.path
    others = mirror_of({"username": b"jane", "password": b"s3cret-guess", **CA})
    assert others.path != mine.path
    assert "Authentication failed" in str(refused(others, sha))
    assert "s3cret" not in "".join(file.read_text(errors="replace") for file in mine.path.glob("*") if file.is_file())


# --- where credentials are ---


class Spy:
    """At each request: what our processes have on their command lines, and which files they are lent."""

    def __init__(self) -> None:
        self.arguments: set[str] = set()
        self.files: dict[Path, int] = {}

    def __call__(self, path: str) -> None:
        for process in psutil.Process().children(recursive=True):
            try:
                self.arguments.update(process.cmdline())
                values = process.environ().values()
            except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
                continue
            for file in (Path(value) for value in values if Path(value).name.startswith("http.ssl")):
                if file.is_file():
                    self.files[file] = file.stat().st_mode & 0o777
                    self.files[file.parent] = file.parent.stat().st_mode & 0o777


def test_no_credential_is_an_argument_or_outlives_its_command(
    repository: Repository, tmp_path: Path, mirror_of: MirrorOf
) -> None:
    repository.commit({"a.yaml": "1"})
    spy = Spy()
    clients = Authority()
    jane = clients.issue_client("jane")
    given = {"tls.crt": jane.certificate_pem.encode(), "tls.key": jane.key_pem.encode()}
    with serving(
        GitServer(
            root=repository.path.parent,
            authority=AUTHORITY,
            client_authority=clients,
            authorization=basic("jane", "s3cret-password"),
            trick=spy,
        )
    ) as server:
        data = {"username": b"jane", "password": b"s3cret-password", **CA, **given}
        mirror = mirror_of(data, f"{server.url}/shop".replace("//", "//s3cret-user@"))
        files_at(mirror, mirror.update("main"), "")
    assert any(f"{server.url}/shop" in argument for argument in spy.arguments)
    assert not [argument for argument in spy.arguments if "s3cret" in argument]
    assert sorted(set(spy.files.values())) == [0o600, 0o700]
    assert not [file for file in spy.files if file.exists()]


def test_the_environment_of_this_process_does_not_steer_git(
    repository: Repository, server: GitServer, mirror_of: MirrorOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({})
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login jane password s3cret-netrc\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    monkeypatch.setenv("GIT_TRACE_CURL", str(tmp_path / "trace"))
    monkeypatch.setenv("GIT_TRACE_REDACT", "0")
    assert "certificate" in str(refused(mirror_of(PASSWORD)))
    server.authorization = basic("jane", "s3cret-netrc")
    refused(mirror_of(CA))
    refused(mirror_of({**PASSWORD, **CA}))
    assert server.received
    assert not (tmp_path / "trace").exists()


def test_a_person_is_served_by_their_own_git_configuration(
    repository: Repository, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = repository.commit({"a.yaml": "1"})
    server.authorization = basic("jane", "s3cret-mine")
    (tmp_path / "ca").write_text(AUTHORITY.pem)
    (tmp_path / "store").write_text(f"{server.url.replace('//', '//jane:s3cret-mine@')}\n")
    (tmp_path / "gitconfig").write_text(
        f"[http]\n\tsslCAInfo = {tmp_path}/ca\n[credential]\n\thelper = store --file={tmp_path}/store\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    # What a person configures by the environment stays, too.
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "http.userAgent")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "jane/1")
    mirror = Mirror(f"{server.url}/shop", cache_directory=tmp_path / "cache", use_user_config=True)
    commit = mirror.update("main")
    assert commit.sha == sha
    assert files_at(mirror, commit, "") == {"a.yaml": b"1"}
    assert {one.headers["User-Agent"] for one in server.received} == {"jane/1"}


# --- hostile servers ---


@pytest.mark.parametrize("data", [PASSWORD, TOKEN])
def test_no_redirect_is_followed_and_nobody_else_gets_the_credentials(
    repository: Repository, server: GitServer, mirror_of: MirrorOf, data: dict[str, bytes]
) -> None:
    repository.commit({})
    with serving(GitServer(root=repository.path.parent, authority=AUTHORITY)) as thief:
        server.trick = lambda path: (302, {"Location": thief.url + path, "Content-Length": "0"}, iter(()))
        error = refused(mirror_of({**data, **CA}))
        assert thief.received == []
    assert "302" in str(error)
    assert error.hint.startswith("the repository is elsewhere; take its new URL")


def test_a_redirect_later_on_is_not_followed_either(
    repository: Repository, server: GitServer, mirror_of: MirrorOf
) -> None:
    repository.commit({})
    with serving(GitServer(root=repository.path.parent, authority=AUTHORITY)) as thief:
        moved = (307, {"Location": f"{thief.url}/shop/git-upload-pack", "Content-Length": "0"})
        server.trick = lambda path: (*moved, iter(())) if path.endswith("git-upload-pack") else None
        refused(mirror_of({**TOKEN, **CA}))
        assert thief.received == []


@pytest.mark.parametrize("scheme", ["https", "ssh"])
def test_a_server_that_never_answers_is_given_up(mirror_of: MirrorOf, scheme: str) -> None:
    with silent() as address:
        error = refused(mirror_of(None, f"{scheme}://{address}/shop", timeout_seconds=0.5))
    assert str(error) == "git fetch took more than 0.5 s"


def test_a_server_that_never_ends_is_given_up(server: GitServer, mirror_of: MirrorOf) -> None:
    line = b"003f0000000000000000000000000000000000000000 refs/heads/a-branch\n"
    head = b"001e# service=git-upload-pack\n0000"
    server.trick = lambda _: (
        200,
        {"Content-Type": "application/x-git-upload-pack-advertisement"},
        itertools.chain((head,), itertools.repeat(line)),
    )
    assert "took more than 1 s" in str(refused(mirror_of(CA, timeout_seconds=1)))


def test_a_server_that_answers_without_end_does_not_take_all_memory(server: GitServer, tmp_path: Path) -> None:
    line = b"003f0000000000000000000000000000000000000000 refs/heads/a-branch\n" * 1000
    server.trick = lambda _: (
        200,
        {"Content-Type": "application/x-git-upload-pack-advertisement"},
        itertools.chain((b"001e# service=git-upload-pack\n0000",), itertools.repeat(line)),
    )
    credentials = Credentials.from_secret(CA, where="Secret team/git")
    mirror = Mirror(
        f"{server.url}/shop", cache_directory=tmp_path / "cache", credentials=credentials, max_memory_bytes=64 << 20
    )
    error = refused(mirror)
    assert "Out of memory" in str(error)
    assert error.hint.startswith("the server answers with more than anybody needs")


def test_a_repository_that_is_too_large_is_not_taken(repository: Repository, server: GitServer, tmp_path: Path) -> None:
    (repository.path / "large").write_bytes(os.urandom(1 << 20))
    repository.commit({})
    server.filters = False
    credentials = Credentials.from_secret(CA, where="Secret team/git")
    mirror = Mirror(
        f"{server.url}/shop", cache_directory=tmp_path / "cache", credentials=credentials, max_pack_bytes=1 << 18
    )
    assert refused(mirror).hint.startswith("the repository is larger than it may be")


def test_what_a_server_says_does_not_steer_a_terminal_nor_repeat_a_secret(
    server: GitServer, mirror_of: MirrorOf
) -> None:
    words = b"\x1b[2J s3cret-t0ken is not known here"
    body = b"0000" + b"%04xERR %s" % (len(words) + 8, words)
    server.trick = lambda _: (
        200,
        {"Content-Type": "application/x-git-upload-pack-advertisement", "Content-Length": str(len(body) + 30)},
        iter((b"001e# service=git-upload-pack\n", body)),
    )
    error = refused(mirror_of({**TOKEN, **CA}))
    assert "\x1b" not in str(error)
    assert "… is not known here" in str(error)


def test_an_unknown_repository_is_named(server: GitServer, mirror_of: MirrorOf) -> None:
    assert f"{server.url}/nowhere" in str(refused(mirror_of(CA, f"{server.url}/nowhere")))


# --- what is fetched ---


def test_only_the_files_that_are_read_are_fetched(
    repository: Repository, server: GitServer, mirror_of: MirrorOf
) -> None:
    repository.commit({"large/a": "x" * 100_000, "apps/a.yaml": "1\n", "apps/b.yaml": "1\n"})
    second = repository.commit({"apps/a.yaml": "1\n2\n", "large/a": "y" * 100_000})
    mirror = mirror_of(CA)
    commit = mirror.update("main")
    before = server.posts()
    assert files_at(mirror, commit, "apps") == {"apps/a.yaml": b"1\n2\n", "apps/b.yaml": b"1\n"}
    assert server.posts() == before + 1
    assert files_at(mirror, commit, "apps/") == files_at(mirror, commit, "apps")
    assert mirror.text(commit, "apps/a.yaml") == b"1\n2\n"
    assert mirror.last_commits(commit, ["apps/a.yaml"])["apps/a.yaml"].sha == second
    assert server.posts() == before + 1
    assert mirror.text(commit, "apps/nowhere") is None
    large = repository.git("rev-parse", "HEAD:large/a")
    with pytest.raises(SourceError):
        mirror._git.run("cat-file", "blob", large)


def test_small_files_that_are_new_come_along_with_the_commit(
    repository: Repository, server: GitServer, mirror_of: MirrorOf
) -> None:
    repository.commit({"apps/a.yaml": "1\n", "apps/b.yaml": "1\n"})
    mirror = mirror_of(CA)
    files_at(mirror, mirror.update("main"), "")
    repository.commit({"apps/a.yaml": "2\n", "large/a": "y" * 100_000})
    commit = mirror.update("main")
    before = server.posts()
    assert files_at(mirror, commit, "apps") == {"apps/a.yaml": b"2\n", "apps/b.yaml": b"1\n"}
    assert server.posts() == before
    assert files_at(mirror, commit, "large") == {"large/a": b"y" * 100_000}
    assert server.posts() == before + 1


def test_where_small_files_are_too_many_those_that_are_read_come_later(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    repository.commit({"apps/a.yaml": "1\n"})
    credentials = Credentials.from_secret(CA, where="Secret team/git")
    mirror = Mirror(
        f"{server.url}/shop", cache_directory=tmp_path / "cache", credentials=credentials, max_pack_bytes=1 << 18
    )
    mirror.update("main")
    for number in range(120):
        (repository.path / f"small-{number}").write_bytes(os.urandom(1 << 13))
    repository.commit({"apps/a.yaml": "2\n"})
    assert files_at(mirror, mirror.update("main"), "apps") == {"apps/a.yaml": b"2\n"}


def test_blame_looks_through_a_history_that_is_not_here_yet(
    repository: Repository, server: GitServer, mirror_of: MirrorOf
) -> None:
    first = repository.commit({"apps/old.yaml": "one: 1\ntwo: 2\nthree: 3\nfour: 4\n"})
    second = repository.commit({"apps/old.yaml": "one: 1\ntwo: II\nthree: 3\nfour: 4\n"})
    repository.git("mv", "apps/old.yaml", "apps/new.yaml")
    third = repository.commit({"apps/new.yaml": "one: 1\ntwo: II\nthree: III\nfour: 4\n"})
    server.authorization = "Bearer s3cret-t0ken"
    mirror = mirror_of({**TOKEN, **CA})
    found = mirror.blame(mirror.update("main"), "apps/new.yaml", [1, 2, 3])
    assert {line: commit.sha for line, commit in found.items()} == {1: first, 2: second, 3: third}


def test_a_server_that_cannot_leave_files_out_serves_as_well(
    repository: Repository, server: GitServer, mirror_of: MirrorOf
) -> None:
    server.filters = False
    sha = repository.commit({"apps/a.yaml": "1\n"})
    mirror = mirror_of(CA)
    commit = mirror.update("main")
    assert files_at(mirror, commit, "") == {"apps/a.yaml": b"1\n"}
    assert mirror.blame(commit, "apps/a.yaml", [1])[1].sha == sha


def test_only_one_short_question_is_asked_where_nothing_moved(
    repository: Repository, server: GitServer, mirror_of: MirrorOf
) -> None:
    repository.commit({"a": "1"})
    repository.git("tag", "v1.0.0")
    repository.git("update-ref", "refs/pull/1/head", "HEAD")
    mirror = mirror_of(CA)
    for revision in ("main", "1.x", "refs/pull/1/head"):
        mirror.update(revision)
        before = len(server.received)
        mirror.update(revision)
        assert len(server.received) <= before + 2
        assert mirror.update(revision).sha == mirror.resolve("HEAD").sha


def test_an_empty_repository_over_https_has_no_revision(
    repository: Repository, server: GitServer, mirror_of: MirrorOf
) -> None:
    mirror = mirror_of(CA)
    assert "it is empty" in str(refused(mirror))
    sha = repository.commit({})
    assert mirror.update("HEAD").sha == sha


def test_rewritten_history_is_followed(repository: Repository, server: GitServer, mirror_of: MirrorOf) -> None:
    repository.commit({"a": "1"})
    mirror = mirror_of(CA)
    files_at(mirror, mirror.update("main"), "")
    repository.git("commit", "--quiet", "--amend", "--message", "another")
    repository.commit({"a": "2"})
    assert files_at(mirror, mirror.update("main"), "") == {"a": b"2"}


@pytest.mark.parametrize("kustomized", [False, True])
def test_what_a_commit_declares_is_read_from_a_server(
    repository: Repository, server: GitServer, mirror_of: MirrorOf, kustomized: bool
) -> None:
    files = {"apps/web/a.yaml": CONFIG_MAP.format("a"), "base/b.yaml": CONFIG_MAP.format("b")}
    if kustomized:
        files["apps/web/kustomization.yaml"] = "resources: [a.yaml, ../../base]\n"
        files["base/kustomization.yaml"] = "resources: [b.yaml]\n"
        kustomize = shutil.which("kustomize") or shutil.which("kubectl")
        if not kustomize:
            pytest.skip("neither kustomize nor kubectl is on PATH")
    sha = repository.commit(files)
    mirror = mirror_of(CA)
    mirror.update("main")
    desired = from_mirror(mirror, "main", "apps/web")
    expected = ["apps/web/a.yaml:1", "base/b.yaml:1"] if kustomized else ["apps/web/a.yaml:1"]
    assert sorted(str(one.origin) for one in desired.declared) == expected
    assert {commit.sha for commit in desired.file_commits.values()} == {sha}
    assert desired.text_of("apps/web/a.yaml") == CONFIG_MAP.format("a").encode()
    assert desired.blame is not None
    blamed = desired.blame("apps/web/a.yaml", [1])[1]
    assert blamed is not None
    assert blamed.sha == sha
