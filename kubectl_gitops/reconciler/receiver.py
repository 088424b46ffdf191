"""The push receiver: ``POST /hooks/NAMESPACE/NAME`` has Git asked now instead of at the next interval.

Whoever can reach it may send what they like: nothing in a body counts, it is only proven to come from who knows the
token. What is not proven is answered alike, whatever there is or is not.
"""

from __future__ import annotations

import base64
import logging
import re
import secrets
from collections.abc import Callable, Iterable
from typing import Any

from kubectl_gitops.api.gitsync import GitSync, read_gitsync
from kubectl_gitops.api.names import API_VERSION, PLURAL
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.errors import GitOpsError
from kubectl_gitops.reconciler.metrics import Metrics
from kubectl_gitops.reconciler.signatures import Proof
from kubectl_gitops.reconciler.tokenbuckets import TokenBuckets

_log = logging.getLogger(__name__)

#: What GitHub sends at most. It is hashed as it comes, and not kept.
MAX_BODY_BYTES = 25 << 20
_PIECE_BYTES = 1 << 16
#: For each GitSync, and for all that is asked together: each costs two requests to the API server.
_BURST, _REFILL_SECONDS = 20, 0.5
_ALL_BURST, _ALL_REFILL_SECONDS = 200, 0.02
_PATH = re.compile(r"/hooks/([a-z0-9][-a-z0-9]{0,62})/([a-z0-9][-.a-z0-9]{0,252})")
#: The key in the Secret that spec.source.receiver.secretRef names.
TOKEN_KEY = "token"  # noqa: S105 - a name


class Receiver:
    """A WSGI app. ``push`` is told of which GitSync (namespace, name) there may be new commits.

    ``reader_of`` gives the connection by which a GitSync's Secret is read: with the rights that the GitSync has, so
    that who may write GitSyncs learns nothing of other Secrets.
    """

    def __init__(
        self,
        cluster: Cluster,
        metrics: Metrics,
        *,
        reader_of: Callable[[GitSync], Cluster],
        push: Callable[[str, str], None],
    ) -> None:
        self._cluster = cluster
        self._metrics = metrics
        self._reader_of = reader_of
        self._push = push
        self._each: TokenBuckets[str] = TokenBuckets(burst=_BURST, refill_seconds=_REFILL_SECONDS)
        self._all: TokenBuckets[str] = TokenBuckets(burst=_ALL_BURST, refill_seconds=_ALL_REFILL_SECONDS)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, result = self._answer(environ)
        self._metrics.hooks.labels(result=result).inc()
        body = f"{status[4:].lower()}\n".encode()
        start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, environ: dict[str, Any]) -> tuple[str, str]:
        """The status line, and what is counted."""
        path = environ["PATH_INFO"]
        found = _PATH.fullmatch(path)
        if not found or environ["REQUEST_METHOD"] != "POST":
            return "404 Not Found", "refused"
        length = environ.get("CONTENT_LENGTH") or ""
        if not length.isdecimal():
            return "411 Length Required", "refused"
        if int(length) > MAX_BODY_BYTES:
            return "413 Content Too Large", "refused"
        if not (self._each.take(path) and self._all.take("")):
            return "429 Too Many Requests", "limited"
        namespace, name = found.groups()
        proof = self._proof_for(namespace, name)
        left = int(length)
        while left and (piece := environ["wsgi.input"].read(min(left, _PIECE_BYTES))):
            proof.update(piece)
            left -= len(piece)
        if left or not proof.is_given(lambda header: environ.get(f"HTTP_{header.upper().replace('-', '_')}", "")):
            return "404 Not Found", "refused"
        _log.info("push event for GitSync %s/%s", namespace, name)
        try:
            self._push(namespace, name)
        except GitOpsError as exc:
            _log.warning("push event for GitSync %s/%s is left to the next poll: %s", namespace, name, exc)
            return "503 Service Unavailable", "failed"
        return "202 Accepted", "accepted"

    def _proof_for(self, namespace: str, name: str) -> Proof:
        """What is to be proven. Where there is no such receiver, something that nobody can, after the same requests."""
        provider, token = "Generic", secrets.token_bytes(32)
        gitsync: GitSync | None = None
        try:
            gitsync = read_gitsync(self._cluster.get(f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}/{name}"))
        except GitOpsError as exc:
            _log.debug("push event: %s", exc)
        try:
            reader = self._reader_of(gitsync) if gitsync else self._cluster
            secret = (gitsync and gitsync.receiver_secret) or "none"
            data = reader.get(f"/api/v1/namespaces/{namespace}/secrets/{secret}").get("data") or {}
            if gitsync is not None and gitsync.receiver_secret:
                provider, token = gitsync.receiver_provider, base64.b64decode(data.get(TOKEN_KEY) or "")
        except GitOpsError as exc:
            if gitsync is not None and gitsync.receiver_secret:
                _log.warning("push event for GitSync %s: %s", gitsync, exc)
        return Proof(provider, token)
