"""Our service accounts beside a control plane, with the rights of manifests/base and no more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests.testbed.kubeconfig import write_private

if TYPE_CHECKING:
    from tests.testbed.controlplane import ControlPlane

_NAMESPACE = "gitops-system"
_BASE = Path(__file__).parents[2] / "manifests" / "base"


def grant(plane: ControlPlane, rbac: str) -> None:
    """Create the account and the rights in a file of manifests/base; its namespace must be there."""
    plane.kubectl("apply", "-f", str(_BASE / rbac))


def kubeconfig_of(plane: ControlPlane, account: str, directory: Path, *, url: str = "") -> Path:
    """A kubeconfig with a token of a service account, as a pod of it would have; ``url``: not the plane's own."""
    path = directory / f"{account}.kubeconfig"
    token = plane.kubectl("create", "token", account, "--namespace", _NAMESPACE, "--duration", "24h").stdout.strip()
    document = yaml.safe_load(plane.kubeconfig.read_text())
    document["users"] = [{"name": account, "user": {"token": token}}]
    document["contexts"][0]["context"]["user"] = account
    if url:
        document["clusters"][0]["cluster"]["server"] = url
    return write_private(path, yaml.safe_dump(document))
