"""How ``drift -f`` compares: with the person's own rights, and with what this machine remembers of earlier answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kubectl_gitops.api.names import managed_by
from kubectl_gitops.api.objects import Declared
from kubectl_gitops.cli.authors import warn, with_authors
from kubectl_gitops.cli.targets import SourceOptions
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.errors import GitOpsError
from kubectl_gitops.report.model import DriftReport
from kubectl_gitops.report.text import count_of
from kubectl_gitops.snapshot.local import LocalForms, default_directory
from kubectl_gitops.source.desired import Desired
from kubectl_gitops.sync.comparing import Comparer
from kubectl_gitops.sync.confirming import Confirmer
from kubectl_gitops.sync.dryrun import DryRuns
from kubectl_gitops.sync.revealed import drift_in
from kubectl_gitops.sync.steps import Plan, Target, Unread


def comparison(
    cluster: Cluster, discovery: Discovery, desired: Desired, namespace: str
) -> Callable[[Iterable[Declared]], Plan]:
    """What compares declared objects with the cluster; what dry-runs answer is remembered for the next time."""
    target = Target(namespace="", name="", label=managed_by("", ""), default_namespace=namespace)

    def compare(declared: Iterable[Declared]) -> Plan:
        confirmer = Confirmer(DryRuns(cluster, discovery), lambda: LocalForms.of(cluster, default_directory()))
        return Comparer(cluster, discovery, confirmer).compare(declared, target, desired.file_commits)

    return compare


def reporting(source: SourceOptions, desired: Desired) -> Callable[[Plan], DriftReport]:
    """What makes a report of a comparison with ``-f``."""

    def report_of(plan: Plan) -> DriftReport:
        judged = drift_in(plan)
        return DriftReport(
            subject=desired.where,
            repo_url="",
            path=source.path or "",
            revision=desired.commit,
            ref=source.revision or "",
            checked=len(plan.steps),
            drifts=with_authors([one.drift for one in judged if one.drift], desired),
            ignored=with_authors([one.ignored for one in judged if one.ignored], desired),
            unconfirmed_because=plan.unconfirmed_because,
        )

    return report_of


def warn_of_gaps(plan: Plan) -> None:
    """What the report does not hold, on stderr: what could not be told, and what could not be read."""
    for group in plan.unread:
        warn(f"{count_of(len(group.keys), 'object')} not compared: {group.error}")
    if plan.undecided:
        objects = f"{count_of(plan.undecided, 'object')} that people created"
        warn(f"in {objects}, additions cannot be told from defaults: {plan.unconfirmed_because}")


def not_read(unread: Sequence[Unread]) -> GitOpsError:
    """The error that ends a command whose report does not have all declared objects in it."""
    number = count_of(sum(len(group.keys) for group in unread), "object")
    hints = sorted({group.error.hint for group in unread if group.error.hint})
    return GitOpsError(f"{number} could not be read, and so not be compared", hint="; ".join(hints))
