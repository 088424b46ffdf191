"""A bearer token in a file that somebody renews, as the kubelet does for pods: whatever it says now is what is sent.

The kubernetes client reads such a file once (a kubeconfig's ``tokenFile``), or when a minute has passed by the wall
clock (in a pod), which may be set back. A look at the file's inode with each request costs microseconds.
"""

from __future__ import annotations

from pathlib import Path

from kubernetes import client

#: Where the kubelet puts the token of a pod's service account.
POD_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class TokenFile:
    """Keeps the token of a configuration as its file has it. To be its ``refresh_api_key_hook``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None

    def __call__(self, configuration: client.Configuration) -> None:
        """Take over what the file says, if it has changed. Never raises: until it can be read, the last one counts."""
        try:
            found = self._path.stat()
            seen = (found.st_mtime_ns, found.st_ino, found.st_size)
            if seen == self._seen:
                return
            token = self._path.read_text().strip()
        except (OSError, UnicodeDecodeError):
            return  # it is just being replaced
        if token:
            configuration.api_key["BearerToken"] = f"Bearer {token}"
            self._seen = seen
