"""``kubectl gitops resume``: end what suspend and rollback began."""

from __future__ import annotations

import click

from kubectl_gitops.api.names import SUSPEND_REASON_ANNOTATION
from kubectl_gitops.cli.options import ClusterOptions, all_namespaces_option, cluster_options
from kubectl_gitops.cli.output import write
from kubectl_gitops.cli.selection import chosen_gitsyncs, patched
from kubectl_gitops.cluster.discovery import Discovery


@click.command("resume")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="All GitSyncs of the namespace.")
@all_namespaces_option
@cluster_options
def command(names: tuple[str, ...], every: bool, all_namespaces: bool, options: ClusterOptions) -> None:
    """Let GitSyncs follow Git again, after suspend or rollback.

    What Git says then is synced, and drift is restored, as far as the GitSync's own spec.sync wants that.
    """
    cluster = options.connect()
    discovery = Discovery(cluster)
    for _, gitsync in chosen_gitsyncs(cluster, discovery, options, names, every=every, all_namespaces=all_namespaces):
        if not gitsync.suspended and gitsync.rollback is None:
            write(f"GitSync {gitsync} is not suspended\n")
            continue
        patch = {
            "metadata": {"annotations": {SUSPEND_REASON_ANNOTATION: None}},
            "spec": {"suspend": False, "rollback": None},
        }
        patched(cluster, discovery, gitsync, patch)
        rollback = gitsync.rollback
        ended = f"; its rollback to snapshot {rollback.snapshot} has ended" if rollback else ""
        write(f"GitSync {gitsync} resumed{ended}\n")
