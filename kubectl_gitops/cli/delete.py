"""``kubectl gitops delete``: delete a GitSync, and its objects or not."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence

import click

from kubectl_gitops.api.durations import duration_seconds
from kubectl_gitops.api.gitsync import DeletionPolicy, GitSync
from kubectl_gitops.api.objects import Object, key_of
from kubectl_gitops.cli.options import ClusterOptions, cluster_options
from kubectl_gitops.cli.output import write
from kubectl_gitops.cli.selection import patched
from kubectl_gitops.cli.targets import find_gitsync, gitsync_of, gitsync_resource, system_namespace_option
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.finalizer import drop_finalizer, keep_finalizer
from kubectl_gitops.cluster.reading import get_object
from kubectl_gitops.cluster.writing import delete_object
from kubectl_gitops.errors import ClusterError, Forbidden, GitOpsError, InvalidInput
from kubectl_gitops.report.text import count_of, printable
from kubectl_gitops.snapshot.store import SnapshotStore
from kubectl_gitops.sync.removal import Inventory, Remover, inventory_of, kept_because

#: A reconciler that runs takes notice in far less.
_NOTICE_SECONDS = 15.0
_MAX_NAMED = 10
_POLICIES = {"orphan": DeletionPolicy.ORPHAN, "foreground": DeletionPolicy.FOREGROUND}


@click.command("delete")
@click.argument("name")
@click.option(
    "--cascade",
    type=click.Choice(list(_POLICIES)),
    help="What becomes of its objects: orphan leaves them, foreground deletes them first."
    "  [default: its spec.deletionPolicy]",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask, on a terminal either.")
@click.option("--local", is_flag=True, help="Do it from here with your own rights, as where no reconciler runs.")
@click.option("--timeout", default="5m", show_default=True, metavar="DURATION", help="How long to wait for the end.")
@system_namespace_option
@cluster_options
def command(
    name: str,
    cascade: str | None,
    yes: bool,
    local: bool,
    timeout: str,
    system_namespace: str,
    options: ClusterOptions,
) -> None:
    """Delete a GitSync, and its objects or not.

    With --cascade=orphan its objects stay as they are, and are nobody's any more: they lose our label. With
    --cascade=foreground they are deleted first, in the reverse of the order in which they were synced.
    Namespaces, custom resource definitions and volume claims stay unless Git says kubectl-gitops.dev/prune: allowed,
    and so does whatever says kubectl-gitops.dev/prune: disabled. The reconciler does that, with the rights of the
    GitSync's service account, and this command waits for it.
    """
    timeout_seconds = _seconds(timeout)
    cluster = options.connect()
    namespace = options.namespace_or_default(cluster)
    discovery = Discovery(cluster)
    obj = find_gitsync(cluster, discovery, namespace, name)
    gitsync = gitsync_of(obj)
    policy = _POLICIES[cascade] if cascade else gitsync.deletion_policy
    store = SnapshotStore(cluster, system_namespace)
    inventory = _inventory(store, gitsync, is_needed=local)
    remover = Remover(reader=cluster, writer=cluster, discovery=discovery, label=gitsync.label)
    write(_announced(gitsync, policy, None if inventory is None else remover.observe(inventory)))
    if not yes and sys.stdin.isatty():
        click.confirm("Go on?", abort=True, err=True)
    if gitsync.deletion_policy is not policy:
        obj = patched(cluster, discovery, gitsync, {"spec": {"deletionPolicy": policy.value}})
    resource = gitsync_resource(discovery)
    if local:
        keep_finalizer(cluster, resource, obj)  # or nothing would hold it until we are done
    delete_object(cluster, resource, gitsync.namespace, gitsync.name, uid=gitsync.uid)
    if local and inventory is not None:
        _see_to(remover, inventory, policy, timeout_seconds)
        store.delete_of(gitsync.uid)
        left = get_object(cluster, resource, gitsync.namespace, gitsync.name)
        if left is not None and left["metadata"]["uid"] == gitsync.uid:
            drop_finalizer(cluster, resource, left)
    else:
        _wait_for_reconciler(cluster, discovery, gitsync, timeout_seconds)
    write(f"GitSync {gitsync} deleted\n")


def _seconds(timeout: str) -> float:
    try:
        return duration_seconds(timeout)
    except ValueError as exc:
        raise InvalidInput(f"--timeout: {exc}") from exc


def _inventory(store: SnapshotStore, gitsync: GitSync, *, is_needed: bool) -> Inventory | None:
    """What the GitSync has in the cluster; None for who may not see its snapshots, where that is not needed."""
    try:
        snapshot = store.load(gitsync.namespace, gitsync.name)
    except Forbidden:
        if is_needed:
            raise
        return None
    return inventory_of(snapshot) if snapshot is not None and snapshot.uid == gitsync.uid else ()


def _announced(gitsync: GitSync, policy: DeletionPolicy, objects: Sequence[Object] | None) -> str:
    """What is going to happen to what; ``objects`` is None for who may not see which there are."""
    if objects is None:
        what = "stay as they are" if policy is DeletionPolicy.ORPHAN else "will be deleted"
        return f"the objects of GitSync {gitsync} {what}; which they are, you may not see\n"
    if not objects:
        return f"GitSync {gitsync} has no objects in the cluster\n"
    if policy is DeletionPolicy.ORPHAN:
        return f"{_counted(objects)} of GitSync {gitsync} stay, and are managed by nobody any more\n"
    doomed = [obj for obj in objects if not kept_because(obj)]
    kept = [(obj, why) for obj in objects if (why := kept_because(obj))]
    lines = [f"with GitSync {gitsync}, {_counted(doomed)} will be deleted"] if doomed else []
    lines += [f"  {key_of(obj).described}" for obj in doomed[:_MAX_NAMED]]
    if len(doomed) > _MAX_NAMED:
        lines.append(f"  and {len(doomed) - _MAX_NAMED} more")
    lines += [f"{key_of(obj).described} stays: {why}" for obj, why in kept[:_MAX_NAMED]]
    if len(kept) > _MAX_NAMED:
        lines.append(f"and {len(kept) - _MAX_NAMED} more stay")
    return "".join(f"{printable(line)}\n" for line in lines)


def _counted(objects: Sequence[Object]) -> str:
    """``3 objects (2 ConfigMap, 1 Deployment)``."""
    kinds = Counter(obj["kind"] for obj in objects)
    return f"{count_of(len(objects), 'object')} ({', '.join(f'{kinds[kind]} {kind}' for kind in sorted(kinds))})"


def _see_to(remover: Remover, inventory: Inventory, policy: DeletionPolicy, timeout_seconds: float) -> None:
    """Delete or release the objects from here. Raises GitOpsError where that is not possible, or takes too long."""
    deadline = time.monotonic() + timeout_seconds
    while policy is DeletionPolicy.FOREGROUND:
        progress = remover.advance(inventory)
        if progress.refused:
            key, error = progress.refused[0]
            raise GitOpsError(f"{key.described} cannot be deleted: {error}", hint=error.hint)
        if not progress.waiting:
            break
        if time.monotonic() >= deadline:
            held = progress.waiting[0]
            raise ClusterError(
                f"{count_of(progress.left, 'object')} are still there after {timeout_seconds:g} s, such as "
                f"{key_of(held).described}, held by finalizers {held['metadata'].get('finalizers')}",
                hint="run the command again once whoever set them has let go",
            )
        time.sleep(0.1)
    for key, error in remover.release(remover.observe(inventory)):
        click.echo(f"warning: {key.described} stays labelled: {error}", err=True)


def _wait_for_reconciler(cluster: Cluster, discovery: Discovery, gitsync: GitSync, timeout_seconds: float) -> None:
    """Until the GitSync is gone; what the reconciler says meanwhile is passed on. Raises ClusterError."""
    resource = gitsync_resource(discovery)
    started, said = time.monotonic(), ""
    while True:
        obj = get_object(cluster, resource, gitsync.namespace, gitsync.name)
        if obj is None or obj["metadata"]["uid"] != gitsync.uid:
            return
        message = _told(obj)
        if message and message != said:
            click.echo(printable(message), err=True)
            said = message
        seconds = time.monotonic() - started
        if not said and seconds >= min(timeout_seconds, _NOTICE_SECONDS):
            raise ClusterError(
                f"GitSync {gitsync} is marked for deletion, but no reconciler has taken notice within {seconds:.0f} s",
                hint="does it run? Once it does, it goes on by itself; --local does it from here, with your own rights",
            )
        if seconds >= timeout_seconds:
            raise ClusterError(
                f"GitSync {gitsync} is still being deleted after {timeout_seconds:g} s: {said}",
                hint="the reconciler goes on with it; --timeout waits longer",
            )
        time.sleep(0.1)


def _told(obj: Object) -> str:
    """What the reconciler says of the deletion; "" as long as it has not noticed."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((str(one["message"]) for one in conditions if one["reason"] == "Deleting"), "")
