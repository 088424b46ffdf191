"""``kubectl gitops adopt``: take over what already runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import click

from kubectl_gitops.cli.options import ClusterOptions, cluster_options, output_option
from kubectl_gitops.cli.output import show, write
from kubectl_gitops.cli.planned import Planned, local_plan, plan_for_gitsync, planned_report
from kubectl_gitops.cli.targets import (
    SourceOptions,
    find_gitsync,
    gitsync_of,
    source_options,
    system_namespace_option,
)
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.errors import GitOpsError, InvalidInput
from kubectl_gitops.report.text import count_of, printable
from kubectl_gitops.sync.adoption import Adoption, adopt, adoption_of
from kubectl_gitops.sync.inventory import Outcome
from kubectl_gitops.sync.steps import Plan


@click.command("adopt")
@click.argument("name", required=False)
@source_options
@click.option("--name", "directory_name", metavar="NAME", help="With -f alone: under which name it will be synced.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@output_option("table", "wide", "diff")
@system_namespace_option
@cluster_options
def command(
    name: str | None,
    source: SourceOptions,
    directory_name: str | None,
    yes: bool,
    output: str,
    system_namespace: str,
    options: ClusterOptions,
) -> None:
    """Take over what already runs as Git says, changing nothing else.

    NAME is a GitSync; with -f alone, it is what kubectl gitops sync -f would manage. Shown first, as diff does, is what
    already runs and is not managed yet; on a terminal you are asked. Then each object that is as Git says gets our
    label, and our field manager owns what Git declares of it. No value changes, nothing is created, nothing is pruned.
    What runs otherwise than Git says is left as it is: a sync would change it. Whoever changes an object in the
    meantime is not overwritten.

    It is done with your own rights, for a GitSync as well: the reconciler finds the objects as its own when it syncs.

    Exit codes: 0 taken over, or nothing to take over; 2 an error, or some objects could not be taken over.
    """
    cluster = options.connect()
    namespace = options.namespace_or_default(cluster)
    planned = _plan(cluster, namespace, name, source, directory_name, system_namespace)
    adoption = adoption_of(planned.plan)
    _show(planned, adoption, output)
    if not adoption.steps:
        write("nothing to take over\n")
        return
    if not yes:
        _ask(adoption)
    outcomes = adopt(cluster, planned.discovery, adoption.steps)
    _report(outcomes)


def _plan(
    cluster: Cluster,
    namespace: str,
    name: str | None,
    source: SourceOptions,
    directory_name: str | None,
    system_namespace: str,
) -> Planned:
    if name is None:
        return local_plan(cluster, namespace, source, directory_name, prune=False, purpose="adopt")
    if directory_name or source.filename is not None:
        raise InvalidInput("give the name of a GitSync or -f, not both")
    gitsync = gitsync_of(find_gitsync(cluster, Discovery(cluster), namespace, name))
    if gitsync.rollback is not None:
        raise InvalidInput(
            f"GitSync {gitsync} is rolled back: what Git says does not count for it now",
            hint=f"kubectl gitops resume {name} -n {namespace}",
        )
    return plan_for_gitsync(cluster, namespace, name, source, system_namespace)


def _show(planned: Planned, adoption: Adoption, output: str) -> None:
    """What runs and is not ours, in the words of diff; the rest in numbers, on stderr."""
    shown: Plan = replace(planned.plan, steps=(*adoption.steps, *adoption.differing))
    if shown.steps:
        show(planned_report(planned, shown), output)
    left = [
        f"{count_of(len(adoption.differing), 'object')} not as Git says" if adoption.differing else "",
        f"{count_of(adoption.missing, 'object')} not in the cluster" if adoption.missing else "",
        f"{count_of(adoption.undeclared, 'object')} no longer in Git" if adoption.undeclared else "",
        f"{count_of(adoption.ours, 'object')} managed already" if adoption.ours else "",
    ]
    if any(left):
        click.echo(f"left as they are: {', '.join(filter(None, left))}", err=True)


def _ask(adoption: Adoption) -> None:
    number = count_of(len(adoption.steps), "object")
    if not sys.stdin.isatty():
        raise InvalidInput(f"{number} to take over, and nobody to ask", hint="--yes takes them over without asking")
    click.confirm(f"Take over {number}?", abort=True, err=True)


def _report(outcomes: Sequence[Outcome]) -> None:
    failed = [(outcome.step.key, outcome.error) for outcome in outcomes if outcome.error is not None]
    write(f"{count_of(len(outcomes) - len(failed), 'object')} taken over\n")
    for key, error in failed:
        click.echo(printable(f"{key.described}: {error}"), err=True)
    if failed:
        raise GitOpsError(f"{count_of(len(failed), 'object')} could not be taken over, as shown")
