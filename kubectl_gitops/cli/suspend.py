"""``kubectl gitops suspend``: have the reconciler write nothing for a GitSync, and say why."""

from __future__ import annotations

import click

from kubectl_gitops.api.names import SUSPEND_REASON_ANNOTATION
from kubectl_gitops.cli.options import ClusterOptions, all_namespaces_option, cluster_options
from kubectl_gitops.cli.output import write
from kubectl_gitops.cli.selection import chosen_gitsyncs, patched
from kubectl_gitops.cluster.discovery import Discovery


@click.command("suspend")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="All GitSyncs of the namespace.")
@all_namespaces_option
@click.option("--reason", metavar="TEXT", help="Why; status shows it.")
@cluster_options
def command(
    names: tuple[str, ...], every: bool, all_namespaces: bool, reason: str | None, options: ClusterOptions
) -> None:
    """Stop syncing and restoring GitSyncs; drift is still reported.

    Nothing is written for them until kubectl gitops resume. The webhook goes on refusing what diverges from Git.

    \b
    Examples:
      kubectl gitops suspend shop -n gitops-system --reason "INC-42: database migration"
      kubectl gitops suspend --all -A
    """  # noqa: D301 - click's mark for lines to leave as they are
    cluster = options.connect()
    discovery = Discovery(cluster)
    for obj, gitsync in chosen_gitsyncs(cluster, discovery, options, names, every=every, all_namespaces=all_namespaces):
        annotations = obj["metadata"].get("annotations") or {}
        if gitsync.suspended and reason in {None, annotations.get(SUSPEND_REASON_ANNOTATION)}:
            write(f"GitSync {gitsync} is suspended already\n")
            continue
        patch = {"metadata": {"annotations": {SUSPEND_REASON_ANNOTATION: reason}}, "spec": {"suspend": True}}
        patched(cluster, discovery, gitsync, patch)
        write(f"GitSync {gitsync} suspended\n")
