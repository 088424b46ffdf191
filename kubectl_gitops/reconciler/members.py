"""Which replicas are alive: each keeps a Lease of its own, and looks at those of the others."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable

from kubectl_gitops.api.names import GROUP
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.errors import ClusterError, NotFound
from kubectl_gitops.reconciler.fence import uptime_seconds
from kubectl_gitops.reconciler.lease import LEASE_SECONDS, RENEW_SECONDS, REQUEST_SECONDS, Lease, leases_path

_log = logging.getLogger(__name__)

_LABEL = f"{GROUP}/reconciler-member"
#: The lease of a replica that has not renewed it for so long is deleted.
_FORGOTTEN_SECONDS = 600.0


class Members:
    """The replicas that share the shards. ``changed`` is called, from a thread of its own, when they are others."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        *,
        identity: str,
        changed: Callable[[], None],
        clock: Callable[[], float] = uptime_seconds,
    ) -> None:
        self._identity = identity
        self._collection = leases_path(namespace)
        self._cluster = cluster.within(REQUEST_SECONDS)
        self._lease = Lease(
            cluster, namespace, f"gitops-reconciler-member-{identity}", identity=identity, labels={_LABEL: "true"}
        )
        self._changed = changed
        self._clock = clock
        self._stopping = threading.Event()
        self._seen: dict[str, tuple[str, float]] = {}  # resourceVersion, and when it was first seen
        self._thread = threading.Thread(target=self._run, name="members", daemon=True)
        #: Their identities; empty until they are known.
        self.alive: frozenset[str] = frozenset()

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, timeout_seconds: float) -> None:
        """Take leave: the others need not wait until our lease is over."""
        self._stopping.set()
        self._thread.join(timeout_seconds)
        with contextlib.suppress(ClusterError):
            self._cluster.request("DELETE", f"{self._collection}/gitops-reconciler-member-{self._identity}")

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._look()
            except ClusterError as exc:
                _log.warning("cannot tell which replicas are alive: %s", exc)
            self._stopping.wait(RENEW_SECONDS)

    def _look(self) -> None:
        self._lease.acquire()
        items = self._cluster.get(self._collection, {"labelSelector": _LABEL})["items"]
        now = self._clock()
        before, self._seen = self._seen, {}
        alive = {self._identity}
        for item in items:
            name, version = item["metadata"]["name"], item["metadata"]["resourceVersion"]
            old = before.get(name)
            self._seen[name] = seen = old if old is not None and old[0] == version else (version, now)
            if now - seen[1] < LEASE_SECONDS:
                alive.add(item["spec"].get("holderIdentity") or name)
            elif now - seen[1] > _FORGOTTEN_SECONDS:
                with contextlib.suppress(NotFound):
                    self._cluster.request("DELETE", f"{self._collection}/{name}")
        if alive != self.alive:
            self.alive = frozenset(alive)
            _log.info("replicas: %s", ", ".join(sorted(alive)))
            self._changed()
