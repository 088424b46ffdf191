"""``kubectl gitops sync``: make the cluster as Git says."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import click

from kubectl_gitops.api.durations import duration_seconds
from kubectl_gitops.api.names import (
    APPROVED_DELETES_ANNOTATION,
    SYNC_REQUEST_ANNOTATION,
    SYNC_REQUESTER_ANNOTATION,
)
from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.cli.options import ClusterOptions, cluster_options, output_option
from kubectl_gitops.cli.output import show, write
from kubectl_gitops.cli.planned import Planned, local_plan, planned_report
from kubectl_gitops.cli.selection import asker
from kubectl_gitops.cli.targets import SourceOptions, find_gitsync, gitsync_of, gitsync_resource, source_options
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.writing import merge_patch
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.errors import ClusterError, GitOpsError, InvalidInput
from kubectl_gitops.report.text import count_of, printable
from kubectl_gitops.sync.engine import Engine, SyncResult
from kubectl_gitops.sync.immutable import EVERYTHING
from kubectl_gitops.sync.steps import HookStep, Plan

_FORMATS = ("table", "json", "yaml")


@click.command("sync")
@click.argument("name", required=False)
@source_options
@click.option("--name", "directory_name", metavar="NAME", help="With -f: under which name the objects are kept.")
@click.option("--prune", is_flag=True, help="With -f: delete what was synced before and is declared no longer.")
@click.option(
    "--recreate",
    multiple=True,
    is_flag=False,
    flag_value=EVERYTHING,
    metavar="[KIND/NAME]",
    help="With -f: delete and create again what cannot be changed; a namespace, CRD or volume claim only if named.",
)
@click.option("--no-force", is_flag=True, help="With -f: fail where others hold a declared field, and list who does.")
@click.option(
    "--approve-deletes", metavar="COMMIT", help="Let the sync of this commit delete what is otherwise kept back."
)
@click.option(
    "--timeout",
    default="5m",
    show_default=True,
    metavar="DURATION",
    help="How long to wait for the reconciler; with -f, for each wave and hook.",
)
@output_option(*_FORMATS)
@cluster_options
def command(
    name: str | None,
    source: SourceOptions,
    directory_name: str | None,
    prune: bool,
    recreate: tuple[str, ...],
    no_force: bool,
    approve_deletes: str | None,
    timeout: str,
    output: str,
    options: ClusterOptions,
) -> None:
    """Make the cluster as Git says.

    NAME is a GitSync: the reconciler is asked to sync it now, and what becomes of it is shown. With -f, a directory or
    repository is applied from here, with your own rights; nothing needs to be installed.

    Waves and hooks run in their order (docs/sync-order.md). An object that would take others with it, or is annotated
    so, is deleted only with --approve-deletes and the commit; so it is with more objects than spec.sync.maxDelete.

    Exit codes: 0 synced, 2 an error, or some objects failed.
    """
    approved = _approval(approve_deletes)
    cluster = options.connect()
    namespace = options.namespace_or_default(cluster)
    if name is not None:
        _refuse_options_of_files(source, directory_name, prune=prune, output=output)
        if recreate or no_force:
            raise InvalidInput("--recreate and --no-force go with -f", hint="a GitSync's objects can be annotated")
        _ask_reconciler(cluster, namespace, name, _seconds(timeout), approved=approved)
        return
    planned = local_plan(
        cluster,
        namespace,
        source,
        directory_name,
        prune=prune,
        purpose="sync",
        approved_deletes=approved,
        recreate=frozenset(recreate),
        force=not no_force,
    )
    result = _run(planned, _seconds(timeout))
    show(planned_report(planned, _as_done(result), applied=True), output)
    if result.not_pruned and result.refusal is None:
        click.echo(f"nothing was pruned: {result.not_pruned}", err=True)
    for outcome in result.outcomes:
        if outcome.note:
            click.echo(printable(f"{outcome.step.key.described}: {outcome.note}"), err=True)
    if result.refusal is not None:
        raise result.refusal
    if result.halted:
        raise GitOpsError(result.halted, hint="once that is mended, sync again: it goes on from here")
    if result.failed:
        failed, total = len(result.failed), len(result.plan.steps)
        others = "; the others are synced" if failed < total else ""
        raise GitOpsError(f"{failed} of {count_of(total, 'object')} failed, as shown{others}")


def _refuse_options_of_files(source: SourceOptions, directory_name: str | None, *, prune: bool, output: str) -> None:
    """What means something only with -f must not be passed over in silence."""
    if source.filename is not None:
        raise InvalidInput("give the name of a GitSync or -f, not both")
    if source.revision or source.path or directory_name or prune or output != _FORMATS[0]:
        raise InvalidInput(
            "--revision, --path, --name, --prune and -o go with -f",
            hint="the reconciler syncs a GitSync as its own spec says",
        )


def _approval(commit: str | None) -> str:
    if commit is not None and not re.fullmatch(r"[0-9a-f]{7,64}", commit):
        raise InvalidInput(
            f"--approve-deletes: {commit!r} is no commit", hint="give at least 7 digits of its hash, as it is shown"
        )
    return commit or ""


def _seconds(timeout: str) -> float:
    try:
        return duration_seconds(timeout)
    except ValueError as exc:
        raise InvalidInput(f"--timeout: {exc}") from exc


def _run(planned: Planned, timeout_seconds: float) -> SyncResult:
    planned.keep_sealing_key()
    engine = Engine(
        writer=planned.cluster,
        discovery=planned.discovery,
        store=planned.store,
        sealing_key=planned.sealing_key,
        timeout_seconds=timeout_seconds,
    )
    return engine.run(
        planned.plan,
        revision=planned.desired.commit,
        repo_url=planned.repo_url,
        path=planned.path,
    )


def _as_done(result: SyncResult) -> Plan:
    """The plan with the errors that its steps met in earnest; what was not pruned is there still."""
    errors = {outcome.step.key: outcome.error for outcome in result.outcomes}
    steps = [replace(step, error=errors.get(step.key)) for step in result.plan.steps]
    if result.not_pruned:
        steps = [replace(s, kind=ActionKind.ORPHAN) if s.kind is ActionKind.PRUNE else s for s in steps]
    unreached = {step.key for step in result.unreached}
    steps = [replace(s, error=_NotReached(result.halted)) if s.key in unreached else s for s in steps]
    hooks = [_hook_as_done(one, errors) for one in result.plan.hooks]
    return replace(result.plan, steps=tuple(steps), hooks=tuple(hooks))


class _NotReached(GitOpsError):
    """The sync did not come to an object."""


def _hook_as_done(hook: HookStep, errors: Mapping[ResourceKey, GitOpsError | None]) -> HookStep:
    """A hook that was run, or one that was not."""
    is_run = hook.step.key in errors
    return replace(hook, is_due=is_run, step=replace(hook.step, error=errors.get(hook.step.key)))


def _ask_reconciler(cluster: Cluster, namespace: str, name: str, timeout_seconds: float, *, approved: str) -> None:
    """Have the reconciler sync a GitSync, and wait for its answer in the status."""
    discovery = Discovery(cluster)
    resource = gitsync_resource(discovery)
    gitsync = gitsync_of(find_gitsync(cluster, discovery, namespace, name))
    if gitsync.suspended:
        raise InvalidInput(
            f"GitSync {gitsync} is suspended: the reconciler writes nothing",
            hint=f"kubectl gitops resume {name} -n {namespace}",
        )
    request = datetime.now(UTC).isoformat(timespec="microseconds")
    approval = {APPROVED_DELETES_ANNOTATION: approved} if approved else {}
    asked = {SYNC_REQUEST_ANNOTATION: request, SYNC_REQUESTER_ANNOTATION: asker(cluster), **approval}
    patch = {"metadata": {"annotations": asked}, "spec": {"rollback": None}}
    if gitsync.rollback is not None:
        click.echo(f"the rollback to snapshot {gitsync.rollback.snapshot} has ended", err=True)
    merge_patch(cluster, resource, namespace, name, patch, manager="kubectl-gitops-cli")
    deadline = time.monotonic() + timeout_seconds
    while True:
        status = cluster.get(resource.path(namespace, name)).get("status") or {}
        synced = _condition(status, "Synced")
        if status.get("lastSyncRequest") == request:
            if synced.get("status") != "True":
                raise GitOpsError(f"GitSync {gitsync}: {synced.get('message', '')}")
            write(f"GitSync {gitsync}: {printable(synced.get('message', ''))}\n")
            return
        if time.monotonic() >= deadline:
            last = f"; it said last: {synced['message']}" if synced.get("message") else ""
            raise ClusterError(
                f"the reconciler has not synced GitSync {gitsync} within {timeout_seconds:g} s{last}",
                hint="does it run? kubectl gitops status shows what it says",
            )
        time.sleep(0.1)


def _condition(status: Object, kind: str) -> Object:
    found: Object = next((c for c in status.get("conditions") or [] if c["type"] == kind), {})
    return found
