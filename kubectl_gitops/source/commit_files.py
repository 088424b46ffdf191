"""The files of one commit, straight from git's objects: nothing is checked out, so nothing of it can act.

Sizes are asked for before anything is read. A symbolic link counts as the file that it leads to, if that is a
file of the same listing; any other link, and a submodule, is as if it were not there.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Sequence

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.errors import SourceError
from kubectl_gitops.source.files import Keep
from kubectl_gitops.source.gitcommand import GitCommand
from kubectl_gitops.source.limits import Budget, Limits
from kubectl_gitops.source.mirror import Mirror
from kubectl_gitops.source.path import NoSuchPath, is_below, join, leaves_root
from kubectl_gitops.source.tree import Entry, blob_sizes, list_tree, read_blobs

#: As the kernel has it, about: more links than these are a loop.
_MAX_LINKS = 16
_MAX_LINK_BYTES = _MAX_PATH_LENGTH = 4096
_NOT_UTF8 = "\N{REPLACEMENT CHARACTER}"


class CommitFiles:
    """The files of the commit ``sha`` of a bare repository; ``described`` names it in messages.

    ``need`` has what is below a directory fetched, where the repository may lack it.
    """

    def __init__(
        self,
        git: GitCommand,
        sha: str,
        *,
        described: str,
        limits: Limits,
        need: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._git = git
        self._sha = sha
        self._need = need
        self._described = described
        self._budget = Budget(limits)
        self._listings: dict[str, dict[str, Entry]] = {}
        self._known: dict[str, Entry] = {}

    @classmethod
    def of(cls, mirror: Mirror, commit: Commit, limits: Limits) -> CommitFiles:
        """The files of a commit that the mirror knows; those that it lacks are fetched when they are listed."""
        return cls(
            mirror.objects,
            commit.sha,
            described=mirror.described(commit),
            limits=limits,
            need=lambda directory: mirror.need(commit, directory),
        )

    @property
    def listed(self) -> list[str]:
        """The directories that were looked at: nothing outside of them was."""
        return sorted(self._listings)

    @property
    def sensitive(self) -> bool:
        return False

    def list(self, directory: str, *, keep: Keep | None = None, hidden: bool = True) -> list[str]:
        entries = self._entries(directory)
        if directory and not entries:
            raise NoSuchPath(f"no such path {directory!r} at {self._described}")
        if (itself := entries.get(directory)) and not itself.is_file:
            what = "a symbolic link" if itself.is_link else "a submodule"
            raise SourceError(f"{directory!r} is {what} at {self._described}")
        wanted = {
            path: one
            for path, one in entries.items()
            if (keep is None or keep(path)) and (hidden or not _is_in_hidden(path, directory))
        }
        found = self._followed(wanted, entries)
        for path in found:
            if _NOT_UTF8 in path or len(path) > _MAX_PATH_LENGTH:
                what = "is not UTF-8" if _NOT_UTF8 in path else f"has more than {_MAX_PATH_LENGTH:,} characters"
                raise SourceError(f"{path[:80]!r} at {self._described}: the name of this file {what}")
        self._known.update(found)
        return sorted(found)

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        wanted = [Entry("100644", self._known[path].sha, path) for path in paths]
        for entry, size in zip(wanted, blob_sizes(self._git, wanted), strict=True):
            self._budget.file(entry.path, size)
        return read_blobs(self._git, wanted)

    def ids(self, paths: Sequence[str]) -> dict[str, str | None]:
        """Which tree or blob each path is: whatever is below it has not changed where that has not."""
        if not paths or any("\n" in path for path in paths):
            return {}
        names = "".join(f"{self._sha}:{path}\n" for path in paths).encode()
        answer = self._git.run("cat-file", "--batch-check=%(objectname)", stdin=names).decode().splitlines()
        return {path: None if line.endswith(" missing") else line for path, line in zip(paths, answer, strict=True)}

    def shown(self, path: str) -> str:
        return path

    def _entries(self, directory: str) -> dict[str, Entry]:
        if directory not in self._listings:
            self._need(directory)
            self._listings[directory] = {one.path: one for one in list_tree(self._git, self._sha, directory)}
        return self._listings[directory]

    def _followed(self, wanted: dict[str, Entry], entries: dict[str, Entry]) -> dict[str, Entry]:
        """The files of ``wanted``, each link replaced by the file of ``entries`` that it leads to."""
        found = {path: one for path, one in wanted.items() if one.is_file}
        if any(one.is_link for one in wanted.values()):
            targets = self._link_targets(entries)
            for path, one in wanted.items():
                if one.is_link and (end := _end_of(path, targets, entries)) is not None:
                    found[path] = end
        return found

    def _link_targets(self, entries: dict[str, Entry]) -> dict[str, str]:
        links = [one for one in entries.values() if one.is_link]
        sizes = blob_sizes(self._git, links)
        short = [one for one, size in zip(links, sizes, strict=True) if size <= _MAX_LINK_BYTES]
        return {path: text.decode(errors="replace") for path, text in read_blobs(self._git, short).items()}


def _end_of(path: str, targets: dict[str, str], entries: dict[str, Entry]) -> Entry | None:
    for _ in range(_MAX_LINKS):
        target = targets.get(path)
        if target is None:
            end = entries.get(path)
            return end if end is not None and end.is_file else None
        path = join(posixpath.dirname(path), target)
        if leaves_root(path):
            return None
    return None


def _is_in_hidden(path: str, directory: str) -> bool:
    below = posixpath.relpath(path, directory) if directory and is_below(path, directory) else path
    return any(part.startswith(".") for part in below.split("/")[:-1])
