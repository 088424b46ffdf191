"""A plan with all that belongs to it, made for a GitSync or for what ``-f`` names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kubectl_gitops.api.names import managed_by
from kubectl_gitops.cli.targets import SourceOptions, find_gitsync, gitsync_of, is_repository_url
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.errors import Conflict, InvalidInput, NotFound
from kubectl_gitops.report.model import PlanReport
from kubectl_gitops.snapshot.store import SnapshotStore, new_sealing_key
from kubectl_gitops.source.desired import Desired
from kubectl_gitops.sync.planning import Planner
from kubectl_gitops.sync.steps import Plan, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, what it was made from, and what carries it out."""

    plan: Plan
    desired: Desired
    subject: str
    repo_url: str
    path: str
    ref: str
    cluster: Cluster
    discovery: Discovery
    store: SnapshotStore
    sealing_key: bytes
    is_key_new: bool

    def keep_sealing_key(self) -> None:
        """Store the key that the plan was made with, if it is new. Raises NotFound where there is no such namespace."""
        namespace = self.store.namespace
        if not self.is_key_new:
            return
        try:
            kept = self.store.keep_sealing_key(self.sealing_key)
        except NotFound as exc:
            raise NotFound(
                f"there is no namespace {namespace}, in which the sync would remember what it has synced",
                hint=f"kubectl create namespace {namespace}; or -n another, if all objects name their own",
            ) from exc
        if kept != self.sealing_key:
            raise Conflict(f"somebody else began to sync in namespace {namespace} just now", hint="try again")


def plan_for_gitsync(
    cluster: Cluster, namespace: str, name: str, source: SourceOptions, system_namespace: str
) -> Planned:
    """What the GitSync would do with its own source, or with what the options put in its place."""
    discovery = Discovery(cluster)
    gitsync = gitsync_of(find_gitsync(cluster, discovery, namespace, name))
    revision, path = source.revision or gitsync.revision, source.path or gitsync.path
    if source.filename is not None:
        desired = source.read(gitsync.target_namespace)
    else:
        desired = source.read_gitsync(gitsync, cluster)
    return _planned(
        cluster,
        discovery,
        SnapshotStore(cluster, system_namespace),
        desired,
        Target.of(gitsync),
        subject=f"GitSync {gitsync}",
        repo_url=gitsync.repo_url,
        path=path,
        ref=revision,
        rules=Rules.of(gitsync),
    )


def local_plan(
    cluster: Cluster,
    namespace: str,
    source: SourceOptions,
    name: str | None,
    *,
    prune: bool,
    purpose: str = "compare",
    approved_deletes: str = "",
    recreate: frozenset[str] = frozenset(),
    force: bool = True,
) -> Planned:
    """What a sync of ``-f`` would do, with the person's own rights and snapshots in ``namespace``. Writes nothing."""
    if source.filename is None:
        raise InvalidInput(f"say what to {purpose}: the name of a GitSync, or -f with a directory or repository")
    desired = source.read(namespace)
    name = name or default_name(source.filename, source.path)
    target = Target(
        namespace=namespace,
        name=name,
        label=managed_by(namespace, name),
        default_namespace=namespace,
        prune=prune,
        approved_deletes=approved_deletes,
        recreate=recreate,
        force=force,
    )
    return _planned(
        cluster,
        Discovery(cluster),
        SnapshotStore(cluster, namespace),
        desired,
        target,
        subject=desired.where,
        repo_url="",
        path=source.path or "",
        ref=source.revision or "",
    )


def default_name(filename: str, path: str | None = None) -> str:
    """The name under which ``-f`` is synced: the directory's own, or the repository's with the path in it.

    As far as it can be a Kubernetes name; raises InvalidInput where nothing is left of it.
    """
    if is_repository_url(filename):
        name = f"{filename.rstrip('/').rpartition('/')[2].rpartition(':')[2].removesuffix('.git')}-{path or ''}"
    else:
        name = Path(filename, path or "").resolve().name if filename != "-" else ""
    name = re.sub(r"[^a-z0-9-]+", "-", name.lower().removesuffix(".git"))[:50].strip("-")
    if not name:
        raise InvalidInput(f"{filename!r} gives no name to sync under", hint="--name gives one")
    return name


def planned_report(planned: Planned, plan: Plan | None = None, *, applied: bool = False) -> PlanReport:
    """The plan as the reports show it."""
    return PlanReport(
        subject=planned.subject,
        repo_url=planned.repo_url,
        path=planned.path,
        revision=planned.desired.commit,
        ref=planned.ref,
        actions=(plan or planned.plan).actions(),
        applied=applied,
    )


def _planned(
    cluster: Cluster,
    discovery: Discovery,
    store: SnapshotStore,
    desired: Desired,
    target: Target,
    *,
    subject: str,
    repo_url: str,
    path: str,
    ref: str,
    rules: Rules | None = None,
) -> Planned:
    previous = store.load(target.namespace, target.name)
    known_key = store.find_sealing_key()
    sealing_key = known_key or new_sealing_key()
    planner = Planner(reader=cluster, writer=cluster, discovery=discovery, sealing_key=sealing_key, rules=rules)
    plan = planner.plan(
        desired.declared,
        target,
        previous=previous,
        file_commits=desired.file_commits,
        revision=desired.commit.sha if desired.commit else "",
    )
    return Planned(
        plan=plan,
        desired=desired,
        subject=subject,
        repo_url=repo_url,
        path=path,
        ref=ref,
        cluster=cluster,
        discovery=discovery,
        store=store,
        sealing_key=sealing_key,
        is_key_new=known_key is None,
    )
