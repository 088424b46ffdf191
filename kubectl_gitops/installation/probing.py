"""Whether the webhook really refuses: asked of the API server, which asks it, by a change that is never stored."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass

from kubectl_gitops.api.names import CONTROLLER_FIELD_MANAGER, PROBE_LABEL, PROBE_WEBHOOK_NAME, SYSTEM_NAMESPACE
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.writing import create_object
from kubectl_gitops.errors import ClusterError, Rejected

CONFIG_MAPS = Resource(group="", version="v1", kind="ConfigMap", plural="configmaps", namespaced=True)
#: The API server learns of a new configuration within some hundred milliseconds.
_AGAIN_SECONDS = 0.25
_UNREACHED = re.compile(r"failed calling webhook \S+: (?:failed to call webhook: )?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of it; ``why`` is "" where the webhook refused, as it should."""

    why: str = ""
    hint: str = ""

    @property
    def refused(self) -> bool:
        return not self.why


def probe_webhook(cluster: Cluster, namespace: str = SYSTEM_NAMESPACE) -> Probe:
    """Ask once. Raises ClusterError where the API server does not even ask, as for lack of rights."""
    question = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "gitops-probe", "namespace": namespace, "labels": {PROBE_LABEL: "webhook"}},
    }
    try:
        create_object(cluster, CONFIG_MAPS, question, manager=CONTROLLER_FIELD_MANAGER, dry_run=True)
    except Rejected as exc:
        if PROBE_WEBHOOK_NAME not in str(exc):
            raise
        unreached = _UNREACHED.search(str(exc))
        return _unreached(unreached[1]) if unreached else Probe()
    return Probe(
        "the API server does not ask the webhook",
        "it registers itself once it is ready: see kubectl get pods -n " + namespace,
    )


def wait_refused(cluster: Cluster, namespace: str, *, timeout_seconds: float) -> Probe:
    """Ask until the webhook refuses, or the time is over; what came of it last."""
    deadline = time.monotonic() + timeout_seconds
    pause = threading.Event()
    while True:
        probe = _probe_again(cluster, namespace)
        if probe.refused or time.monotonic() > deadline:
            return probe
        pause.wait(_AGAIN_SECONDS)


def _probe_again(cluster: Cluster, namespace: str) -> Probe:
    try:
        return probe_webhook(cluster, namespace)
    except ClusterError as exc:
        if exc.status and exc.status < 500:
            raise
        return Probe(str(exc), exc.hint)


_HINTS = (
    ("x509", "its certificate is not of the authority in its configuration: restart the webhook, which writes it anew"),
    ("no endpoints", "no replica is ready: see kubectl get pods"),
    ("not found", "its Service is missing: run kubectl gitops install"),
    ("deadline exceeded", "does a NetworkPolicy or a firewall keep the API server from the webhook's port 9443?"),
    ("refused", "is its process running, and does it listen where its configuration says?"),
)


def _unreached(words: str) -> Probe:
    hint = next((hint for sign, hint in _HINTS if sign in words), "see the webhook's log")
    return Probe(f"the API server cannot reach the webhook: {' '.join(words.split())}", hint)
