"""What kubelet and Prometheus ask for: /healthz, /readyz, /metrics. Plain HTTP, for inside the pod network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

_TEXT = "text/plain; charset=utf-8"


def health_app(
    registry: CollectorRegistry, *, unwell: Callable[[], str], unready: Callable[[], str]
) -> Callable[..., Iterable[bytes]]:
    """A WSGI app. ``unwell`` and ``unready`` say in a few words why not; "" where all is well."""

    def answer(path: str) -> tuple[str, str, bytes]:
        if path == "/metrics":
            return "200 OK", CONTENT_TYPE_LATEST, generate_latest(registry)
        asked = {"/healthz": unwell, "/readyz": unready}.get(path)
        if asked is None:
            return "404 Not Found", _TEXT, b"there are /healthz, /readyz and /metrics\n"
        why = asked()
        return ("503 Service Unavailable", _TEXT, f"{why}\n".encode()) if why else ("200 OK", _TEXT, b"ok\n")

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            start_response("405 Method Not Allowed", [("Allow", "GET, HEAD"), ("Content-Length", "0")])
            return []
        status, kind, body = answer(environ["PATH_INFO"])
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    return app
