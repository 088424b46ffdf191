"""The files of a commit, read from git's objects; and who changed each of them last."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source import commit as commits
from kubectl_gitops.source.commit import Commit
from kubectl_gitops.source.gitcommand import GitCommand
from kubectl_gitops.source.limits import MAX_ENTRIES, LimitExceeded

_SYMLINK, _SUBMODULE = "120000", "160000"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a tree names: a file, a symbolic link or a submodule."""

    mode: str
    sha: str
    path: str

    @property
    def is_file(self) -> bool:
        return self.mode not in {_SYMLINK, _SUBMODULE}

    @property
    def is_link(self) -> bool:
        return self.mode == _SYMLINK


def list_tree(git: GitCommand, sha: str, path: str) -> list[Entry]:
    """All entries at and below ``path``; none if it does not exist. What is no UTF-8 in names is replaced.

    Raises LimitExceeded beyond MAX_ENTRIES, having read no more than those.
    """
    found: list[Entry] = []
    with closing(git.records("ls-tree", "-r", "-z", "--full-tree", sha, *_limited_to(path))) as records:
        for record in records:
            if len(found) == MAX_ENTRIES:
                where = repr(path) if path else "the repository"
                raise LimitExceeded(
                    f"{where} has more than {MAX_ENTRIES:,} files", hint="let the path name a directory with less"
                )
            head, _, name = record.partition("\t")
            mode, _, blob = head.split(" ")
            found.append(Entry(mode, blob, name))
    return found


def entries_at(git: GitCommand, sha: str, paths: Iterable[str]) -> dict[str, Entry]:
    """What is at each of ``paths``; those that do not exist are left out."""
    wanted = set(paths)
    below = next(iter(wanted)) if len(wanted) == 1 else _common_directory(wanted)
    return {one.path: one for one in list_tree(git, sha, below) if one.path in wanted} if wanted else {}


def blob_sizes(git: GitCommand, entries: Collection[Entry]) -> list[int]:
    """How many bytes each entry has; none of them is read for that."""
    if not entries:
        return []
    names = "".join(f"{one.sha}\n" for one in entries).encode()
    answer = git.run("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=names).decode().splitlines()
    missing = next((one.path for one, line in zip(entries, answer, strict=True) if line.endswith(" missing")), None)
    if missing is not None:
        raise SourceError(
            f"{missing!r}: this repository has no content for it", hint="fetch it whole, without a filter"
        )
    return [int(line.rsplit(" ", 1)[1]) for line in answer]


def read_blobs(git: GitCommand, entries: Collection[Entry]) -> dict[str, bytes]:
    """The content of each entry by its path, in one process whatever their number."""
    if not entries:
        return {}
    answer = git.run("cat-file", "--batch", stdin="".join(f"{one.sha}\n" for one in entries).encode())
    contents, position = {}, 0
    for entry in entries:
        start = answer.index(b"\n", position) + 1
        size = int(answer[position : start - 1].rsplit(b" ", 1)[1])
        contents[entry.path] = answer[start : start + size]
        position = start + size + 1
    return contents


def last_commits(git: GitCommand, sha: str, paths: Iterable[str]) -> dict[str, Commit]:
    """For each path the newest commit, reachable from ``sha``, that made the file what it is there.

    One walk from the newest commit on, which ends when all are found. The file's content is compared, so
    that a commit on a side branch whose version lost in the merge is not taken for its author's.
    """
    wanted = set(paths)
    missing = {path: one.sha for path, one in entries_at(git, sha, wanted).items()}
    found: dict[str, Commit] = {}
    with closing(_changes(git, sha, _common_directory(wanted))) as changes:
        while missing and (change := next(changes, None)):
            commit, path, blob = change
            if missing.get(path) == blob:
                found[path] = commit
                del missing[path]
    return found


def commits_between(git: GitCommand, since: str, sha: str) -> list[Commit]:
    """The commits that are reachable from ``sha`` and not from ``since``, the newest first."""
    answer = git.run("log", "-z", "--no-show-signature", f"--format={commits.FORMAT}", sha, f"^{since}")
    return [commits.from_record(record) for record in answer.decode(errors="replace").split("\0") if record]


def _changes(git: GitCommand, sha: str, directory: str) -> Generator[tuple[Commit, str, str]]:
    """(commit, path, blob after it) from the newest on; of a merge only what differs from all its parents."""
    commit: Commit | None = None
    records = git.records(
        "log", "-z", "--raw", "--no-abbrev", "--no-renames", "--diff-merges=combined", "--no-show-signature",
        f"--format=%x1e{commits.FORMAT}", sha, *_limited_to(directory),
    )  # fmt: skip
    with closing(records):
        for record in records:
            text = record.lstrip("\n")
            if text.startswith("\x1e"):
                commit = commits.from_record(text[1:])
            elif text.startswith(":") and commit is not None:
                yield commit, next(records), text.split(" ")[-2]


def _common_directory(paths: Collection[str]) -> str:
    return posixpath.commonpath([posixpath.dirname(path) for path in paths]) if paths else ""


def _limited_to(path: str) -> tuple[str, ...]:
    return ("--", path) if path else ()
