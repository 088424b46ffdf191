"""One Lease (coordination.k8s.io/v1), held by one replica at a time.

The rules are those of k8s.io/client-go, tools/leaderelection. No clock is compared with another machine's: a lease is
over for us when we have not seen it change for as long as it lasts, by our own clock.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from kubectl_gitops.api.names import CONTROLLER_FIELD_MANAGER
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.errors import Conflict, NotFound
from kubectl_gitops.reconciler.fence import uptime_seconds

#: How long others leave a lease alone that is not renewed.
LEASE_SECONDS = 10
#: How long after its last renewal the holder goes on writing: the rest is for requests that are under way.
WRITE_SECONDS = 6.0
#: How often the holder renews, and how often others look whether it is free.
RENEW_SECONDS, LOOK_SECONDS = 2.0, 1.0
#: How long one request about a lease may take.
REQUEST_SECONDS = 2.5


class Lease:
    """A lease in a namespace, as one replica sees it. Used by one thread at a time.

    ``identity`` must be nobody else's. A lease that has our identity is taken again at once.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        *,
        identity: str,
        labels: dict[str, str] | None = None,
        clock: Callable[[], float] = uptime_seconds,
    ) -> None:
        self._cluster = cluster.within(REQUEST_SECONDS)
        self._collection = leases_path(namespace)
        self._name = name
        self._labels = labels or {}
        self._identity = identity
        self._clock = clock
        self._held: Object | None = None
        self._watched: _Sighting | None = None

    def acquire(self) -> bool:
        """Take it if it is free, ours, or over. Whether we hold it now. Raises ClusterError."""
        self._held = None
        try:
            lease = self._cluster.get(self._path)
        except NotFound:
            return self._create()
        if not self._is_free(lease):
            return False
        spec = lease["spec"] = lease.get("spec") or {}
        if spec.get("holderIdentity") != self._identity:
            spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + 1
            spec["acquireTime"] = _now()
        spec["holderIdentity"] = self._identity
        return self._store(lease)

    def renew(self) -> bool:
        """Whether it is still ours; for others it lasts anew from now on. Raises ClusterError: nobody knows then."""
        if self._held is None:
            lease = self._cluster.get(self._path)
            if (lease.get("spec") or {}).get("holderIdentity") != self._identity:
                return False
        else:
            lease, self._held = self._held, None  # what was not answered may have been stored all the same
        if self._store(lease):
            return True
        # Somebody has written it: a person who added a label, or who took it over.
        lease = self._cluster.get(self._path)
        return (lease.get("spec") or {}).get("holderIdentity") == self._identity and self._store(lease)

    def release(self) -> None:
        """Let it go at once, if it is ours. Raises ClusterError."""
        lease = self._cluster.get(self._path)
        if (lease.get("spec") or {}).get("holderIdentity") == self._identity:
            lease["spec"]["holderIdentity"] = ""
            self._store(lease)
        self._held = None

    def _is_free(self, lease: Object) -> bool:
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity", "") in {"", self._identity}:
            return True
        version = lease["metadata"]["resourceVersion"]
        if self._watched is None or self._watched.version != version:
            self._watched = _Sighting(version, self._clock())
        lasts_seconds = max(LEASE_SECONDS, int(spec.get("leaseDurationSeconds") or 0))
        return self._clock() - self._watched.at >= lasts_seconds

    def _create(self) -> bool:
        lease: Object = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "labels": self._labels},
            "spec": {"holderIdentity": self._identity, "acquireTime": _now(), "leaseTransitions": 0},
        }
        return self._written("POST", self._collection, lease)

    def _store(self, lease: Object) -> bool:
        """Whether it was stored; not where somebody else has written it since (resourceVersion)."""
        return self._written("PUT", self._path, lease)

    def _written(self, method: str, path: str, lease: Object) -> bool:
        lease["spec"] |= {"leaseDurationSeconds": LEASE_SECONDS, "renewTime": _now()}
        query = {"fieldManager": CONTROLLER_FIELD_MANAGER}
        try:
            self._held = self._cluster.request(method, path, query=query, body=lease)
        except Conflict:
            self._held = None
            return False
        return True

    @property
    def _path(self) -> str:
        return f"{self._collection}/{self._name}"


class _Sighting:
    """A version of a lease, and when we saw it first."""

    __slots__ = ("at", "version")

    def __init__(self, version: Any, at: float) -> None:
        self.version = version
        self.at = at


def leases_path(namespace: str) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


def _now() -> str:
    """metav1.MicroTime; for people to read, nothing is decided by it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
