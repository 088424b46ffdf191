"""What a revision names: a branch, a tag, HEAD or a commit. Expressions (``main~3``) are not taken."""

from __future__ import annotations

import difflib
import re

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source import commit as commits
from kubectl_gitops.source.commit import Commit
from kubectl_gitops.source.gitcommand import GitCommand

#: Where a mirror keeps the remote's HEAD; its own HEAD names a branch, which need not exist.
REMOTE_HEAD = "refs/kubectl-gitops/HEAD"

_SHA = re.compile(r"[0-9a-f]{40}")
_SHORT_SHA = re.compile(r"[0-9a-f]{4,40}")
# What git refuses in the name of a reference; that keeps options and expressions out too.
_NO_NAME = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|^-|^/|//|/$|\.$")


def resolve(git: GitCommand, revision: str, *, url: str) -> Commit:
    """The commit that ``revision`` names in the repository that is shown as ``url``."""
    if not revision or _NO_NAME.search(revision):
        raise SourceError(f"{revision!r} is not the name of a branch, tag or commit")
    found = set(_commits_named(git, *_names(revision)))
    if not found and _SHORT_SHA.fullmatch(revision):
        found = set(_commits_named(git, revision))
    if not found:
        raise _no_such_revision(git, revision, url)
    if len(found) > 1:
        hint = f"say refs/heads/{revision} or refs/tags/{revision}"
        raise SourceError(f"{revision!r} is a branch and also a tag in {url}, at different commits", hint=hint)
    return _commit(git, found.pop())


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


def _commit(git: GitCommand, sha: str) -> Commit:
    record = git.run("log", "-1", "--no-show-signature", f"--format={commits.FORMAT}", sha)
    return commits.from_record(record.decode(errors="replace").rstrip("\n"))


def _no_such_revision(git: GitCommand, revision: str, url: str) -> SourceError:
    answer = git.run("for-each-ref", "--sort=-creatordate", "--format=%(refname)", "refs/heads", "refs/tags")
    names = answer.decode(errors="replace").splitlines()
    branches = [name.removeprefix("refs/heads/") for name in names if name.startswith("refs/heads/")]
    tags = [name.removeprefix("refs/tags/") for name in names if name.startswith("refs/tags/")]
    known = "; ".join([*_listed("branches", branches), *_listed("tags", tags)])
    close = difflib.get_close_matches(revision, [*branches, *tags], n=3)
    return SourceError(
        f"no such revision {revision!r} in {url} ({known or 'it is empty'})",
        hint=f"did you mean {' or '.join(close)}?" if close else "",
    )


def _listed(what: str, names: list[str], limit: int = 5) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return [f"{what}: {', '.join(names[:limit])}{more}"]
