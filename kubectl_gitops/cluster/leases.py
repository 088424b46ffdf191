"""Leases by which a process says that it is there, for as long as it renews one."""

from __future__ import annotations

from datetime import UTC, datetime

from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.discovery import Resource

LEASES = Resource(group="coordination.k8s.io", version="v1", kind="Lease", plural="leases", namespaced=True)


def lease(name: str, namespace: str, *, holder: str, seconds: int, labels: dict[str, str]) -> Object:
    """One that is renewed now and counts for so many seconds."""
    return {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": seconds,
            "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        },
    }


def renewed_at(obj: Object) -> datetime | None:
    """When it was renewed by its holder's clock; None where it does not say."""
    try:
        return datetime.fromisoformat((obj.get("spec") or {})["renewTime"])
    except (KeyError, TypeError, ValueError):
        return None
