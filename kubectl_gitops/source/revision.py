"""What a revision names: a branch, a tag, HEAD, a commit, another reference, or the newest tag in a range of versions.

Expressions (``main~3``) are not taken. A range is told from a name by an operator or a wildcard in it, or by a
``semver:`` before it; what stands before the version in the tags of one part of a repository stands before the
range, too: ``shop/v1.x``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source import commit as commits
from kubectl_gitops.source.commit import Commit
from kubectl_gitops.source.gitcommand import GitCommand
from kubectl_gitops.source.gone import GoneReferences
from kubectl_gitops.source.semver import Range, Version, parse_version

#: Where a mirror keeps the remote's HEAD; its own HEAD names a branch, which need not exist.
REMOTE_HEAD = "refs/kubectl-gitops/HEAD"

_SHA = re.compile(r"[0-9a-f]{40}")
_SHORT_SHA = re.compile(r"[0-9a-f]{4,40}")
# What git refuses in the name of a reference; that keeps options and expressions out too.
_NO_NAME = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|^-|^/|//|/$|\.$")
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f]")
_RANGE = re.compile(r"(?P<explicit>semver:)?(?P<prefix>(?:[^-\s<>=~^*|,!][^\s<>=~^*|,!]*[/@_-])?)v?(?P<range>.+)")
_OPERATOR_OR_WILDCARD = re.compile(r"[<>=~^*|,]|\.[xX]\b|\s-\s")


@dataclass(frozen=True, slots=True)
class Resolved:
    """A commit, and by which name people know that it was found: ``v1.4.2`` for the range ``1.x``."""

    commit: Commit
    name: str


@dataclass(frozen=True, slots=True)
class _TagRange:
    """A range of the versions of tags, which have ``prefix`` before them."""

    prefix: str
    text: str
    versions: Range

    def version_of(self, tag: str) -> Version | None:
        if not tag.startswith(self.prefix):
            return None
        return parse_version(tag.removeprefix(self.prefix).removeprefix("v"))


def resolve(git: GitCommand, revision: str, *, url: str, gone: GoneReferences) -> Resolved:
    """The commit that ``revision`` names in the repository that is shown as ``url``."""
    tags = _tag_range(revision)
    is_name = bool(revision) and not _NO_NAME.search(revision)
    if not is_name and tags is None:
        raise SourceError(f"{revision!r} is not the name of a branch, tag or commit, nor a range of versions")
    found = dict.fromkeys(_named(git, revision) if is_name else (), revision)
    if tags is not None and (newest := next(_in_range(git, tags), None)):
        tag, sha = newest
        found.setdefault(sha, tag)
    if len(found) > 1:
        raise _ambiguous(revision, tags, url)
    if not found:
        raise _no_such_version(git, tags, url) if tags else _no_such_revision(git, revision, url, gone)
    sha, name = found.popitem()
    return Resolved(_commit(git, sha), name)


def is_full_commit(revision: str) -> bool:
    """Whether ``revision`` is the whole hash of a commit, which can name nothing else at another time."""
    return bool(_SHA.fullmatch(revision))


def is_other_reference(revision: str) -> bool:
    """Whether ``revision`` is a reference that is no branch and no tag: ``refs/pull/1/head``."""
    return revision.startswith("refs/") and not revision.startswith(("refs/heads/", "refs/tags/"))


def check_reference(name: str) -> None:
    """Raises SourceError on what is no reference of a remote, before git is asked for it."""
    if _NO_NAME.search(name) or name.startswith("refs/kubectl-gitops/"):
        raise SourceError(f"{name!r} is not the name of a reference")


def _named(git: GitCommand, revision: str) -> set[str]:
    found = set(_commits_named(git, *_names(revision)))
    if not found and _SHORT_SHA.fullmatch(revision):
        found = set(_commits_named(git, revision))
        if not found and _is_ambiguous(git, revision):
            raise SourceError(f"{revision!r} is the beginning of several hashes", hint="give more of the hash")
    return found


def _names(revision: str) -> list[str]:
    if revision == "HEAD":
        return [REMOTE_HEAD]
    if revision.startswith("refs/"):
        return [revision]
    return [f"refs/heads/{revision}", f"refs/tags/{revision}"]


def _commits_named(git: GitCommand, *names: str) -> list[str]:
    asked = "".join(f"{name}^{{commit}}\n" for name in names)
    answer = git.run("cat-file", "--batch-check=%(objectname)", stdin=asked.encode()).decode(errors="replace")
    # What is not there, or not unique, is answered with its name and the reason.
    return [line for line in answer.splitlines() if _SHA.fullmatch(line)]


def _is_ambiguous(git: GitCommand, short: str) -> bool:
    return git.run("cat-file", "--batch-check", stdin=f"{short}\n".encode()).rstrip().endswith(b" ambiguous")


def _commit(git: GitCommand, sha: str) -> Commit:
    record = git.run("log", "-1", "--no-show-signature", f"--format={commits.FORMAT}", sha)
    return commits.from_record(record.decode(errors="replace").rstrip("\n"))


# -- versions


def _tag_range(revision: str) -> _TagRange | None:
    match = None if _NO_TEXT.search(revision) else _RANGE.fullmatch(revision)
    if match is None or not (match["explicit"] or _OPERATOR_OR_WILDCARD.search(match["range"])):
        return None
    try:
        return _TagRange(match["prefix"], match["range"], Range(match["range"]))
    except ValueError:
        return None


def _in_range(git: GitCommand, tags: _TagRange) -> Iterator[tuple[str, str]]:
    """(tag, hash of its commit) from the highest version on; of equal versions the younger tag first."""
    found = [(version, tag) for tag, version in _versions(git, tags) if version in tags.versions]
    # They came from the youngest on, and sorting keeps the order of equals.
    for _, tag in sorted(found, key=lambda one: one[0], reverse=True):
        for sha in _commits_named(git, f"refs/tags/{tag}"):
            yield tag, sha


def _versions(git: GitCommand, tags: _TagRange) -> list[tuple[str, Version]]:
    answer = git.run("for-each-ref", "--sort=-creatordate", "--format=%(refname)", "refs/tags").decode(errors="replace")
    names = [name.removeprefix("refs/tags/") for name in answer.splitlines()]
    return [(name, version) for name in names if (version := tags.version_of(name))]


def _no_such_version(git: GitCommand, tags: _TagRange, url: str) -> SourceError:
    versions = sorted(_versions(git, tags), key=lambda one: one[1], reverse=True)
    known = _listed("versions", [name for name, _ in versions])
    of_part = f" that begins with {tags.prefix!r}" if tags.prefix else ""
    hint = "pre-releases count only in a range that names one: >=1.2.0-0" if any(v.pre for _, v in versions) else ""
    return SourceError(
        f"no tag{of_part} is a version in the range {tags.text!r} in {url} ({known[0] if known else 'no versions'})",
        hint=hint,
    )


# -- errors


def _ambiguous(revision: str, tags: _TagRange | None, url: str) -> SourceError:
    if tags:
        return SourceError(
            f"{revision!r} is a name, and also a range of versions, in {url}, at different commits",
            hint=f"say refs/heads/{revision} (or refs/tags/{revision}), or semver:{revision}",
        )
    return SourceError(
        f"{revision!r} is a branch and also a tag in {url}, at different commits",
        hint=f"say refs/heads/{revision} or refs/tags/{revision}",
    )


def _no_such_revision(git: GitCommand, revision: str, url: str, gone: GoneReferences) -> SourceError:
    answer = git.run("for-each-ref", "--sort=-creatordate", "--format=%(refname)", "refs/heads", "refs/tags")
    names = answer.decode(errors="replace").splitlines()
    branches = [name.removeprefix("refs/heads/") for name in names if name.startswith("refs/heads/")]
    tags = [name.removeprefix("refs/tags/") for name in names if name.startswith("refs/tags/")]
    close = difflib.get_close_matches(revision, [*branches, *tags], n=3)
    for name in _names(revision):
        if sha := gone.last_seen(name):
            other = f", or name another revision: {' or '.join(close)}" if close else ", or name another revision"
            return SourceError(
                f"{_described(name)} is gone from {url}; it was last seen at {sha[:8]}", hint=f"push it again{other}"
            )
    known = "; ".join([*_listed("branches", branches), *_listed("tags", tags)])
    return SourceError(
        f"no such revision {revision!r} in {url} ({known or 'it is empty'})",
        hint=f"did you mean {' or '.join(close)}?" if close else "",
    )


def _described(name: str) -> str:
    for start, kind in (("refs/heads/", "branch"), ("refs/tags/", "tag")):
        if name.startswith(start):
            return f"{kind} {name.removeprefix(start)!r}"
    return "the remote's HEAD" if name == REMOTE_HEAD else f"reference {name!r}"


def _listed(what: str, names: list[str], limit: int = 5) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return [f"{what}: {', '.join(names[:limit])}{more}"]
