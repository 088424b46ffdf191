"""What each component of the control plane is called with. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ETCD = "etcd"
APISERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"

HOST = "127.0.0.1"
_SERVICE_ADDRESSES = "10.0.0.0/16"
# What a client may call the API server; the last is the address of the Service "kubernetes".
SERVER_NAMES = (HOST, "localhost", "kubernetes.default.svc", "10.0.0.1")


class Ports(NamedTuple):
    etcd: int
    etcd_peer: int
    apiserver: int
    controller_manager: int
    scheduler: int


@dataclass(frozen=True, slots=True)
class Files:
    """Names of the files that the components share, all in one directory."""

    directory: Path

    @property
    def ca(self) -> Path:
        return self.directory / "ca.crt"

    @property
    def server_certificate(self) -> Path:
        return self.directory / "server.crt"

    @property
    def server_key(self) -> Path:
        return self.directory / "server.key"

    @property
    def admin_certificate(self) -> Path:
        return self.directory / "admin.crt"

    @property
    def admin_key(self) -> Path:
        return self.directory / "admin.key"

    @property
    def service_account_key(self) -> Path:
        return self.directory / "service-account.key"

    @property
    def audit_policy(self) -> Path:
        return self.directory / "audit-policy.yaml"

    @property
    def audit_log(self) -> Path:
        return self.directory / "audit.log"

    def kubeconfig(self, name: str) -> Path:
        return self.directory / f"{name}.kubeconfig"


# The answers count as requests made, not the arrival of requests: one event for each.
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
"""


def etcd_flags(files: Files, ports: Ports) -> list[str]:
    client, peer = f"http://{HOST}:{ports.etcd}", f"http://{HOST}:{ports.etcd_peer}"
    return [
        f"--data-dir={files.directory / 'etcd'}",
        "--unsafe-no-fsync",  # the data outlive no crash, on purpose
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--log-level=warn",
    ]


def apiserver_flags(
    files: Files, ports: Ports, *, service_accounts: bool, audit: bool, extra: Sequence[str]
) -> list[str]:
    flags = [
        f"--etcd-servers=http://{HOST}:{ports.etcd}",
        f"--bind-address={HOST}",
        f"--advertise-address={HOST}",  # else it looks for a network, and there may be none
        f"--secure-port={ports.apiserver}",
        f"--tls-cert-file={files.server_certificate}",
        f"--tls-private-key-file={files.server_key}",
        f"--client-ca-file={files.ca}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={files.service_account_key}",
        f"--service-account-signing-key-file={files.service_account_key}",
        f"--service-cluster-ip-range={_SERVICE_ADDRESSES}",
        "--authorization-mode=RBAC",
        "--allow-privileged",
        # An Endpoints object must not hold a loopback address, and there is no other.
        "--endpoint-reconciler-type=none",
    ]
    if not service_accounts:
        # Nobody makes the ServiceAccount "default" then, without which this plugin refuses every Pod.
        flags.append("--disable-admission-plugins=ServiceAccount")
    if audit:
        flags += [f"--audit-policy-file={files.audit_policy}", f"--audit-log-path={files.audit_log}"]
    return [*flags, *extra]


def controller_manager_flags(files: Files, ports: Ports) -> list[str]:
    return [
        *_client_flags(files, CONTROLLER_MANAGER, ports.controller_manager),
        "--use-service-account-credentials",
        # Its start is some 150 requests, which the usual limit of 20 a second makes last 5 s.
        "--kube-api-qps=1000",
        "--kube-api-burst=1000",
        f"--service-account-private-key-file={files.service_account_key}",
        f"--root-ca-file={files.ca}",
    ]


def scheduler_flags(files: Files, ports: Ports) -> list[str]:
    return _client_flags(files, SCHEDULER, ports.scheduler)


def _client_flags(files: Files, name: str, port: int) -> list[str]:
    return [
        f"--kubeconfig={files.kubeconfig(name)}",
        "--leader-elect=false",
        f"--bind-address={HOST}",
        f"--secure-port={port}",
        f"--tls-cert-file={files.server_certificate}",
        f"--tls-private-key-file={files.server_key}",
    ]
