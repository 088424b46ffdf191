"""A bare mirror of a repository: brought up to date from the remote, read without ever checking anything out."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source.address import parse_address
from kubectl_gitops.source.blame import blame
from kubectl_gitops.source.cache import mirror_directory
from kubectl_gitops.source.commit import Commit
from kubectl_gitops.source.credentials import Credentials
from kubectl_gitops.source.gitcommand import (
    MAX_MEMORY_BYTES,
    MAX_PACK_BYTES,
    Answer,
    FetchingCommand,
    GitCommand,
    GitFailed,
)
from kubectl_gitops.source.gone import GoneReferences
from kubectl_gitops.source.network import Network
from kubectl_gitops.source.path import normal_path
from kubectl_gitops.source.promised import PromisedFiles
from kubectl_gitops.source.remote import Remote, parse_references
from kubectl_gitops.source.revision import check_reference, is_full_commit, is_other_reference, resolve
from kubectl_gitops.source.tree import commits_between, last_commits

#: Is in a mirror that was fetched at least once, and is as old as the last fetch.
_COMPLETE = "kubectl-gitops-fetched"
_GONE = "kubectl-gitops-gone"


class Mirror:
    """A bare mirror of one repository, kept under a cache directory.

    Any number of processes may use one mirror; whoever writes holds its lock. Each set of credentials has a mirror
    of its own, so that nobody reads what only others may. With ``use_user_config`` a person's own git
    configuration, credentials and ssh agent are used to reach the repository.

    From servers the mirror takes the whole history, but of the files only those that are read, and small ones that
    are new: fetching that way is quick where a history is long, and who changed what can still be told without asking
    again.
    """

    def __init__(
        self,
        url: str,
        *,
        cache_directory: Path,
        credentials: Credentials | None = None,
        allow_file: bool = False,
        allow_http: bool = False,
        use_user_config: bool = False,
        timeout_seconds: float = 60,
        max_pack_bytes: int = MAX_PACK_BYTES,
        max_memory_bytes: int = MAX_MEMORY_BYTES,
    ) -> None:
        address = parse_address(url, allow_file=allow_file, allow_http=allow_http)
        if credentials is not None:
            credentials.check_for(address.protocol)
        #: The URL as it may be shown.
        self.url = address.shown
        self.path = mirror_directory(cache_directory.absolute(), address, credentials)
        network = Network(address=address, credentials=credentials, use_user_config=use_user_config)
        from_server = address.protocol != "file"
        self._git, self._fetching_git = (
            kind(
                self.path,
                remote=network,
                timeout_seconds=timeout_seconds,
                max_pack_bytes=max_pack_bytes,
                max_memory_bytes=max_memory_bytes,
            )
            for kind in (GitCommand, FetchingCommand if from_server else GitCommand)
        )
        self._remote = Remote(self._git, network, blobless=from_server)
        self._promised = PromisedFiles(self._git, self._remote, self._locked) if from_server else None
        self._gone = GoneReferences(self.path / _GONE)
        #: By which name each commit was asked for, to say it in messages.
        self._asked: dict[str, str] = {}

    def update(self, revision: str) -> Commit:
        """The commit that ``revision`` names at the remote now. It is asked, and fetched from if anything moved."""
        if is_other_reference(revision):
            self.fetch_reference(revision)
        elif is_full_commit(revision):
            if not self._has(revision) and self.remote_moved():
                self.fetch()
            if not self._has(revision):
                with self._locked():
                    self._remote.fetch_commit(revision)
        elif self.remote_moved():
            self.fetch()
        return self.resolve(revision)

    def fetch(self) -> None:
        """Makes the mirror, or brings it up to date: all branches and tags, and none that are gone."""
        with self._locked():
            self._make()
            before = self._references()
            self._remote.fetch(again=self._was_fetched())
            self._gone.note(before, self._references())
            (self.path / _COMPLETE).touch()

    def fetch_reference(self, name: str) -> None:
        """Brings one reference up to date that is neither a branch nor a tag."""
        check_reference(name)
        with self._locked():
            self._make()
            before = self._references(name)
            self._remote.fetch_reference(name)
            self._gone.note(before, self._references(name))

    def remote_moved(self) -> bool:
        """Whether a branch or tag is not what it was at the last fetch: one short question to the remote.

        That the remote's HEAD names another branch now is not noticed, only taken along by the next fetch:
        asking for HEAD would have the remote list every pull request too.
        """
        return not self._was_fetched() or self._remote.listing() != self._references()

    def resolve(self, revision: str) -> Commit:
        """The commit that a revision names, as far as the mirror knows: see kubectl_gitops.source.revision."""
        if not self._was_fetched() and not (self._is_made() and is_other_reference(revision)):
            raise SourceError(f"{self.url} was not fetched yet")
        found = resolve(self._git, revision, url=self.url, gone=self._gone)
        name = revision if found.name == revision else f"{revision}, {found.name}"
        self._asked[found.commit.sha] = name
        return found.commit

    def need(self, commit: Commit, path: str, *, history: bool = False) -> None:
        """Has the files below ``path`` fetched that the mirror lacks; with ``history`` all versions of them."""
        if self._promised is not None:
            self._promised.need(commit.sha, path, history=history)

    @property
    def objects(self) -> GitCommand:
        """Git on what the mirror has, for who reads its objects directly; see :meth:`need`."""
        return self._git

    def text(self, commit: Commit, path: str) -> bytes | None:
        """The content of one file; None if there is none. It costs one process."""
        path = normal_path(path)
        self.need(commit, path)
        try:
            return self._git.run("cat-file", "blob", f"{commit.sha}:{path}")
        except GitFailed as exc:
            if "does not exist" in exc.words or "bad file" in exc.words:
                return None
            raise

    def last_commits(self, commit: Commit, paths: Collection[str]) -> dict[str, Commit]:
        """For each path the newest commit, reachable from ``commit``, that made the file what it is there."""
        return last_commits(self._git, commit.sha, paths)

    def blame(self, commit: Commit, path: str, lines: Collection[int]) -> dict[int, Commit]:
        """For each of ``lines`` (from 1) of a file as ``commit`` has it the last commit that touched it."""
        path = normal_path(path)
        self.need(commit, path, history=True)
        try:
            return blame(self._git, commit.sha, path, lines)
        except GitFailed:
            # Where a file was renamed, its history goes on in files that were not known to be needed.
            if self._promised is None:
                raise
            return blame(self._fetching_git, commit.sha, path, lines)

    def commits_between(self, since: str | None, commit: Commit) -> list[Commit]:
        """The commits that ``commit`` has and ``since`` has not, the newest first; without ``since`` only ``commit``.

        SourceError where ``since`` is not in the repository any more.
        """
        if since is None:
            return [commit]
        if not self._has(since):
            with self._locked():
                self._remote.fetch_commit(since)
            if not self._has(since):
                raise SourceError(
                    f"commit {since[:8]} is not in {self.url} any more, so what came after it is not known"
                )
        return commits_between(self._git, since, commit.sha)

    def check_signature(self, commit: Commit, environment: Mapping[str, str]) -> tuple[str, Answer]:
        """(the first line of the commit's signature, "" if there is none; how git found it with that environment)."""
        text = self._git.run("cat-file", "commit", commit.sha).decode(errors="replace")
        header = next((line for line in text.partition("\n\n")[0].splitlines() if line.startswith("gpgsig ")), "")
        answer = self._git.attempt("verify-commit", "--raw", commit.sha, environment=environment)
        return header.removeprefix("gpgsig "), answer

    def remove(self) -> None:
        """Takes the mirror away from the disk."""
        with self._locked():
            shutil.rmtree(self.path, ignore_errors=True)

    def described(self, commit: Commit) -> str:
        """The commit, and as what it was asked for, as part of a sentence."""
        asked = self._asked.get(commit.sha, commit.sha)
        return f"commit {commit.short}" if commit.sha.startswith(asked) else f"revision {asked} ({commit.short})"

    def _make(self) -> None:
        self._git.run("init", "--quiet", "--bare", "--template=")

    def _references(self, *names: str) -> dict[str, str]:
        format_ = "--format=%(objectname)%09%(refname)"
        return parse_references(self._git.run("for-each-ref", format_, *(names or ("refs/heads", "refs/tags"))))

    def _has(self, sha: str) -> bool:
        if not self._is_made():
            return False
        answer = self._git.run("cat-file", "--batch-check=%(objecttype)", stdin=f"{sha}\n".encode())
        return answer.strip() == b"commit"

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

    def _is_made(self) -> bool:
        return (self.path / "objects").is_dir()

    def _was_fetched(self) -> bool:
        return (self.path / _COMPLETE).is_file()


def default_cache_directory() -> Path:
    """Where mirrors are kept unless somebody says otherwise; the XDG specification has relative paths ignored."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".cache") / "kubectl-gitops" / "mirrors"
