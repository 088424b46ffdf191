"""What becomes of a push event, whichever replica it comes to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from kubectl_gitops.api.names import API_VERSION, CONTROLLER_FIELD_MANAGER, PLURAL, PUSH_ANNOTATION
from kubectl_gitops.cluster.connection import MERGE_PATCH, Cluster
from kubectl_gitops.reconciler.identity import whoami, writer_for
from kubectl_gitops.reconciler.metrics import Metrics
from kubectl_gitops.reconciler.receiver import Receiver


class InCharge(Protocol):
    """A process that is, or is not."""

    def pushed(self, namespace: str, name: str) -> bool:
        """There may be new commits for a GitSync. Whether this process is in charge of it."""


def receiver_of(cluster: Cluster, here: InCharge, metrics: Metrics, system_namespace: str) -> Receiver:
    """The receiver of a process: a push event that is another replica's goes there by an annotation."""
    self_identity = whoami(cluster)

    def push(namespace: str, name: str) -> None:
        if here.pushed(namespace, name):
            return
        cluster.request(
            "PATCH",
            f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}/{name}",
            query={"fieldManager": CONTROLLER_FIELD_MANAGER},
            body={"metadata": {"annotations": {PUSH_ANNOTATION: datetime.now(UTC).isoformat()}}},
            content_type=MERGE_PATCH,
        )

    return Receiver(
        cluster,
        metrics,
        reader_of=lambda gitsync: writer_for(
            gitsync, cluster, system_namespace=system_namespace, self_identity=self_identity
        ),
        push=push,
    )
