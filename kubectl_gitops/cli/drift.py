"""``kubectl gitops drift``: what is in the cluster otherwise than Git says."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

import click

from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.cli.authors import with_synced_authors
from kubectl_gitops.cli.comparison import comparison, not_read, reporting, warn_of_gaps
from kubectl_gitops.cli.failures import exit_with_differences
from kubectl_gitops.cli.objects import find_managed, is_object_name, only_object
from kubectl_gitops.cli.options import ClusterOptions, all_namespaces_option, cluster_options
from kubectl_gitops.cli.output import report_option, show, show_ignored_option
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
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.report.model import DriftReport, DriftReportList
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.snapshot.store import SnapshotStore
from kubectl_gitops.source.desired import Desired
from kubectl_gitops.sync.drift import find_drift
from kubectl_gitops.sync.steps import Unread


@click.command("drift")
@click.argument("name", required=False, metavar="[NAME | KIND/NAME]")
@all_namespaces_option
@source_options
@click.option("-w", "--watch", is_flag=True, help="Show it again whenever it changes, until Ctrl-C.")
@show_ignored_option
@report_option
@system_namespace_option
@cluster_options
def command(
    name: str | None,
    all_namespaces: bool,
    source: SourceOptions,
    watch: bool,
    show_ignored: bool,
    output: str,
    system_namespace: str,
    options: ClusterOptions,
) -> None:
    """Show what was changed by hand, and by whom.

    NAME is a GitSync, whose objects are compared with what it last synced; without it, all GitSyncs of the
    namespace (-A: of the cluster). KIND/NAME is one object, compared with what the GitSync that manages it last synced.
    With -f, the cluster is compared with a directory, a file, a repository or stdin, whether anything is installed or
    not; KIND/NAME then picks one of the objects declared there. The right to read is enough: what only a dry-run could
    tell is then marked as not confirmed.

    \b
    Examples:
      kubectl gitops drift shop -n gitops-system        what people changed of one GitSync
      kubectl gitops drift deploy/web -n shop           ... of one object
      kubectl gitops drift -A --watch                   ... of all, live
      kubectl gitops drift -A -w -o json                the same, a JSON document a line for each change
      kubectl gitops drift -f deploy cm/settings        one object, compared with a directory

    Exit codes: 0 no drift, 1 drift, 2 an error, or objects that could not be read; with --watch, 130 once Ctrl-C has
    ended it.
    """  # noqa: D301 - click's mark for lines to leave as they are
    _check(name, source, all_namespaces=all_namespaces)
    cluster = options.connect()
    namespace = "" if all_namespaces else options.namespace_or_default(cluster)
    if watch:
        _watch(cluster, name, source, namespace, system_namespace, output, show_ignored=show_ignored)
    report: DriftReport | DriftReportList
    not_synced: list[GitSync] = []
    unread: Sequence[Unread] = ()
    if source.filename is not None:
        report, unread = _of_source(cluster, source, namespace, name)
    elif is_object_name(name):
        report = _of_object(cluster, name, namespace, system_namespace)
    else:
        report, not_synced = _of_gitsyncs(cluster, namespace, name, system_namespace)
    show(report, output, show_ignored=show_ignored)
    if not_synced:
        raise _not_synced(not_synced)
    if unread:
        raise not_read(unread)
    if report.has_drift:
        exit_with_differences()


def _check(name: str | None, source: SourceOptions, *, all_namespaces: bool) -> None:
    """Raises InvalidInput for what does not go together, before anything is sent."""
    if source.filename is not None:
        if all_namespaces or (name and not is_object_name(name)):
            raise InvalidInput("-f compares with files; give it without a GitSync's name and without -A")
    elif source.revision or source.path:
        raise InvalidInput(
            "--revision and --path go with -f",
            hint="drift compares with what was synced; kubectl gitops diff NAME --revision compares with another",
        )
    if all_namespaces and is_object_name(name):
        raise InvalidInput("KIND/NAME is one object: give -n for its namespace, and no -A")


def _watch(
    cluster: Cluster,
    name: str | None,
    source: SourceOptions,
    namespace: str,
    system_namespace: str,
    output: str,
    *,
    show_ignored: bool,
) -> NoReturn:
    """Show the same as without --watch, again and again."""
    from kubectl_gitops.cli.followed_gitsyncs import GitSyncFollower, Selection
    from kubectl_gitops.cli.followed_source import SourceFollower
    from kubectl_gitops.cli.screen import Screen
    from kubectl_gitops.cli.watching import Follower, follow

    screen = Screen(output, show_ignored=show_ignored)
    discovery = Discovery(cluster)
    follower: Follower
    if source.filename is not None:
        desired = _read(source, discovery, namespace, name)
        compare, report_of = comparison(cluster, discovery, desired, namespace), reporting(source, desired)
        follower = SourceFollower(desired.declared, compare=compare, report_of=report_of, find=discovery.find)
    elif is_object_name(name):
        store = SnapshotStore(cluster, system_namespace)
        key, gitsync, _ = find_managed(cluster, discovery, store, name, namespace)
        selection = Selection(gitsync.namespace, gitsync.name, only=key)
        follower = GitSyncFollower(discovery, selection, system_namespace)
    else:
        if name is not None:
            find_gitsyncs(cluster, discovery, namespace, name)  # whose error names those there are
        follower = GitSyncFollower(discovery, Selection(namespace, name or ""), system_namespace)
    follow(cluster, follower, screen)


def _of_object(cluster: Cluster, name: str, namespace: str, system_namespace: str) -> DriftReport:
    """The drift of one object, which some GitSync manages."""
    discovery, store = Discovery(cluster), SnapshotStore(cluster, system_namespace)
    key, gitsync, snapshot = find_managed(cluster, discovery, store, name, namespace)
    return _of_gitsync(cluster, discovery, store, gitsync, snapshot.only({key}))


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


def _of_source(
    cluster: Cluster, source: SourceOptions, namespace: str, name: str | None
) -> tuple[DriftReport, Sequence[Unread]]:
    """The cluster compared with what ``-f`` names, and the declared objects that may not be read."""
    started, discovery = time.monotonic(), Discovery(cluster)
    desired = _read(source, discovery, namespace, name)
    plan = comparison(cluster, discovery, desired, namespace)(desired.declared)
    warn_of_gaps(plan)
    report = reporting(source, desired)(plan)
    return replace(report, seconds=time.monotonic() - started, api_calls=cluster.calls.count), plan.unread


def _read(source: SourceOptions, discovery: Discovery, namespace: str, name: str | None) -> Desired:
    """What ``-f`` declares, or of it the one object KIND/NAME."""
    desired = source.read(namespace)
    return only_object(desired, discovery, name, namespace) if name else desired
