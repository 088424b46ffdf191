"""``kubectl gitops drift``: what is in the cluster otherwise than Git says."""

from __future__ import annotations

import time

import click

from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.api.names import managed_by
from kubectl_gitops.cli.authors import with_authors
from kubectl_gitops.cli.failures import exit_with_differences
from kubectl_gitops.cli.options import ClusterOptions, all_namespaces_option, cluster_options
from kubectl_gitops.cli.output import report_option, show
from kubectl_gitops.cli.targets import (
    SourceOptions,
    find_gitsyncs,
    gitsync_of,
    source_options,
    system_namespace_option,
)
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.errors import Forbidden, GitOpsError, InvalidInput
from kubectl_gitops.report.model import DriftReport, DriftReportList
from kubectl_gitops.report.text import count_of
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.snapshot.store import SnapshotStore
from kubectl_gitops.sync.drift import drift_in, find_drift
from kubectl_gitops.sync.planning import Planner, Step, Target


@click.command("drift")
@click.argument("name", required=False)
@all_namespaces_option
@source_options
@report_option
@system_namespace_option
@cluster_options
def command(
    name: str | None,
    all_namespaces: bool,
    source: SourceOptions,
    output: str,
    system_namespace: str,
    options: ClusterOptions,
) -> None:
    """Show what was changed by hand, and by whom.

    NAME is a GitSync, whose objects are compared with what it last synced; without it, all GitSyncs of the
    namespace (-A: of the cluster). With -f, the cluster is compared with a directory, a file, a repository or stdin,
    whether anything is installed or not.

    Exit codes: 0 no drift, 1 drift, 2 an error.
    """
    cluster = options.connect()
    report: DriftReport | DriftReportList
    not_synced: list[GitSync] = []
    if source.filename is not None:
        if name or all_namespaces:
            raise InvalidInput("-f compares with files; give it without a GitSync's name and without -A")
        report = _of_source(cluster, source, options.namespace_or_default(cluster))
    else:
        if source.revision or source.path:
            raise InvalidInput(
                "--revision and --path go with -f",
                hint="drift compares with what was synced; kubectl gitops diff NAME --revision compares with another",
            )
        namespace = "" if all_namespaces else options.namespace_or_default(cluster)
        report, not_synced = _of_gitsyncs(cluster, namespace, name, system_namespace)
    show(report, output)
    if not_synced:
        raise _not_synced(not_synced)
    if report.has_drift:
        exit_with_differences()


def _of_gitsyncs(
    cluster: Cluster, namespace: str, name: str | None, system_namespace: str
) -> tuple[DriftReport | DriftReportList, list[GitSync]]:
    """The drift of one GitSync or of many, and those of the many that have not synced yet."""
    discovery = Discovery(cluster)
    gitsyncs = [gitsync_of(obj) for obj in find_gitsyncs(cluster, discovery, namespace, name)]
    store = SnapshotStore(cluster, system_namespace)
    snapshots = [(gitsync, store.load(gitsync.namespace, gitsync.name)) for gitsync in gitsyncs]
    not_synced = [gitsync for gitsync, snapshot in snapshots if snapshot is None]
    if name is not None and not_synced:
        raise _not_synced(not_synced)
    if not gitsyncs:
        where = f"namespace {namespace}; -A looks in all" if namespace else "the cluster"
        click.echo(f"there is no GitSync in {where}", err=True)
    reports = tuple(
        _of_gitsync(cluster, discovery, store, gitsync, snapshot)
        for gitsync, snapshot in snapshots
        if snapshot is not None
    )
    return (reports[0] if name is not None else DriftReportList(items=reports)), not_synced


def _not_synced(gitsyncs: list[GitSync]) -> InvalidInput:
    names = ", ".join(str(gitsync) for gitsync in gitsyncs)
    verb = "has" if len(gitsyncs) == 1 else "have"
    return InvalidInput(
        f"GitSync {names} {verb} not synced yet, so there is nothing to compare with",
        hint=f"kubectl gitops status -n {gitsyncs[0].namespace} {gitsyncs[0].name} says why",
    )


def _of_gitsync(
    cluster: Cluster, discovery: Discovery, store: SnapshotStore, gitsync: GitSync, snapshot: Snapshot
) -> DriftReport:
    started, calls = time.monotonic(), cluster.calls.count
    drifts = find_drift(snapshot, reader=cluster, discovery=discovery, sealing_key=store.find_sealing_key() or b"")
    return DriftReport(
        subject=f"GitSync {gitsync}",
        repo_url=snapshot.repo_url,
        path=snapshot.path,
        revision=snapshot.revision,
        ref=gitsync.revision,
        checked=len(snapshot.entries),
        drifts=drifts,
        seconds=time.monotonic() - started,
        api_calls=cluster.calls.count - calls,
    )


def _of_source(cluster: Cluster, source: SourceOptions, namespace: str) -> DriftReport:
    started = time.monotonic()
    desired = source.read(namespace)
    target = Target(namespace="", name="", label=managed_by("", ""), default_namespace=namespace)
    planner = Planner(reader=cluster, writer=cluster, discovery=Discovery(cluster), sealing_key=b"")
    plan = planner.plan(desired.declared, target, previous=None, file_commits=desired.file_commits, owned=False)
    failed = [step for step in plan.steps if step.error is not None]
    if failed:
        raise _unanswered(failed)
    return DriftReport(
        subject=desired.where,
        repo_url="",
        path=source.path or "",
        revision=desired.commit,
        ref=source.revision or "",
        checked=len(plan.steps),
        drifts=with_authors(drift_in(plan), desired),
        seconds=time.monotonic() - started,
        api_calls=cluster.calls.count,
    )


def _unanswered(failed: list[Step]) -> GitOpsError:
    """Why the API server would not say how an object should look: that of the first, and how many there are."""
    first = failed[0]
    assert first.declared is not None
    assert first.error is not None
    more = f" (and {count_of(len(failed) - 1, 'more object')})" if failed[1:] else ""
    hint = first.error.hint
    if isinstance(first.error, Forbidden):
        hint = "whether a value only looks different, a dry-run tells, and that takes the right to patch"
    return InvalidInput(f"{first.declared.origin}: {first.key.described}: {first.error}{more}", hint=hint)
