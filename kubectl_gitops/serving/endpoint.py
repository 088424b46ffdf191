"""Where a process listens."""

from __future__ import annotations

import os
import socket
from typing import NamedTuple

from kubectl_gitops.errors import InvalidInput


class Endpoint(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET


def read_endpoint(text: str) -> Endpoint:
    """``0.0.0.0:9443`` or ``[::]:9443``. Raises InvalidInput."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise InvalidInput(f"not an address to listen on: {text!r}", hint="write host:port, as 0.0.0.0:9443")
    return Endpoint(host.removeprefix("[").removesuffix("]"), int(port))


def chosen_port(endpoint: Endpoint) -> Endpoint:
    """The endpoint with a free port in place of 0. Raises InvalidInput where there is none."""
    return endpoint if endpoint.port else Endpoint(endpoint.host, bound_port(endpoint))


def bound_port(endpoint: Endpoint) -> int:
    """The port of the endpoint, or which it gets for 0. Raises InvalidInput where it cannot be had."""
    try:
        with socket.create_server(tuple(endpoint), family=endpoint.family) as server:
            port: int = server.getsockname()[1]
            return port
    except OSError as exc:
        # The socket module puts its own words into strerror, except for names that cannot be resolved.
        why = exc.strerror if isinstance(exc, socket.gaierror) else os.strerror(exc.errno or 0)
        raise InvalidInput(f"cannot listen on {endpoint}: {why}") from exc
