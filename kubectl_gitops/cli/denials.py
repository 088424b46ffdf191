"""``kubectl gitops denials``: who was refused what, or passed under break-glass, an exemption or a lax mode."""

from __future__ import annotations

import queue
from dataclasses import asdict
from typing import Any, NoReturn

import click

from kubectl_gitops.api.denial import VERDICT_LABEL, Denial, read_denial
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cli.failures import EXIT_INTERRUPTED
from kubectl_gitops.cli.options import ClusterOptions, all_namespaces_option, cluster_options, output_option
from kubectl_gitops.cli.output import write
from kubectl_gitops.cli.targets import find_gitsync
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery, Resource
from kubectl_gitops.cluster.reading import list_objects
from kubectl_gitops.cluster.watching import Watch
from kubectl_gitops.errors import ClusterError, Forbidden, InvalidInput
from kubectl_gitops.report.columns import Cell, aligned
from kubectl_gitops.report.jsontext import to_json_line, to_json_text
from kubectl_gitops.report.style import PLAIN
from kubectl_gitops.report.text import printable, printable_lines
from kubectl_gitops.report.yamltext import to_yaml

_EVENTS = Resource(group="", version="v1", kind="Event", plural="events", namespaced=True)
_HEAD = ("LAST", "COUNT", "GITSYNC", "VERDICT", "REASON", "USER", "OPERATION", "OBJECT", "FIELDS")


@click.command("denials")
@click.argument("name", required=False)
@all_namespaces_option
@click.option("-w", "--watch", is_flag=True, help="Go on, and print each as it comes, until Ctrl-C.")
@output_option("table", "json", "yaml")
@cluster_options
def command(name: str | None, all_namespaces: bool, watch: bool, output: str, options: ClusterOptions) -> None:
    """List what the webhook refused, or let pass though it diverges: who, what, when, which fields.

    NAME is a GitSync; without it, all of the namespace (-A: of the cluster). VERDICT is Deny for what was refused.
    What passed in mode Warn or Audit, under an exemption (Exempt) or under break-glass (BreakGlass) is listed, too.
    These are Events, which the API server keeps for an hour unless it is told otherwise; the webhook's log and the
    audit log go further back.
    """
    if name and all_namespaces:
        raise InvalidInput("a name is one of a namespace: give -n with NAME, or -A without it")
    if watch and output == "yaml":
        raise InvalidInput("--watch goes with table or json")
    cluster = options.connect()
    namespace = "" if all_namespaces else options.namespace_or_default(cluster)
    if name:
        find_gitsync(cluster, Discovery(cluster), namespace, name)
    field_selector = f"involvedObject.name={name}" if name else None
    if watch:
        _watch(cluster, namespace, field_selector, output)
    events = list_objects(
        cluster, _EVENTS, namespace=namespace, label_selector=VERDICT_LABEL, field_selector=field_selector
    ).items
    events.sort(key=_order)
    match output:
        case "json":
            write(to_json_text([_document(event) for event in events]))
        case "yaml":
            write(to_yaml([_document(event) for event in events], sort_keys=False))
        case _:
            where = f"in namespace {namespace}; -A looks in all" if namespace else "in the cluster"
            where = f"for GitSync {namespace}/{name}" if name else where
            write(_table(events) if events else f"nothing was denied lately {where}\n")


def _table(events: list[Object]) -> str:
    rows = [_HEAD, *(_row(event) for event in events)]
    lines = aligned([[Cell(printable(text)) for text in row] for row in rows], PLAIN)
    return printable_lines("\n".join(lines)) + "\n"


def _row(event: Object) -> tuple[str, ...]:
    denial = read_denial(event)
    what = denial.reason + (f" ({denial.glass})" if denial.glass else "")
    return (
        str(event.get("lastTimestamp") or "-"),
        str(event.get("count") or 1),
        f"{denial.namespace}/{denial.gitsync}",
        denial.verdict,
        what,
        denial.user,
        denial.operation,
        denial.object,
        ", ".join(denial.fields) or "-",
    )


def _document(event: Object) -> dict[str, Any]:
    denial: Denial = read_denial(event)
    return {
        "first": event.get("firstTimestamp"),
        "last": event.get("lastTimestamp"),
        "count": event.get("count") or 1,
        **{key: list(value) if key == "fields" else value for key, value in asdict(denial).items() if key != "uid"},
    }


def _order(event: Object) -> tuple[str, str]:
    return str(event.get("lastTimestamp") or ""), event["metadata"]["name"]


class _Told:
    """Hands what a watch tells to the thread that prints; of a whole set, what it did not hand over before."""

    def __init__(self) -> None:
        self.news: queue.Queue[Object | ClusterError] = queue.Queue()
        self._told: set[tuple[str, str]] = set()

    def replaced(self, items: list[Object], resource_version: str) -> None:  # noqa: ARG002 - the protocol's
        for obj in sorted(items, key=_order):
            self.changed(obj)

    def changed(self, obj: Object) -> None:
        state = obj["metadata"]["uid"], obj["metadata"]["resourceVersion"]
        if state not in self._told:
            self._told.add(state)
            self.news.put(obj)

    def deleted(self, obj: Object) -> None:
        """One that the API server keeps no longer."""

    def failed(self, exc: ClusterError | None) -> None:
        if exc is not None:
            self.news.put(exc)


def _watch(cluster: Cluster, namespace: str, field_selector: str | None, output: str) -> NoReturn:
    """Print each as it comes. Raises Forbidden."""
    told = _Told()
    watch = Watch(
        cluster,
        _EVENTS,
        told,
        namespace=namespace,
        label_selector=VERDICT_LABEL,
        told=told.failed,
        field_selector=field_selector,
    )
    watch.start()
    try:
        while True:
            news = told.news.get()
            if isinstance(news, Forbidden):
                raise news
            if isinstance(news, ClusterError):
                click.echo(f"out of date: {news}; trying again", err=True)
            elif output == "json":
                write(to_json_line(_document(news)))
            else:
                write(printable("  ".join(_row(news))) + "\n")
    except KeyboardInterrupt:
        raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
    finally:
        watch.ask_to_stop()
