"""How one webhook process is set up. Nothing in it is secret."""

from __future__ import annotations

import re
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.serving.endpoint import Endpoint
from webhook.app import VALIDATE_PATH


def _replica() -> str:
    host = re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().lower()).strip("-")[:200]
    return f"gitops-webhook-{host}-{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``url`` is where the API server reaches this process from outside the cluster; without one, it is ``service``.

    ``replica`` is a name for this process, no other's, and a valid one for a Lease. ``drain_seconds`` is how long it
    goes on answering after SIGTERM, ``rotation_wait_seconds`` how long each step of a rotation of the authority takes.
    ``certificate_secret`` names the Secret from which the certificate comes; without one it is of our own making.
    """

    kubeconfig: Path | None
    namespace: str
    listen: Endpoint
    metrics_listen: Endpoint
    service: str
    url: str | None = None
    certificate_secret: str = ""
    replica: str = field(default_factory=_replica)
    log_level: str = "info"
    drain_seconds: float = 10.0
    rotation_wait_seconds: float = 300.0

    def connect(self) -> Cluster:
        """As kubectl would where a kubeconfig is given, else as the pod's service account."""
        return Cluster.from_kubeconfig(self.kubeconfig) if self.kubeconfig else Cluster.in_cluster()

    @property
    def client_config(self) -> Object:
        """Where the API server finds this webhook, as its configuration says it (without the CA)."""
        if self.url:
            return {"url": self.url}
        service = {"name": self.service, "namespace": self.namespace, "path": VALIDATE_PATH, "port": 443}
        return {"service": service}

    @property
    def server_names(self) -> tuple[str, ...]:
        """The names that the certificate is for; the first is the one that the API server asks for."""
        if self.url:
            host = urlsplit(self.url).hostname
            assert host is not None
            return (host,)
        name = f"{self.service}.{self.namespace}.svc"
        return (name, f"{name}.cluster.local")


def read_url(text: str, *, port: int) -> str:
    """The URL that the API server is to call; port 0 in it stands for ``port``, the one listened on."""
    try:
        parts = urlsplit(text)
        is_good = parts.scheme == "https" and bool(parts.hostname) and not parts.query and not parts.fragment
        if is_good and parts.port == 0:
            parts = parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}")
    except ValueError:
        is_good = False
    if not is_good:
        raise InvalidInput(f"not a URL for the API server to call: {text!r}", hint="write https://host:port/validate")
    return parts._replace(path=parts.path or VALIDATE_PATH).geturl()
