"""What a sync is done for: whether there is anything to do. Pure."""

from __future__ import annotations

from typing import NamedTuple

from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.api.rendering import RenderOptions
from kubectl_gitops.source.variables import Variables


class Work(NamedTuple):
    """All of a GitSync that decides what its sync does; whatever else it says now makes no new one necessary.

    ``heals`` says whether drift is to be restored.
    """

    sha: str
    repo_url: str
    path: str
    rendering: RenderOptions
    variables: Variables | None
    target_namespace: str
    service_account: str | None
    prune: bool
    approved_deletes: str
    heals: bool


def work_of(gitsync: GitSync, sha: str, variables: Variables | None = None) -> Work:
    """The work that syncing a commit is; ``variables`` are those of its substitution."""
    return Work(
        sha=sha,
        repo_url=gitsync.repo_url,
        path=gitsync.path,
        rendering=gitsync.rendering,
        variables=variables,
        target_namespace=gitsync.target_namespace,
        service_account=gitsync.service_account,
        prune=gitsync.prune,
        approved_deletes=gitsync.approved_deletes,
        heals=gitsync.self_heal and not gitsync.suspended,
    )


def covers(done: Work, work: Work) -> bool:
    """Whether nothing is left to do.

    That drift is to be restored again makes work; that it no longer is must not, or drift were overwritten.
    """
    return done._replace(heals=work.heals) == work and (done.heals or not work.heals)
