"""Keeps a replica's leaf and the authorities of all replicas fresh, in threads of its own, while reviews go on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from kubectl_gitops.api.names import CONTROLLER_FIELD_MANAGER
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.watching import Watch
from kubectl_gitops.cluster.writing import create_object
from kubectl_gitops.errors import Conflict, GitOpsError
from kubectl_gitops.snapshot.store import SECRETS
from webhook.authorities import Authorities, authorities_in, secret_of, store
from webhook.certs import CA_SECRET, Clock, Leaf, utc_now

_log = logging.getLogger(__name__)

#: How often to look whether anything is due.
LOOK_SECONDS = 60.0


class Rotation:
    """The leaf that is served, and the authorities that are trusted.

    ``serve`` is given each new leaf, from any thread. ``trusted`` is called when another bundle is to be trusted, and
    ``is_trusted`` tells whether the API server has it. ``wait_seconds`` is how long each step of a rotation waits for
    API servers and other replicas to follow the one before.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        authorities: Authorities,
        *,
        names: Sequence[str],
        serve: Callable[[Leaf], object],
        trusted: Callable[[], None],
        is_trusted: Callable[[bytes], bool],
        wait_seconds: float,
        clock: Clock = utc_now,
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._names = names
        self._serve = serve
        self._trusted = trusted
        self._is_trusted = is_trusted
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._lock = threading.RLock()
        self._authorities = authorities
        self._seen_at = time.monotonic()
        self._stopped = threading.Event()
        self._leaf = self._issue()
        self._watch = Watch(cluster, SECRETS, self, namespace=namespace, field_selector=f"metadata.name={CA_SECRET}")
        self._thread = threading.Thread(target=self._run, name="rotation", daemon=True)

    @property
    def bundle_pem(self) -> bytes:
        return self._authorities.bundle_pem

    @property
    def is_trusted(self) -> bool:
        """Whether the API server accepts what is served: nobody signs who was not announced."""
        return True

    def start(self) -> None:
        self._watch.start()
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._watch.ask_to_stop()

    def renew_leaf(self) -> None:
        """Serve a new leaf from now on."""
        with self._lock:
            self._leaf = self._issue()

    # -- what the watch tells

    def replaced(self, items: list[Object], resource_version: str) -> None:
        del resource_version
        if items:
            self.changed(items[0])
        else:
            self._restore()

    def changed(self, obj: Object) -> None:
        try:
            found = authorities_in(obj, clock=self._clock)
        except GitOpsError as exc:
            _log.error("the authority cannot be used, and what was known before is", extra={"why": str(exc)})
            return
        self._take(found)

    def deleted(self, obj: Object) -> None:
        del obj
        self._restore()

    # -- steps

    def _run(self) -> None:
        while not self._stopped.wait(min(LOOK_SECONDS, self._wait_seconds / 4)):
            try:
                self._look()
            except Conflict:
                _log.debug("another replica was first")
            except GitOpsError as exc:
                _log.warning("cannot rotate", extra={"why": str(exc)})

    def _look(self) -> None:
        with self._lock:
            if self._leaf.is_due(clock=self._clock):
                self.renew_leaf()
            authorities, waited = self._authorities, time.monotonic() - self._seen_at
        wanted = authorities.next_step(clock=self._clock)
        if wanted is None or (not authorities.is_settled and waited < self._wait_seconds):
            return
        if not self._is_trusted(authorities.bundle_pem):
            return
        _log.info("rotating the authority", extra={"step": _step(authorities)})
        self._take(store(self._cluster, self._namespace, wanted, clock=self._clock))

    def _take(self, found: Authorities) -> None:
        with self._lock:
            before, self._authorities = self._authorities, found
            if found.version == before.version:
                return
            self._seen_at = time.monotonic()
            if found.present.certificate != before.present.certificate:
                self.renew_leaf()
        if found.bundle_pem != before.bundle_pem:
            self._trusted()

    def _issue(self) -> Leaf:
        leaf = self._authorities.present.issue(self._names, clock=self._clock)
        self._serve(leaf)
        _log.info("serving a new certificate", extra={"expires": leaf.expires.isoformat()})
        return leaf

    def _restore(self) -> None:
        """Store what we hold, where nothing is stored any more: what is served stays trusted."""
        secret = secret_of(self._authorities, self._namespace)
        secret["metadata"].pop("resourceVersion", None)
        try:
            create_object(self._cluster, SECRETS, secret, manager=CONTROLLER_FIELD_MANAGER)
        except Conflict:
            return  # another replica, or a person; the watch will tell
        except GitOpsError as exc:
            _log.warning("cannot store the authority", extra={"why": str(exc)})


def _step(authorities: Authorities) -> str:
    if authorities.coming:
        return "switch"
    return "forget" if authorities.before else "announce"
