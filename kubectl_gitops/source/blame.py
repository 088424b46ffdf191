"""Which commit a line of a file comes from, as ``git blame`` tells, with nothing of a repository run for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from kubectl_gitops.source import commit as commits
from kubectl_gitops.source.commit import Commit
from kubectl_gitops.source.gitcommand import GitCommand, GitFailed
from kubectl_gitops.source.path import NoSuchPath

#: Lines that are closer than this are asked for together with what is between them.
_NEAR = 8
#: More ranges than this cost git more than they spare it.
_MAX_RANGES = 64


def blame(git: GitCommand, sha: str, path: str, lines: Collection[int]) -> dict[int, Commit]:
    """For each of ``lines`` (from 1) of the file at ``path`` in commit ``sha`` the last commit that touched it.

    A driver for textconv, which attributes may name, is the only program that blame would run. Lists of
    commits to pass over are not looked at: what a line says may have come with any commit.
    """
    wanted = set(lines)
    if not wanted:
        return {}
    ranges = [f"-L{first},{last}" for first, last in _ranges(wanted)]
    try:
        output = git.run(
            "blame", "--porcelain", "--no-textconv", "--encoding=UTF-8", *ranges, sha, "--", path,
        )  # fmt: skip
    except GitFailed as exc:
        if exc.words.startswith("no such path"):
            raise NoSuchPath(f"no such path {path!r} at commit {sha[:8]}") from exc
        raise
    return {line: commit for line, commit in _parsed(output) if line in wanted}


def _ranges(lines: set[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for line in sorted(lines):
        if found and line - found[-1][1] <= _NEAR:
            found[-1] = (found[-1][0], line)
        else:
            found.append((line, line))
    return found if len(found) <= _MAX_RANGES else [(found[0][0], found[-1][1])]


def _parsed(output: bytes) -> Iterator[tuple[int, Commit]]:
    """(line, commit) of each line. A commit is described at its first line only; content begins with a tab."""
    known: dict[str, Commit] = {}
    header: dict[str, str] = {}
    sha, line = "", 0
    for text in output.decode(errors="replace").split("\n")[:-1]:
        if text.startswith("\t"):
            if sha not in known:
                known[sha] = _commit(sha, header)
            yield line, known[sha]
            sha, header = "", {}
        elif not sha:
            sha, _, number, *_ = text.split(" ")
            line = int(number)
        else:
            name, _, value = text.partition(" ")
            header[name] = value


def _commit(sha: str, header: dict[str, str]) -> Commit:
    email = header.get("author-mail", "").removeprefix("<").removesuffix(">")
    return commits.described(
        sha, header.get("author", ""), email, header.get("author-time", ""), header.get("summary", "")
    )
