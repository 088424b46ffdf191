"""Wait until what was installed runs: by watching, so that it is known at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress

from kubectl_gitops.api.objects import Object, ResourceKey, key_of
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.reading import list_objects
from kubectl_gitops.cluster.watching import Watch
from kubectl_gitops.errors import ClusterError, GitOpsError
from kubectl_gitops.health.assessment import health_of

DEPLOYMENTS = Resource(group="apps", version="v1", kind="Deployment", plural="deployments", namespaced=True)
PODS = Resource(group="", version="v1", kind="Pod", plural="pods", namespaced=True)


class NotAvailable(GitOpsError):
    """The time is over, and something of the installation does not run."""


class _Seen:
    """The Deployments of a namespace as they are now; whoever waits is woken when one changes."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.changes = threading.Condition()

    def replaced(self, items: list[Object], resource_version: str) -> None:  # noqa: ARG002 - Watch's Handler
        with self.changes:
            self.objects = {obj["metadata"]["name"]: obj for obj in items}
            self.changes.notify_all()

    def changed(self, obj: Object) -> None:
        # As lists are read: a watch leaves nothing out, but says the kind by itself.
        with self.changes:
            self.objects[obj["metadata"]["name"]] = obj
            self.changes.notify_all()

    def deleted(self, obj: Object) -> None:
        with self.changes:
            self.objects.pop(obj["metadata"]["name"], None)
            self.changes.notify_all()


def wait_available(
    cluster: Cluster, namespace: str, names: Collection[str], *, timeout_seconds: float
) -> Iterator[ResourceKey]:
    """Yields the key of each of these Deployments when all its replicas are as declared and available.

    Raises NotAvailable, with what the pods wait for, when the time is over.
    """
    seen, missing = _Seen(), set(names)
    deadline = time.monotonic() + timeout_seconds
    watch = Watch(cluster, DEPLOYMENTS, seen, namespace=namespace)
    watch.start()
    try:
        while missing:
            for name in _available(seen, missing, deadline):
                missing.discard(name)
                yield ResourceKey("apps", "Deployment", namespace, name)
            if missing and time.monotonic() >= deadline:
                raise _not_available(cluster, namespace, sorted(missing), seen, timeout_seconds)
    finally:
        watch.stop()


def wait_gone(exists: Callable[[], bool], *, what: str, timeout_seconds: float) -> None:
    """Raises NotAvailable where it is still there then. Asked again and again: there may be nobody left to watch."""
    deadline, pause = time.monotonic() + timeout_seconds, threading.Event()
    while exists():
        if time.monotonic() >= deadline:
            raise NotAvailable(
                f"{what} is still there after {timeout_seconds:g} s", hint="kubectl get it -o yaml: what holds it?"
            )
        pause.wait(0.1)


def _available(seen: _Seen, names: Collection[str], deadline: float) -> list[str]:
    """Those that are well, as soon as there are any; [] at the deadline."""

    def well() -> list[str]:
        return sorted(name for name in names if health_of(seen.objects.get(name)).is_well)

    with seen.changes:
        seen.changes.wait_for(lambda: bool(well()), max(0.0, deadline - time.monotonic()))
        return well()


def _not_available(
    cluster: Cluster, namespace: str, names: list[str], seen: _Seen, timeout_seconds: float
) -> NotAvailable:
    name = names[0]
    said = health_of(seen.objects.get(name)).message
    troubles: list[str] = []
    with suppress(ClusterError):
        selector = f"app.kubernetes.io/name={name}"
        for pod in list_objects(cluster, PODS, namespace=namespace, label_selector=selector).items:
            troubles += pod_troubles(pod)
    why = "; ".join([said, *dict.fromkeys(troubles)] if said else list(dict.fromkeys(troubles)))
    key = ResourceKey("apps", "Deployment", namespace, name)
    return NotAvailable(
        f"{key.described} is not available after {timeout_seconds:g} s{why and ': ' + why}",
        hint="the rest is installed; mend it and run install again, which goes on where this stopped",
    )


def pod_troubles(pod: Object) -> list[str]:
    """What keeps a pod from running, in the kubelet's and the scheduler's words."""
    status = pod.get("status") or {}
    found = [
        f"{key_of({'apiVersion': 'v1', 'kind': 'Pod', **pod})}: {condition.get('message')}"
        for condition in status.get("conditions") or ()
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False" and condition.get("message")
    ]
    for container in status.get("containerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") and waiting["reason"] not in {"ContainerCreating", "PodInitializing"}:
            words = f"{waiting['reason']} {waiting.get('message') or ''}".strip()
            found.append(f"Pod/{pod['metadata']['name']}: {words}")
    return found
