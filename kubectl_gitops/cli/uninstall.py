"""``kubectl gitops uninstall``: take everything out of a cluster again; what was synced stays, and goes on running."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.cli.options import ClusterOptions, cluster_options
from kubectl_gitops.cli.output import write
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.report.text import count_of

_KEPT = """\
GitSyncs, their CRDs and their snapshots are kept: kubectl gitops install goes on with them, --purge deletes them too.
"""


@click.command("uninstall")
@click.option("--purge", is_flag=True, help="GitSyncs, their CRDs and our label on workloads too; asks first.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@cluster_options
def command(purge: bool, yes: bool, options: ClusterOptions) -> None:
    """Take kubectl-gitops out of a cluster.

    The webhook's configuration goes first, so that nobody is locked out. Whatever was synced from Git stays as it is,
    and goes on running.
    """
    from kubectl_gitops.installation.installed import installed_overlay
    from kubectl_gitops.installation.manifests import read_manifests
    from kubectl_gitops.installation.removing import Removal, is_installed

    cluster = options.connect()
    objects = read_manifests(installed_overlay(cluster))
    if not is_installed(cluster, objects):
        write("kubectl-gitops is not installed in this cluster\n")
        return
    removal = Removal(cluster, objects, purge=purge)
    gitsyncs = removal.gitsyncs()
    if purge and not yes:
        _ask(gitsyncs)
    for key, outcome in removal.run():
        write(f"{key.described} {outcome}\n")
    if gitsyncs and not purge:
        write(_KEPT)


def _ask(gitsyncs: Sequence[ResourceKey]) -> None:
    names = "".join(f"  {key.namespace}/{key.name}\n" for key in gitsyncs)
    question = f"This deletes {count_of(len(gitsyncs), 'GitSync')} for good (no workload):\n{names}Go on?"
    if not sys.stdin.isatty():
        raise InvalidInput("--purge asks first, and there is nobody to ask", hint="give --yes as well")
    click.confirm(question, abort=True, err=True)
