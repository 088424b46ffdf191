"""``kubectl gitops diff``: what a sync would change."""

from __future__ import annotations

import click

from kubectl_gitops.cli.failures import exit_with_differences
from kubectl_gitops.cli.options import ClusterOptions, cluster_options
from kubectl_gitops.cli.output import report_option, show
from kubectl_gitops.cli.planned import local_plan, plan_for_gitsync, planned_report
from kubectl_gitops.cli.targets import SourceOptions, source_options, system_namespace_option
from kubectl_gitops.errors import GitOpsError, InvalidInput
from kubectl_gitops.report.text import count_of


@click.command("diff")
@click.argument("name", required=False)
@source_options
@click.option(
    "--name", "directory_name", metavar="NAME", help="With -f alone: under which name it is, or would be, synced."
)
@click.option("--prune", is_flag=True, help="With -f alone: show what a sync with --prune would delete.")
@report_option
@system_namespace_option
@cluster_options
def command(
    name: str | None,
    source: SourceOptions,
    directory_name: str | None,
    prune: bool,
    output: str,
    system_namespace: str,
    options: ClusterOptions,
) -> None:
    """Show what a sync would change.

    NAME is a GitSync: what would be different if it synced its branch now, or --revision, or the directory -f. With
    -f alone, what kubectl gitops sync -f would do. Nothing is written.

    Exit codes: 0 nothing would change, 1 something would, 2 an error.
    """
    cluster = options.connect()
    namespace = options.namespace_or_default(cluster)
    if name is not None:
        if directory_name or prune:
            raise InvalidInput("--name and --prune go with -f alone", hint="a GitSync has its own spec.sync.prune")
        planned = plan_for_gitsync(cluster, namespace, name, source, system_namespace)
    else:
        planned = local_plan(cluster, namespace, source, directory_name, prune=prune)
    report = planned_report(planned)
    show(report, output)
    if report.failures:
        raise GitOpsError(f"the API server would refuse {count_of(len(report.failures), 'object')}, as shown")
    if report.has_changes:
        exit_with_differences()
