"""Commit statuses: what has become of a commit, told to where it came from (GitHub, GitLab, Gitea, Forgejo). Pure.

The APIs: GitHub, "Create a commit status"; GitLab, "Set commit pipeline status"; Gitea and Forgejo, repoCreateStatus.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.reconciler.changes import Change

#: What GitHub allows; the others allow more.
_MAX_DESCRIPTION = 140
#: The changes that say something of a commit, and whether all is well then.
_IS_WELL = {
    "Synced": True,
    "SyncFailed": False,
    "DriftFound": False,
    "DriftEnded": True,
    "HealthDegraded": False,
    "HealthRecovered": True,
}


class Post(NamedTuple):
    """A request: JSON to a URL."""

    url: str
    headers: dict[str, str]
    body: dict[str, Any]


class _Forge(NamedTuple):
    root: Callable[[str], str]  # of its API, on a host
    path: Callable[[str, str], str]  # by repository and commit
    headers: Callable[[str], dict[str, str]]  # by token
    states: tuple[str, str]  # where all is well, and where it is not
    name: str  # what tells our status from others'


def _github_root(host: str) -> str:
    return "https://api.github.com" if host == "github.com" else f"https://{host}/api/v3"


_FORGES = {
    "GitHub": _Forge(
        _github_root,
        lambda repository, sha: f"/repos/{quote(repository)}/statuses/{sha}",
        lambda token: {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"},
        ("success", "failure"),
        "context",
    ),
    "GitLab": _Forge(
        lambda host: f"https://{host}/api/v4",
        lambda repository, sha: f"/projects/{quote(repository, safe='')}/statuses/{sha}",
        lambda token: {"PRIVATE-TOKEN": token},
        ("success", "failed"),
        "name",
    ),
    "Gitea": _Forge(
        lambda host: f"https://{host}/api/v1",
        lambda repository, sha: f"/repos/{quote(repository)}/statuses/{sha}",
        lambda token: {"Authorization": f"token {token}"},
        ("success", "failure"),
        "context",
    ),
}


def is_forge(kind: str) -> bool:
    """Whether a notification of this type is a commit status."""
    return kind in _FORGES


def says_something(change: Change) -> bool:
    """Whether a change says something of a commit that is known."""
    return bool(change.revision) and change.reason in _IS_WELL


def post_of(kind: str, gitsync: GitSync, change: Change, secret: Mapping[str, str], *, where: str) -> Post:
    """The request that sets the status of the change's commit, by the keys ``token``, ``address`` and ``context``.

    Raises InvalidInput that names what is missing in the Secret, ``where`` it is.
    """
    forge = _FORGES[kind]
    host, repository = repository_of(gitsync.repo_url)
    token, root = secret.get("token", ""), secret.get("address", "") or (forge.root(host) if host else "")
    if not token:
        raise InvalidInput(
            f"{where} has no key token", hint=f"put a token there that may set commit statuses at {kind}"
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidInput(f"the key token of {where} is no token: it has spaces, or is not ASCII")
    if not root:
        raise InvalidInput(f"{where} has no key address", hint=f"put the URL of {kind}'s API there")
    body = {
        "state": forge.states[0 if _IS_WELL[change.reason] else 1],
        forge.name: secret.get("context", "") or f"kubectl-gitops/{gitsync.namespace}/{gitsync.name}",
        "description": _cut(f"{change.reason}: {change.message}"),
    }
    return Post(root.rstrip("/") + forge.path(repository, change.revision), forge.headers(token), body)


def repository_of(url: str) -> tuple[str, str]:
    """``git@host:group/project.git`` -> (``host``, ``group/project``); without a host, one on this machine."""
    if "://" in url:
        parts = urlsplit(url)
        host, path = parts.hostname or "", parts.path
        if parts.scheme == "https" and parts.port:
            host = f"{host}:{parts.port}"  # that of ssh is not where its API is
    elif url.startswith(("/", ".", "~")):
        host, path = "", url
    else:
        place, _, path = url.partition(":")
        host = place.rpartition("@")[2]
    return host, path.strip("/").removesuffix(".git")


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_DESCRIPTION else f"{line[: _MAX_DESCRIPTION - 1]}…"
