"""``kubectl gitops rollback``: back to what an earlier sync had made, until it is resumed."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from kubectl_gitops.api.durations import duration_seconds
from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cli.options import ClusterOptions, cluster_options
from kubectl_gitops.cli.output import write
from kubectl_gitops.cli.selection import asker, patched
from kubectl_gitops.cli.targets import find_gitsync, gitsync_of, gitsync_resource, system_namespace_option
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.errors import ClusterError, GitOpsError, InvalidInput
from kubectl_gitops.report.text import printable
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.snapshot.store import SnapshotStore

_MIN_SHA = 6


@click.command("rollback")
@click.argument("name")
@click.argument("where", required=False, metavar="[ID]")
@click.option("--reason", metavar="TEXT", help="Why; status shows it.")
@click.option(
    "--timeout", default="5m", show_default=True, metavar="DURATION", help="How long to wait for the reconciler."
)
@system_namespace_option
@cluster_options
def command(
    name: str,
    where: str | None,
    reason: str | None,
    timeout: str,
    system_namespace: str,
    options: ClusterOptions,
) -> None:
    """Go back to what an earlier sync had made.

    NAME is a GitSync; ID a snapshot as kubectl gitops history lists them, or the start of its commit; without it, the
    last one of another commit than now. The reconciler brings the cluster back to it, also while Git is away, keeps it
    there, and syncs no new commits until kubectl gitops resume. Secrets whose values Git does not give any more stay as
    they are, and are named.
    """
    try:
        timeout_seconds = duration_seconds(timeout)
    except ValueError as exc:
        raise InvalidInput(f"--timeout: {exc}") from exc
    cluster = options.connect()
    namespace = options.namespace_or_default(cluster)
    discovery = Discovery(cluster)
    gitsync = gitsync_of(find_gitsync(cluster, discovery, namespace, name))
    if gitsync.suspended:
        raise InvalidInput(
            f"GitSync {gitsync} is suspended: the reconciler writes nothing",
            hint=f"kubectl gitops resume {name} -n {namespace}",
        )
    kept = SnapshotStore(cluster, system_namespace).load_kept(namespace, name)
    snapshot = _chosen(gitsync, [one for one in kept if one.uid == gitsync.uid], where)
    rollback = {"snapshot": snapshot.sequence, "by": asker(cluster), "reason": reason}
    obj = patched(cluster, discovery, gitsync, {"spec": {"rollback": rollback}})
    write(_wait(cluster, discovery, gitsync, int(obj["metadata"]["generation"]), timeout_seconds))
    write(f"to follow Git again: kubectl gitops resume {name} -n {namespace}\n")


def _chosen(gitsync: GitSync, kept: Sequence[Snapshot], where: str | None) -> Snapshot:
    """The snapshot that is meant; ``kept`` are those there are, the newest first. Raises InvalidInput."""
    hint = f"kubectl gitops history {gitsync.name} -n {gitsync.namespace} lists those that are kept"
    if where is None:
        now = kept[0].revision if kept else None
        found = next((one for one in kept if one.revision and one.revision != now), None)
        if found is None:
            raise InvalidInput(f"of GitSync {gitsync} no snapshot of an earlier commit is kept", hint=hint)
        return found
    found = next((one for one in kept if str(one.sequence) == where or _is_of_commit(one, where)), None)
    if found is None:
        raise InvalidInput(f"of GitSync {gitsync} no snapshot {where} is kept", hint=hint)
    return found


def _is_of_commit(snapshot: Snapshot, start: str) -> bool:
    return len(start) >= _MIN_SHA and snapshot.revision is not None and snapshot.revision.sha.startswith(start)


def _wait(cluster: Cluster, discovery: Discovery, gitsync: GitSync, generation: int, timeout_seconds: float) -> str:
    """What the reconciler says when it has done it. Raises GitOpsError where it could not, or did not answer."""
    resource = gitsync_resource(discovery)
    deadline = time.monotonic() + timeout_seconds
    while True:
        status: Object = cluster.get(resource.path(gitsync.namespace, gitsync.name)).get("status") or {}
        synced: Object = next((c for c in status.get("conditions") or [] if c["type"] == "Synced"), {})
        message = printable(str(synced.get("message", "")))
        if (status.get("observedGeneration") or 0) >= generation:
            if synced.get("status") == "False":
                raise GitOpsError(f"GitSync {gitsync}: {message}")
            if synced.get("status") == "True":
                return f"GitSync {gitsync}: {message}\n"
        if time.monotonic() >= deadline:
            raise ClusterError(
                f"the reconciler has not rolled back GitSync {gitsync} within {timeout_seconds:g} s",
                hint="does it run? Once it does, it goes on by itself; kubectl gitops resume takes the wish back",
            )
        time.sleep(0.1)
