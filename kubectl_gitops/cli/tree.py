"""``kubectl gitops tree``: GitSyncs, their objects, and what those have made."""

from __future__ import annotations

import sys
from typing import TextIO

import click

from kubectl_gitops.cli.authors import warn
from kubectl_gitops.cli.grown import Grown, grow
from kubectl_gitops.cli.options import ClusterOptions, all_namespaces_option, cluster_options, output_option
from kubectl_gitops.cli.output import style_of, write
from kubectl_gitops.cli.targets import find_gitsyncs, gitsync_of, system_namespace_option
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.report.jsontext import to_json_text
from kubectl_gitops.report.tree import ASCII, UNICODE, Lines, to_json, to_text
from kubectl_gitops.snapshot.store import SnapshotStore


@click.command("tree")
@click.argument("name", required=False)
@all_namespaces_option
@output_option("tree", "json")
@system_namespace_option
@cluster_options
def command(
    name: str | None, all_namespaces: bool, output: str, system_namespace: str, options: ClusterOptions
) -> None:
    """Show the objects of GitSyncs, and what those have made.

    NAME is a GitSync; without it, all of the namespace (-A: of the cluster). Below each GitSync stands what it last
    synced, and below each object what it owns (by ownerReferences): ReplicaSets, Pods, Jobs, EndpointSlices and the
    like. SYNC says how an object is compared with what was synced, in the words of drift; HEALTH how it does.

    What you may not list, or what an API server that is down would have to tell, is named on stderr, and the rest is
    shown. Nothing is written.
    """
    cluster = options.connect()
    namespace = "" if all_namespaces else options.namespace_or_default(cluster)
    discovery = Discovery(cluster)
    gitsyncs = [(gitsync_of(obj), obj) for obj in find_gitsyncs(cluster, discovery, namespace, name)]
    grown = grow(cluster, discovery, SnapshotStore(cluster, system_namespace), gitsyncs)
    if output == "json":
        write(to_json_text(to_json(grown.roots, grown.unseen)))
    else:
        where = f"namespace {namespace}; -A looks in all" if namespace else "the cluster"
        style = style_of(sys.stdout)
        text = to_text(grown.roots, lines=_lines_for(sys.stdout), style=style)
        write(text if gitsyncs else f"there is no GitSync in {where}\n", style=style)
    _warn_of(grown)


def _lines_for(stream: TextIO) -> Lines:
    """Drawn lines where people look and the terminal can show them; else what every program can read."""
    is_unicode = (stream.encoding or "").lower().replace("-", "") == "utf8"
    return UNICODE if is_unicode and stream.isatty() else ASCII


def _warn_of(grown: Grown) -> None:
    for what, why in grown.unseen:
        warn(f"not seen: {what}: {why}")
