"""Kubeconfig files that hold their certificates, so that each is all that a client needs."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.pki import Credential


def write_kubeconfig(path: Path, *, url: str, ca_pem: str, user: str, credential: Credential) -> Path:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "testbed",
        "clusters": [{"name": "testbed", "cluster": {"server": url, "certificate-authority-data": _base64(ca_pem)}}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": user}}],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _base64(credential.certificate_pem),
                    "client-key-data": _base64(credential.key_pem),
                },
            }
        ],
    }
    return write_private(path, yaml.safe_dump(document, sort_keys=False))


def write_private(path: Path, text: str) -> Path:
    """A file that only we can read, from its first byte on."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
