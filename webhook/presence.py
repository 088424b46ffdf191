"""Says that this replica is ready, by a Lease that it renews: without any, the reconciler raises the floor."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from kubectl_gitops.api.names import CONTROLLER_FIELD_MANAGER, WEBHOOK_LABEL
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.leases import LEASES, lease, renewed_at
from kubectl_gitops.cluster.reading import list_objects
from kubectl_gitops.cluster.writing import apply_object, delete_object
from kubectl_gitops.errors import GitOpsError, NotFound

_log = logging.getLogger(__name__)

#: A replica that was killed counts as ready no longer than this.
LEASE_SECONDS = 9
_RENEW_SECONDS = 3.0
_WITHDRAW_SECONDS = 3.0
#: What others have left behind goes after this time.
_LEFT_BEHIND = timedelta(hours=1)


class Presence:
    """Renews a Lease of this name for as long as ``is_ready`` says so, from a thread of its own."""

    def __init__(self, cluster: Cluster, namespace: str, name: str, *, is_ready: Callable[[], bool]) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self._is_ready = is_ready
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def withdraw(self) -> None:
        """Say that this replica is there no more. What cannot be said, soon, is told by time."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(_WITHDRAW_SECONDS)  # or it would renew what is deleted here
        try:
            delete_object(self._cluster, LEASES, self._namespace, self._name)
        except NotFound:
            pass
        except GitOpsError as exc:
            _log.warning("cannot say that this replica ends", extra={"why": str(exc)})

    def _run(self) -> None:
        is_first = True
        while not self._stopped.is_set():
            try:
                if self._is_ready():
                    self._renew()
                    if is_first:
                        self._clear_away()
                    is_first = False
            except GitOpsError as exc:
                _log.warning("cannot say that this replica is ready", extra={"why": str(exc)})
            self._stopped.wait(_RENEW_SECONDS if not is_first else 0.1)

    def _renew(self) -> None:
        renewed = lease(
            self._name, self._namespace, holder=self._name, seconds=LEASE_SECONDS, labels={WEBHOOK_LABEL: "ready"}
        )
        apply_object(self._cluster, LEASES, renewed, manager=CONTROLLER_FIELD_MANAGER)

    def _clear_away(self) -> None:
        """Delete the Leases of replicas that were killed long ago."""
        for one in list_objects(self._cluster, LEASES, namespace=self._namespace, label_selector=WEBHOOK_LABEL).items:
            renewed = renewed_at(one)
            if renewed is None or datetime.now(UTC) - renewed > _LEFT_BEHIND:
                with suppress(NotFound):  # another replica was faster
                    delete_object(self._cluster, LEASES, self._namespace, one["metadata"]["name"])
