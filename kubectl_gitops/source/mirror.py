"""A bare mirror of a repository: brought up to date from the remote, read without ever checking anything out."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source.address import parse_address
from kubectl_gitops.source.blame import blame
from kubectl_gitops.source.commit import Commit
from kubectl_gitops.source.gitcommand import GitCommand, GitFailed, remote_environment
from kubectl_gitops.source.path import NoSuchPath, normal_path
from kubectl_gitops.source.revision import REMOTE_HEAD, resolve
from kubectl_gitops.source.tree import last_commits, list_tree, read_blobs

_REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")

#: Is in a mirror that was fetched at least once, and is as old as the last fetch.
_COMPLETE = "kubectl-gitops-fetched"

_HINTS = (
    ("Host key verification failed", "add the host's key to known_hosts"),
    ("Permission denied (publickey", "the repository does not accept this ssh key"),
    ("could not read Username", "the repository is private or does not exist; give credentials for it"),
    ("Authentication failed", "the credentials are wrong or have expired"),
    ("dubious ownership", "the repository belongs to another user of this machine"),
)


class Mirror:
    """A bare mirror of one repository, kept under a cache directory.

    Any number of processes may use one mirror; only ``fetch`` writes, under a lock. With ``use_user_config``
    a person's own git configuration, credentials and ssh agent are used to reach the repository.
    """

    def __init__(
        self,
        url: str,
        *,
        cache_directory: Path,
        allow_file: bool = False,
        allow_http: bool = False,
        use_user_config: bool = False,
        timeout_seconds: float = 60,
    ) -> None:
        address = parse_address(url, allow_file=allow_file, allow_http=allow_http)
        #: The URL as it may be shown.
        self.url = address.shown
        self.path = cache_directory.absolute() / hashlib.sha256(address.url.encode()).hexdigest()[:32]
        self._remote = address.url
        network = remote_environment(address.protocol, use_user_config=use_user_config)
        self._git = GitCommand(self.path, network=network, timeout_seconds=timeout_seconds)
        #: By which name each commit was asked for, to say it in messages.
        self._asked: dict[str, str] = {}

    def fetch(self) -> None:
        """Makes the mirror, or brings it up to date: all branches and tags, and none that are gone."""
        with self._locked(), self._reaching():
            self._git.run("init", "--quiet", "--bare", "--template=")
            try:
                self._fetch(*_REFSPECS, f"+HEAD:{REMOTE_HEAD}")
            except GitFailed as exc:
                # An empty repository, and a bundle of some branches, have no HEAD.
                if "remote ref HEAD" not in exc.stderr:
                    raise
                self._fetch(*_REFSPECS)
                self._git.run("update-ref", "-d", REMOTE_HEAD)
            (self.path / _COMPLETE).touch()

    def remote_moved(self) -> bool:
        """Whether a branch or tag is not what it was at the last fetch: one short question to the remote.

        That the remote's HEAD names another branch now is not noticed, only taken along by the next fetch:
        asking for HEAD would have the remote list every pull request too.
        """
        if not self._was_fetched():
            return True
        with self._reaching():
            theirs = self._git.run_remote("ls-remote", "--quiet", "--heads", "--tags", "--refs", "--", self._remote)
        ours = self._git.run("for-each-ref", "--format=%(objectname)%09%(refname)", "refs/heads", "refs/tags")
        return sorted(theirs.splitlines()) != sorted(ours.splitlines())

    def resolve(self, revision: str) -> Commit:
        """The commit that a branch, a tag, HEAD, or a full or unique short commit hash names."""
        if not self._was_fetched():
            raise SourceError(f"{self.url} was not fetched yet")
        commit = resolve(self._git, revision, url=self.url)
        self._asked[commit.sha] = revision
        return commit

    def files(self, commit: Commit, path: str, *, keep: Callable[[str], bool] | None = None) -> dict[str, bytes]:
        """Every regular file at or below ``path``, by its path from the root; only those that ``keep`` wants.

        Symbolic links and submodules are left out.
        """
        path = normal_path(path)
        entries = list_tree(self._git, commit.sha, path)
        if path and not entries:
            raise NoSuchPath(f"no such path {path!r} at {self._described(commit)}")
        if any(one.path == path and not one.is_file for one in entries):
            raise SourceError(f"{path!r} is a symbolic link or a submodule at {self._described(commit)}")
        return read_blobs(self._git, [one for one in entries if one.is_file and (keep is None or keep(one.path))])

    def text(self, commit: Commit, path: str) -> bytes | None:
        """The content of one file; None if there is none. It costs one process, where ``files`` costs two."""
        try:
            return self._git.run("cat-file", "blob", f"{commit.sha}:{normal_path(path)}")
        except GitFailed as exc:
            if "does not exist" in exc.words or "bad file" in exc.words:
                return None
            raise

    def last_commits(self, commit: Commit, paths: Collection[str]) -> dict[str, Commit]:
        """For each path the newest commit, reachable from ``commit``, that made the file what it is there."""
        return last_commits(self._git, commit.sha, paths)

    def blame(self, commit: Commit, path: str, lines: Collection[int]) -> dict[int, Commit]:
        """For each of ``lines`` (from 1) of a file as ``commit`` has it the last commit that touched it."""
        return blame(self._git, commit.sha, normal_path(path), lines)

    def _described(self, commit: Commit) -> str:
        asked = self._asked.get(commit.sha, commit.sha)
        return f"commit {commit.short}" if commit.sha.startswith(asked) else f"revision {asked} ({commit.short})"

    def _fetch(self, *refspecs: str) -> None:
        self._git.run_remote(
            "fetch", "--quiet", "--prune", "--force", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules",
            "--", self._remote, *refspecs,
        )  # fmt: skip

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except GitFailed as exc:
            hint = next((hint for sign, hint in _HINTS if sign in exc.stderr), "")
            raise SourceError(f"cannot reach repository {self.url}: {exc.words}", hint=hint) from exc

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise SourceError(f"cannot keep a mirror in {self.path.parent}: {exc.strerror}") from exc
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._remove_stale_locks()
            yield
        finally:
            os.close(descriptor)

    def _remove_stale_locks(self) -> None:
        """Whoever left one of git's locks behind is gone, because we hold the one lock for writing."""
        for stale in (*self.path.glob("*.lock"), *(self.path / "refs").rglob("*.lock")):
            stale.unlink(missing_ok=True)

    def _was_fetched(self) -> bool:
        return (self.path / _COMPLETE).is_file()


def default_cache_directory() -> Path:
    """Where mirrors are kept unless somebody says otherwise; the XDG specification has relative paths ignored."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".cache") / "kubectl-gitops" / "mirrors"
