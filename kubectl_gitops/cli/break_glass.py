"""``kubectl gitops break-glass``: suspend the enforcement of a GitSync, for a time and with a reason."""

from __future__ import annotations

from typing import Any

import click

from kubectl_gitops.api.breakglass import BREAK_GLASS_API_VERSION, BREAK_GLASS_KIND, BREAK_GLASS_VERB, read_break_glass
from kubectl_gitops.api.durations import duration_seconds
from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cli.objectname import parse_object_name
from kubectl_gitops.cli.options import ClusterOptions, cluster_options
from kubectl_gitops.cli.output import write
from kubectl_gitops.cli.targets import find_gitsync, gitsync_of, gitsync_resource
from kubectl_gitops.cluster.access import is_allowed, user_name
from kubectl_gitops.cluster.breakglasses import BREAK_GLASSES
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.reading import list_objects
from kubectl_gitops.cluster.writing import create_object, delete_object
from kubectl_gitops.errors import Forbidden, InvalidInput, NotFound
from kubectl_gitops.report.text import printable

MAX_SECONDS = 24 * 3600.0
_MAX_REASON = 256
_MANAGER = "kubectl-gitops-cli"


@click.command("break-glass")
@click.argument("name")
@click.option("--for", "duration", metavar="DURATION", help="How long, such as 30m or 2h; at most 24h.")
@click.option("--reason", metavar="TEXT", help="Why, with a ticket; shown to whoever makes use of it, and recorded.")
@click.option("--only", metavar="KIND/NAME", multiple=True, help="These objects alone, such as deploy/web; repeatable.")
@click.option(
    "--then",
    type=click.Choice(["restore", "report"]),
    default=None,
    help="What becomes of the drift at the end: put back, or left and reported.  [default: restore]",
)
@click.option("--end", is_flag=True, help="End it now; what was left to be reported is restored, too.")
@cluster_options
def command(
    name: str,
    duration: str | None,
    reason: str | None,
    only: tuple[str, ...],
    then: str | None,
    end: bool,
    options: ClusterOptions,
) -> None:
    """Suspend the enforcement of a GitSync, for a time and with a reason.

    Until it ends, the webhook lets changes pass with a warning, and the reconciler neither restores what they touch
    nor syncs new commits by itself. Each use is recorded. It takes the verb break-glass on the GitSync, which the
    ClusterRole gitops-break-glass gives: kubectl auth can-i break-glass gitsyncs/NAME.

    \b
    Examples:
      kubectl gitops break-glass shop -n gitops-system --for 30m --reason "INC-42 checkout is down"
      kubectl gitops break-glass shop -n gitops-system --for 1h --reason INC-42 --only deploy/web --then report
      kubectl gitops break-glass shop -n gitops-system --end
    """  # noqa: D301 - click's mark for lines to leave as they are
    if end and (duration or reason or only or then):
        raise InvalidInput("--end goes without other options of break-glass")
    spec = {} if end else _spec(duration, reason, then)
    cluster = options.connect()
    namespace = options.namespace_or_default(cluster)
    discovery = Discovery(cluster)
    gitsync = gitsync_of(find_gitsync(cluster, discovery, namespace, name))
    discovery.need(BREAK_GLASS_API_VERSION, BREAK_GLASS_KIND)
    if end:
        _end(cluster, gitsync)
    else:
        targets = [_target(discovery, text) for text in only]
        _open(cluster, discovery, gitsync, {**spec, **({"only": targets} if targets else {})})


def _spec(duration: str | None, reason: str | None, then: str | None) -> Object:
    if not duration or not reason or not reason.strip():
        raise InvalidInput("--for and --reason are needed", hint='such as --for 30m --reason "INC-42 checkout is down"')
    try:
        seconds = duration_seconds(duration)
    except ValueError as exc:
        raise InvalidInput(f"--for: {exc}") from exc
    if not 0 < seconds <= MAX_SECONDS:
        raise InvalidInput(f"--for {duration}: give more than nothing and at most 24h")
    if len(reason) > _MAX_REASON:
        raise InvalidInput(f"--reason: at most {_MAX_REASON} characters")
    return {"duration": duration, "reason": printable(reason.strip()), "then": (then or "restore").capitalize()}


def _target(discovery: Discovery, text: str) -> Object:
    """An object as the BreakGlass names it, in whatever word its kind was given."""
    kind, name = parse_object_name(text)
    resource = discovery.resolve(kind)
    return {**({"group": resource.group} if resource.group else {}), "kind": resource.kind, "name": name}


def _open(cluster: Cluster, discovery: Discovery, gitsync: GitSync, spec: Object) -> None:
    user = user_name(cluster)
    if not is_allowed(cluster, BREAK_GLASS_VERB, gitsync_resource(discovery), gitsync.namespace, gitsync.name):
        raise Forbidden(
            f"user {user} may not break the glass of GitSync {gitsync}",
            hint=f"it takes the verb {BREAK_GLASS_VERB} on gitsyncs: have the ClusterRole gitops-break-glass bound",
        )
    obj: dict[str, Any] = {
        "apiVersion": BREAK_GLASS_API_VERSION,
        "kind": BREAK_GLASS_KIND,
        "metadata": {"generateName": f"{gitsync.name[:50]}-", "namespace": gitsync.namespace},
        "spec": {"gitSync": gitsync.name, "by": user, **spec},
    }
    opened = read_break_glass(create_object(cluster, BREAK_GLASSES, obj, manager=_MANAGER))
    of = "" if not opened.only else " for " + ", ".join(map(str, opened.only))
    then = "then drift is restored" if opened.restores else "then drift is reported, and left as it is"
    write(f"break-glass of GitSync {gitsync} is open{of} until {opened.until_text}; {then}\n")


def _end(cluster: Cluster, gitsync: GitSync) -> None:
    items = list_objects(cluster, BREAK_GLASSES, namespace=gitsync.namespace).items
    names = [obj["metadata"]["name"] for obj in items if obj["spec"]["gitSync"] == gitsync.name]
    if not names:
        raise NotFound(f"no break-glass of GitSync {gitsync} is open")
    for name in names:
        delete_object(cluster, BREAK_GLASSES, gitsync.namespace, name)
    write(f"break-glass of GitSync {gitsync} has ended\n")
