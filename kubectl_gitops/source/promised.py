"""The files that a blobless mirror was promised but not given: fetched at once, when they are going to be read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from kubectl_gitops.source.gitcommand import GitCommand
from kubectl_gitops.source.remote import Remote

#: That a path was looked at costs memory to know, and one short command not to.
_MAX_REMEMBERED = 10_000


class PromisedFiles:
    """What the repository of ``git`` lacks of the files of ``remote``. ``locked`` is held while it is fetched."""

    def __init__(self, git: GitCommand, remote: Remote, locked: Callable[[], AbstractContextManager[None]]) -> None:
        self._git = git
        self._remote = remote
        self._locked = locked
        self._had: set[tuple[str, str, bool]] = set()

    def need(self, sha: str, path: str, *, history: bool) -> None:
        """Has all files at and below ``path`` of a commit; with ``history`` of each commit before it too."""
        above = ["", *(path[:end] for end in range(len(path)) if path[end] == "/"), path]
        if any((sha, one, history) in self._had for one in above):
            return
        if missing := self._missing(sha, path, history=history):
            with self._locked():
                self._remote.fetch_files(missing)
        if len(self._had) > _MAX_REMEMBERED:
            self._had.clear()
        self._had.add((sha, path, history))

    def _missing(self, sha: str, path: str, *, history: bool) -> list[str]:
        walk = () if history else ("--no-walk",)
        # This is the one question about missing objects that does not make git fetch them.
        answer = self._git.run("rev-list", "--objects", "--missing=print", *walk, sha, *(("--", path) if path else ()))
        return [line.removeprefix("?") for line in answer.decode(errors="replace").splitlines() if line.startswith("?")]
