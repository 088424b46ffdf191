"""The history behind a work tree: who wrote the lines that its files have now.

A person's own repository may be configured to run programs (hooks, filters, textconv, a monitor of the
file system), or to fetch what is missing. So it is only asked, once, where its objects are and what HEAD
is; history is read from those objects without any of its configuration. What a file has now takes part
as a commit on top of HEAD that nobody else sees.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source import tree
from kubectl_gitops.source.blame import blame
from kubectl_gitops.source.commit import Commit
from kubectl_gitops.source.gitcommand import GitCommand, GitFailed, WorkTreeCommand
from kubectl_gitops.source.tree import Entry
from kubectl_gitops.source.view import View

#: As far as git itself looks to tell text from what is none.
_BINARY_BYTES = 8000


class Checkout:
    """The checkout whose top is ``root``; SourceError where git does not take it for one, or does not trust it."""

    def __init__(self, root: Path, *, timeout_seconds: float = 60) -> None:
        self._root = root.resolve()
        asked = WorkTreeCommand(self._root, timeout_seconds=timeout_seconds)
        self._view = _view(asked)
        self._head = _head(asked)
        self._git = GitCommand(self._view.path, timeout_seconds=timeout_seconds)

    def last_commits(self, paths: Collection[str]) -> dict[str, Commit]:
        """For each path the last commit that changed the file, unless the work tree has changed it since.

        Files that are not this repository's are left out.
        """
        if self._head is None:
            return {}
        real: dict[str, str] = {}
        for path in paths:
            with suppress(SourceError):
                real[path] = self._real(path)
        committed = tree.entries_at(self._git, self._head, real.values())
        clean = {path: name for path, name in real.items() if self._is_clean(committed.get(name))}
        found = tree.last_commits(self._git, self._head, clean.values())
        return {path: found[name] for path, name in clean.items() if name in found}

    def blame(self, path: str, lines: Collection[int]) -> dict[int, Commit | None]:
        """For each of ``lines`` (from 1) of a file the last commit that touched it; None if it is not committed yet."""
        name = self._real(path)
        entry = tree.entries_at(self._git, self._head, [name]).get(name) if self._head else None
        if self._head is None or entry is None:
            return dict.fromkeys(lines)
        if self._is_clean(entry):
            return {**blame(self._git, self._head, name, lines)}
        changed = self._view.commit(self._head, name, self._as_committed(entry))
        found = blame(self._git, changed, name, lines)
        return {line: None if commit.sha == changed else commit for line, commit in found.items()}

    def _real(self, path: str) -> str:
        """Where the file at ``path`` is, links followed."""
        try:
            file = (self._root / path).resolve()
        except (OSError, RuntimeError, ValueError) as exc:  # links that lead to each other, or no path at all
            raise SourceError(f"{path!a} is no file") from exc
        if not file.is_relative_to(self._root):
            raise SourceError(f"{path} is not in the checkout {self._root}")
        if any((above / ".git").exists() for above in file.parents if self._root in above.parents):
            raise SourceError(f"{path} is in another repository inside of the checkout {self._root}")
        name = file.relative_to(self._root).as_posix()
        try:
            name.encode()
        except UnicodeEncodeError as exc:
            raise SourceError(f"{name!a} is not a name in UTF-8") from exc
        return name

    def _is_clean(self, entry: Entry | None) -> bool:
        if entry is None or not entry.is_file:
            return False
        try:
            content = self._content(entry)
        except SourceError:
            return False
        return entry.sha in {self._view.blob_name(content), self._view.blob_name(_with_line_feeds(content))}

    def _as_committed(self, entry: Entry) -> bytes:
        """The file as it would be committed. Its line ends count only where git has such ones too."""
        committed = tree.read_blobs(self._git, [entry])[entry.path]
        if b"\0" in committed[:_BINARY_BYTES]:
            raise SourceError(f"{entry.path} is not text as git keeps it, so its lines cannot be compared")
        content = self._content(entry)
        return content if b"\r\n" in committed else _with_line_feeds(content)

    def _content(self, entry: Entry) -> bytes:
        try:
            return (self._root / entry.path).read_bytes()
        except OSError as exc:
            raise SourceError(f"cannot read {entry.path}: {exc.strerror}") from exc


def _view(asked: GitCommand) -> View:
    try:
        answer = asked.run(
            "rev-parse", "--show-object-format", "--path-format=absolute", "--git-path", "objects",
            "--git-path", "shallow",
        ).decode(errors="surrogateescape")  # fmt: skip
    except GitFailed as exc:
        hint = "trust it: git config --global --add safe.directory <path>" if "dubious" in exc.stderr else ""
        raise SourceError(f"the history of this checkout cannot be read: {exc.words}", hint=hint) from exc
    try:
        object_format, objects, shallow, _ = answer.split("\n")
        return View(Path(objects), Path(shallow), object_format)
    except ValueError as exc:
        raise SourceError("the history of this checkout cannot be read: its path has a line feed") from exc
    except OSError as exc:
        raise SourceError(f"the history of this checkout cannot be read: {exc.strerror}") from exc


def _head(asked: GitCommand) -> str | None:
    """The commit that is checked out; None before the first one."""
    try:
        return asked.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}").decode().strip()
    except GitFailed as exc:
        if exc.stderr:
            raise
        return None


def _with_line_feeds(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n")
