"""``kubectl gitops status``: what each GitSync last synced and how it is now."""

from __future__ import annotations

from typing import Any

import click

from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.api.names import SUSPEND_REASON_ANNOTATION
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cli.options import ClusterOptions, all_namespaces_option, cluster_options, output_option
from kubectl_gitops.cli.output import write
from kubectl_gitops.cli.targets import find_gitsyncs, gitsync_of
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.report.columns import Cell, aligned
from kubectl_gitops.report.jsontext import to_json_text
from kubectl_gitops.report.style import PLAIN
from kubectl_gitops.report.text import printable, printable_lines
from kubectl_gitops.report.yamltext import to_yaml

_COUNTS = ("OBJECTS", "DRIFT", "ADDED", "IGNORED")
_HEAD = ("NAMESPACE", "NAME", "REVISION", "READY", "HEALTH", *_COUNTS, "ENFORCEMENT", "SYNCED AT")


@click.command("status")
@click.argument("name", required=False)
@all_namespaces_option
@output_option("table", "json", "yaml")
@cluster_options
def command(name: str | None, all_namespaces: bool, output: str, options: ClusterOptions) -> None:
    """Show what each GitSync last synced and how it is now.

    NAME is a GitSync; without it, all of the namespace (-A: of the cluster). DRIFT counts the objects that are missing
    or not as declared, ADDED those in which people only set what Git does not declare (spec.sync.additions), IGNORED
    those in which something differs that does not count.

    \b
    Examples:
      kubectl gitops status -A                          all GitSyncs, and what is not as it should be
      kubectl gitops status shop -n gitops-system -o yaml
    """  # noqa: D301 - click's mark for lines to leave as they are
    cluster = options.connect()
    namespace = "" if all_namespaces else options.namespace_or_default(cluster)
    objects = find_gitsyncs(cluster, Discovery(cluster), namespace, name)
    match output:
        case "json":
            write(to_json_text(_document(objects, single=name is not None)))
        case "yaml":
            write(to_yaml(_document(objects, single=name is not None), sort_keys=False))
        case _:
            where = f"namespace {namespace}; -A looks in all" if namespace else "the cluster"
            write(_table(objects) if objects else f"there is no GitSync in {where}\n")


def _table(objects: list[Object]) -> str:
    rows = [_HEAD, *(_row(gitsync_of(obj), obj.get("status") or {}) for obj in objects)]
    lines = aligned([[Cell(printable(text)) for text in row] for row in rows], PLAIN)
    for obj in objects:
        lines.extend(_details(obj))
    return printable_lines("\n".join(lines)) + "\n"


def _row(gitsync: GitSync, status: Object) -> tuple[str, ...]:
    synced, counts = status.get("synced") or {}, status.get("objects") or {}
    revision = f"{gitsync.revision}@{synced['revision'][:8]}" if synced.get("revision") else "-"
    return (
        gitsync.namespace,
        gitsync.name,
        revision,
        _condition(status, "Ready").get("status", "Unknown"),
        _condition(status, "Healthy").get("reason", "Unknown"),
        str(counts.get("total", "-")),
        str(counts.get("drifted", 0) + counts.get("missing", 0)) if counts else "-",
        str(counts.get("added", 0)) if counts else "-",
        str(counts.get("ignored", 0)) if counts else "-",
        gitsync.enforcement.value + (" (suspended)" if gitsync.suspended else ""),
        synced.get("time") or "-",
    )


def _details(obj: Object) -> list[str]:
    """What is not as it should be, in the reconciler's words; and what was restored last."""
    status = obj.get("status") or {}
    name = obj["metadata"]["name"]
    lines = []
    reason = (obj["metadata"].get("annotations") or {}).get(SUSPEND_REASON_ANNOTATION)
    if reason and obj["spec"].get("suspend"):
        lines.append(f"{name}: suspended: {reason}")
    if deleting := _deleting(obj):
        return [*lines, f"{name}: is being deleted: {deleting}"]
    synced = _condition(status, "Synced")
    if synced.get("status") != "True" or obj["spec"].get("rollback"):
        lines.append(f"{name}: {synced.get('reason', 'Unknown')}: {synced.get('message', 'no reconciler has seen it')}")
    glass = status.get("breakGlass") or {}
    if glass.get("open"):
        only = ", ".join(glass.get("only") or ())
        lines.append(
            f"{name}: break-glass of {glass['by']} is open{' for ' + only if only else ''} until {glass['until']}: "
            f"{glass['reason']}"
        )
    healthy = _condition(status, "Healthy")
    if healthy.get("status") == "False":
        lines.append(f"{name}: {healthy['message']}")
    lines.extend(
        f"{name}: {row['kind']} {row['object']} {row.get('field', '')}".rstrip()
        + (f" by {row['manager']}" if row.get("manager") else "")
        for row in status.get("drift") or []
    )
    restored = status.get("restored")
    if restored:
        lines.append(f"{name}: restored {restored['object']} in {restored['milliseconds']:g} ms at {restored['time']}")
    return lines


def _deleting(obj: Object) -> str:
    """How far its deletion is; "" where it is not being deleted."""
    if not obj["metadata"].get("deletionTimestamp"):
        return ""
    told = _condition(obj.get("status") or {}, "Reconciling")
    return str(told["message"]) if told.get("reason") == "Deleting" else "no reconciler has taken notice yet"


def _condition(status: Object, kind: str) -> Object:
    found: Object = next((c for c in status.get("conditions") or [] if c["type"] == kind), {})
    return found


def _document(objects: list[Object], *, single: bool) -> Any:
    for obj in objects:
        obj["metadata"].pop("managedFields", None)
    return objects[0] if single else {"apiVersion": "v1", "kind": "List", "items": objects}
