"""How ``-f`` compares: with the person's own rights, and with what this machine remembers of earlier answers."""

from __future__ import annotations

from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.snapshot.local import LocalForms, default_directory
from kubectl_gitops.sync.comparing import Comparer
from kubectl_gitops.sync.confirming import Confirmer
from kubectl_gitops.sync.dryrun import DryRuns


def comparer(cluster: Cluster, discovery: Discovery) -> Comparer:
    """One for a single comparison; what dry-runs answer is remembered for the next."""
    confirmer = Confirmer(DryRuns(cluster, discovery), lambda: LocalForms.of(cluster, default_directory()))
    return Comparer(cluster, discovery, confirmer)
