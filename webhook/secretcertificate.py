"""Serves the certificate that a Secret holds, whoever writes it, and each that takes its place."""

from __future__ import annotations

import base64
import binascii
import logging
import threading
import time
from collections.abc import Callable

from cryptography import x509

from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.reading import get_object
from kubectl_gitops.cluster.watching import Watch
from kubectl_gitops.errors import GitOpsError
from kubectl_gitops.snapshot.store import SECRETS
from webhook.certs import Leaf
from webhook.configuration import CONFIGURATION_NAME, CONFIGURATIONS
from webhook.provided import Provided, provided_in
from webhook.trust import Bundle, Trust

_log = logging.getLogger(__name__)

#: How often to look whether a step of a change of authorities is due.
LOOK_SECONDS = 60.0
#: How long API servers are given to learn of an authority before who starts with it is ready.
LEARN_SECONDS = 5.0


class SecretCertificate:
    """Takes the place of webhook.rotation.Rotation, and makes and stores nothing.

    ``first`` is what the Secret holds, ``server_name`` the name that the API server asks for. ``serve`` is given each
    new leaf, from any thread; ``trusted`` is called when another bundle is to be trusted. Each step of a change of
    authorities takes ``wait_seconds``.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        first: Provided,
        *,
        server_name: str,
        serve: Callable[[Leaf], object],
        trusted: Callable[[], None],
        wait_seconds: float,
    ) -> None:
        self._server_name = server_name
        self._serve = serve
        self._trusted = trusted
        self._wait_seconds = wait_seconds
        self._lock = threading.RLock()
        self._trust = Trust(first, wait_seconds=wait_seconds)
        # Before anything is registered: what other replicas serve stays trusted.
        self._trust.find(_bundles(get_object(cluster, CONFIGURATIONS, "", CONFIGURATION_NAME)))
        self._was_trusted, self._trusted_at = self._trust.is_trusted, 0.0
        if not self._was_trusted:
            self._trusted_at = time.monotonic() + min(wait_seconds, LEARN_SECONDS)
        self._stopped = threading.Event()
        self._watches = [
            Watch(cluster, SECRETS, _One(self._given), namespace=namespace, field_selector=f"metadata.name={name}"),
            Watch(
                cluster, CONFIGURATIONS, _One(self._configured), field_selector=f"metadata.name={CONFIGURATION_NAME}"
            ),
        ]
        self._thread = threading.Thread(target=self._run, name="certificate", daemon=True)
        self.renew_leaf()

    @property
    def bundle_pem(self) -> bytes:
        with self._lock:
            return self._trust.bundle_pem

    @property
    def is_trusted(self) -> bool:
        """Whether the API server has been told to trust what is served; once it has, it stays so."""
        with self._lock:
            if not self._was_trusted and self._trust.is_trusted:
                self._was_trusted = time.monotonic() >= self._trusted_at
            elif not self._was_trusted:
                # What is written now, API servers learn a moment later.
                self._trusted_at = time.monotonic() + min(self._wait_seconds, LEARN_SECONDS)
            return self._was_trusted

    def start(self) -> None:
        for watch in self._watches:
            watch.start()
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for watch in self._watches:
            watch.ask_to_stop()

    def renew_leaf(self) -> None:
        """Serve what is served anew; another one only the Secret can bring."""
        with self._lock:
            leaf = self._trust.served.leaf
            self._serve(leaf)
        _log.info("serving a new certificate", extra={"expires": leaf.expires.isoformat()})

    # -- what the watches tell

    def _given(self, secret: Object | None) -> None:
        if secret is None:
            _log.warning("the Secret of the certificate is gone, and what it held is served on")
            return
        try:
            found = provided_in(secret, self._server_name)
        except GitOpsError as exc:
            _log.error(
                "the certificate cannot be used, and the one before is served on",
                extra={"why": str(exc), "hint": exc.hint},
            )
            return
        self._move(lambda: self._trust.provide(found))

    def _configured(self, configuration: Object | None) -> None:
        def find() -> bool:
            self._trust.find(_bundles(configuration))
            return self._trust.step()

        self._move(find)

    def _run(self) -> None:
        while not self._stopped.wait(min(LOOK_SECONDS, self._wait_seconds / 4)):
            if self._trust.is_changing:
                self._move(self._trust.step)

    def _move(self, move: Callable[[], bool]) -> None:
        """One change of what is served and trusted; ``move`` tells whether another certificate is to be served."""
        with self._lock:
            before = self._trust.bundle_pem
            if move():
                self.renew_leaf()
            is_other = self._trust.bundle_pem != before
        if is_other:
            _log.info("other authorities are to be trusted")
            self._trusted()


def _bundles(configuration: Object | None) -> list[Bundle] | None:
    """What each entry trusts; nothing, where it is unreadable."""
    if configuration is None:
        return None
    return [_authorities(hook["clientConfig"].get("caBundle") or "") for hook in configuration.get("webhooks") or []]


def _authorities(bundle: str) -> Bundle:
    try:
        return frozenset(x509.load_pem_x509_certificates(base64.b64decode(bundle)))
    except (ValueError, binascii.Error):
        return frozenset()


class _One:
    """One object, as a watch shows it; None where there is none."""

    def __init__(self, told: Callable[[Object | None], None]) -> None:
        self._told = told

    def replaced(self, items: list[Object], resource_version: str) -> None:
        del resource_version
        self._told(items[0] if items else None)

    def changed(self, obj: Object) -> None:
        self._told(obj)

    def deleted(self, obj: Object) -> None:
        del obj
        self._told(None)
