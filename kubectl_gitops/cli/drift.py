"""``kubectl gitops drift``: what is in the cluster otherwise than Git says."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.api.names import managed_by
from kubectl_gitops.cli.authors import with_authors, with_synced_authors
from kubectl_gitops.cli.comparison import comparer
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
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.errors import GitOpsError, InvalidInput
from kubectl_gitops.report.model import DriftReport, DriftReportList
from kubectl_gitops.report.text import count_of, printable
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.snapshot.store import SnapshotStore
from kubectl_gitops.sync.drift import find_drift
from kubectl_gitops.sync.revealed import drift_in
from kubectl_gitops.sync.steps import Plan, Target, Unread


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
    whether anything is installed or not; fields that people added are reported too. The right to read is enough:
    what only a dry-run could tell is then marked as not confirmed.

    Exit codes: 0 no drift, 1 drift, 2 an error, or objects that could not be read.
    """
    cluster = options.connect()
    report: DriftReport | DriftReportList
    not_synced: list[GitSync] = []
    unread: tuple[Unread, ...] = ()
    if source.filename is not None:
        if name or all_namespaces:
            raise InvalidInput("-f compares with files; give it without a GitSync's name and without -A")
        report, unread = _of_source(cluster, source, options.namespace_or_default(cluster))
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
    if unread:
        raise _not_read(unread)
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
    judged = find_drift(
        snapshot,
        reader=cluster,
        discovery=discovery,
        sealing_key=store.find_sealing_key() or b"",
        rules=Rules.of(gitsync),
    )
    return DriftReport(
        subject=f"GitSync {gitsync}",
        repo_url=snapshot.repo_url,
        path=snapshot.path,
        revision=snapshot.revision,
        ref=gitsync.revision,
        checked=len(snapshot.entries),
        drifts=with_synced_authors(tuple(one.drift for one in judged if one.drift), gitsync, snapshot),
        ignored=tuple(one.ignored for one in judged if one.ignored),
        seconds=time.monotonic() - started,
        api_calls=cluster.calls.count - calls,
    )


def _of_source(cluster: Cluster, source: SourceOptions, namespace: str) -> tuple[DriftReport, tuple[Unread, ...]]:
    """The cluster compared with what ``-f`` names, and the declared objects that may not be read."""
    started = time.monotonic()
    desired = source.read()
    discovery = Discovery(cluster)
    target = Target(namespace="", name="", label=managed_by("", ""), default_namespace=namespace)
    plan = comparer(cluster, discovery).compare(desired.declared, target, desired.file_commits)
    judged = drift_in(plan)
    _warn(plan)
    report = DriftReport(
        subject=desired.where,
        repo_url="",
        path=source.path or "",
        revision=desired.commit,
        ref=source.revision or "",
        checked=len(plan.steps),
        drifts=with_authors([one.drift for one in judged if one.drift], desired),
        ignored=with_authors([one.ignored for one in judged if one.ignored], desired),
        unconfirmed_because=plan.unconfirmed_because,
        seconds=time.monotonic() - started,
        api_calls=cluster.calls.count,
    )
    return report, plan.unread


def _warn(plan: Plan) -> None:
    """What the report does not hold, on stderr: what could not be told, and what could not be read."""
    warnings = [f"{count_of(len(group.keys), 'object')} not compared: {group.error}" for group in plan.unread]
    if plan.undecided:
        objects = f"{count_of(plan.undecided, 'object')} that people created"
        warnings += [f"in {objects}, additions cannot be told from defaults: {plan.unconfirmed_because}"]
    for warning in warnings:
        click.echo(f"warning: {printable(warning)}", err=True)


def _not_read(unread: Sequence[Unread]) -> GitOpsError:
    """The error that ends a command whose report does not have all declared objects in it."""
    number = count_of(sum(len(group.keys) for group in unread), "object")
    hints = sorted({group.error.hint for group in unread if group.error.hint})
    return GitOpsError(f"{number} could not be read, and so not be compared", hint="; ".join(hints))
