"""``kubectl gitops history``: the last syncs of a GitSync, or of a directory, and what can be rolled back to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from kubectl_gitops.api.objects import Object
from kubectl_gitops.cli.options import ClusterOptions, cluster_options, output_option
from kubectl_gitops.cli.output import write
from kubectl_gitops.cli.targets import find_gitsync, system_namespace_option
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.errors import NotFound
from kubectl_gitops.report.columns import Cell, aligned
from kubectl_gitops.report.jsontext import to_json_text
from kubectl_gitops.report.style import PLAIN
from kubectl_gitops.report.text import printable, shortened
from kubectl_gitops.report.yamltext import to_yaml
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.snapshot.store import SnapshotStore

_HEAD = ("ID", "WHEN", "RESULT", "REVISION", "CHANGES", "TOOK", "ASKED BY", "AUTHOR", "MESSAGE")
_MAX_MESSAGE = 60
_COUNTS = (("created", "+"), ("changed", "~"), ("pruned", "-"), ("failed", "!"))


@click.command("history")
@click.argument("name")
@output_option("table", "json", "yaml")
@system_namespace_option
@cluster_options
def command(name: str, output: str, system_namespace: str, options: ClusterOptions) -> None:
    """Show the last syncs, and which of them can be rolled back to.

    NAME is a GitSync, or the name under which a directory was synced in the namespace of -n. The newest comes first.
    ID is what rollback takes; * marks the snapshot that counts now, and - one that is not kept any more. CHANGES counts
    what was created (+), changed (~), pruned (-) and what failed (!).
    """
    cluster = options.connect()
    namespace = options.namespace_or_default(cluster)
    rows = _rows(cluster, namespace, name, system_namespace)
    match output:
        case "json":
            write(to_json_text({"items": rows}))
        case "yaml":
            write(to_yaml({"items": rows}, sort_keys=False))
        case _:
            lines = aligned([[Cell(printable(text)) for text in row] for row in (_HEAD, *map(_cells, rows))], PLAIN)
            write("".join(f"{line}\n" for line in lines))


def _rows(cluster: Cluster, namespace: str, name: str, system_namespace: str) -> list[Object]:
    """The newest first, at least one. Raises NotFound where there is neither a GitSync nor anything synced."""
    try:
        obj = find_gitsync(cluster, Discovery(cluster), namespace, name)
    except NotFound:
        kept = SnapshotStore(cluster, namespace).load_kept(namespace, name)
        if not kept:
            raise
        return rows_of((), kept)
    store = SnapshotStore(cluster, system_namespace)
    kept = [one for one in store.load_kept(namespace, name) if one.uid == obj["metadata"]["uid"]]
    rows = rows_of((obj.get("status") or {}).get("history") or (), kept)
    if not rows:
        raise NotFound(
            f"GitSync {namespace}/{name} has not synced yet",
            hint=f"kubectl gitops status {name} -n {namespace} says why",
        )
    return rows


def rows_of(history: Sequence[Object], kept: Sequence[Snapshot]) -> list[Object]:
    """What status.history tells, with the ids of the snapshots that are kept; and of these, those that it does not."""
    now = kept[0].sequence if kept else 0
    by_id = {snapshot.sequence: snapshot for snapshot in kept}
    told = {one.get("snapshot") for one in history}
    rows = [_told(one, by_id.get(one.get("snapshot", 0)), now) for one in history]
    rows += [_snapshot(one, now) for one in kept if one.sequence not in told]
    return sorted(rows, key=lambda row: str(row["time"]), reverse=True)


def _told(entry: Object, snapshot: Snapshot | None, now: int) -> Object:
    rest = {name: value for name, value in entry.items() if name != "snapshot"}
    identity = {
        "id": snapshot.sequence if snapshot else None,
        "counts": snapshot is not None and snapshot.sequence == now,
    }
    return {**identity, **rest, **({"objects": len(snapshot.entries)} if snapshot else {})}


def _snapshot(snapshot: Snapshot, now: int) -> Object:
    commit = snapshot.revision
    published = datetime.fromtimestamp(snapshot.sequence / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "id": snapshot.sequence,
        "counts": snapshot.sequence == now,
        "revision": commit.sha if commit else None,
        "author": commit.author if commit else None,
        "message": commit.subject if commit else None,
        "time": published,
        "objects": len(snapshot.entries),
    }


def _cells(row: Object) -> tuple[str, ...]:
    is_counted = "created" in row
    return (
        f"{row['id'] or '-'}{' *' if row['counts'] else ''}",
        row["time"],
        row.get("result", "-"),
        (row["revision"] or "-")[:8],
        " ".join(f"{sign}{row[name]}" for name, sign in _COUNTS) if is_counted else "-",
        f"{row['milliseconds'] / 1000:.1f} s" if is_counted else "-",
        row.get("requestedBy", "-"),
        row["author"] or "-",
        shortened(row["message"] or "-", _MAX_MESSAGE),
    )
