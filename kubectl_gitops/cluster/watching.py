"""List, then watch, for ever: every change of a set of objects, none missed.

A watch that ends is taken up where it stopped; one that is too old (410) lists again, and the handler
gets the whole set to compare, so that what happened in the gap is not lost.
"""

from __future__ import annotations

import logging
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import orjson
import urllib3

from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.failures import unreachable
from kubectl_gitops.cluster.reading import list_objects
from kubectl_gitops.errors import ClusterError, Expired

_log = logging.getLogger(__name__)

#: How long the server keeps one watch open; spread, so that many watches do not end together.
_WATCH_SECONDS = (240, 300)
#: A watch that ends sooner than this, and told nothing, is not taken up again at once.
_SHORT_WATCH_SECONDS = 1.0
_MIN_BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS = 0.2, 20.0
#: Failures that say nothing about the resourceVersion: no answer, and "not now".
_KEEPS_PLACE = {0, 429, 502, 503, 504}
_STOP_SECONDS = 5.0


class Handler(Protocol):
    """Who is told. Called from the watch's own thread, one call at a time; should not raise."""

    def replaced(self, items: list[Object], resource_version: str) -> None:
        """The whole set as of a resourceVersion, after a LIST: whatever is not in it is gone."""

    def changed(self, obj: Object) -> None:
        """One object was added or modified."""

    def deleted(self, obj: Object) -> None:
        """One object was deleted, or no longer matches the selector."""


class Watch:
    """One LIST+WATCH in a thread of its own, until stopped.

    ``told`` is called from that thread with each failure, and with None once events come in (again); without it, and
    for what is a fault of ours, failures are logged.
    """

    def __init__(
        self,
        cluster: Cluster,
        resource: Resource,
        handler: Handler,
        *,
        namespace: str = "",
        label_selector: str | None = None,
        field_selector: str | None = None,
        told: Callable[[ClusterError | None], None] | None = None,
    ) -> None:
        self._cluster = cluster
        self._resource = resource
        self._handler = handler
        self._told = told
        self._namespace = namespace
        self._selectors = {"labelSelector": label_selector, "fieldSelector": field_selector}
        self._stopped = threading.Event()
        self._synced = threading.Event()
        self._response: urllib3.BaseHTTPResponse | None = None
        self._version = ""
        self._backoff_seconds = _MIN_BACKOFF_SECONDS
        self._thread = threading.Thread(target=self._run, name=f"watch-{resource.plural}", daemon=True)
        self.last_error: ClusterError | None = None

    def start(self) -> None:
        self._thread.start()

    def wait_synced(self, timeout_seconds: float | None = None) -> bool:
        """Whether the first LIST has been handed over, waiting for it that long."""
        return self._synced.wait(timeout_seconds)

    @property
    def synced(self) -> bool:
        return self._synced.is_set()

    def ask_to_stop(self) -> None:
        """Have the thread end soon, even in the middle of a read. Does not wait for it."""
        self._stopped.set()
        _hang_up(self._response)

    def stop(self, *, timeout_seconds: float = _STOP_SECONDS) -> None:
        """End the thread and wait for it."""
        self.ask_to_stop()
        self.join(timeout_seconds=timeout_seconds)

    def join(self, *, timeout_seconds: float) -> bool:
        """Wait for the thread, after it was asked to stop. Whether it has ended."""
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(max(0.0, timeout_seconds))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopped.is_set():
            wait_seconds = self._turn()
            self._stopped.wait(wait_seconds)

    def _turn(self) -> float:
        """List if need be, then watch until that ends. Returns the seconds to wait before the next turn."""
        try:
            return self._follow()
        except ClusterError as exc:
            if self._stopped.is_set():
                return 0.0
            self._failed(exc)
            if exc.status not in _KEEPS_PLACE:
                self._version = ""
            return exc.retry_after or self._back_off()
        except Exception:  # noqa: BLE001 - the loop's boundary
            # A handler failed, or an event was none: only the whole set can make up for it.
            _log.exception("watch of %s", self._resource.plural)
            if self._told is not None:
                self._told(ClusterError(f"watch of {self._resource.plural}: an event cannot be read"))
            self._version = ""
            return self._back_off()

    def _failed(self, exc: ClusterError) -> None:
        self.last_error = exc
        if self._told is not None:
            self._told(exc)
        else:
            _log.warning("watch of %s: %s", self._resource.plural, exc)

    def _follow(self) -> float:
        started, told = time.monotonic(), False
        self._version = self._version or self._list()
        for reached in self._watch(self._version):
            self._version, self._backoff_seconds, told = reached, _MIN_BACKOFF_SECONDS, True
        return 0.0 if told or time.monotonic() - started > _SHORT_WATCH_SECONDS else self._back_off()

    def _back_off(self) -> float:
        seconds = self._backoff_seconds * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
        self._backoff_seconds = min(self._backoff_seconds * 2, _MAX_BACKOFF_SECONDS)
        return seconds

    def _list(self) -> str:
        listing = list_objects(
            self._cluster,
            self._resource,
            namespace=self._namespace,
            label_selector=self._selectors["labelSelector"],
            field_selector=self._selectors["fieldSelector"],
        )
        self._handler.replaced(listing.items, listing.resource_version)
        self._synced.set()
        return listing.resource_version

    def _watch(self, version: str) -> Iterator[str]:
        """Hand over events as they come; yields the resourceVersion reached after each."""
        seconds = random.randint(*_WATCH_SECONDS)  # noqa: S311 - jitter
        query = {
            "watch": True,
            "resourceVersion": version,
            "allowWatchBookmarks": True,
            "timeoutSeconds": seconds,
            **self._selectors,
        }
        path = self._resource.path(self._namespace)
        with self._cluster.stream(path, query, timeout_seconds=seconds + 30) as response:
            # In this order: whoever asks us to stop sets the event first, and then looks for the response.
            self._response = response
            self.last_error = None
            if self._told is not None:
                self._told(None)
            try:
                for event in () if self._stopped.is_set() else _events(response):
                    if self._stopped.is_set():
                        return
                    yield self._handle(event)
            except (urllib3.exceptions.HTTPError, OSError) as exc:
                raise unreachable(self._cluster.url, exc) from exc
            finally:
                self._response = None

    def _handle(self, event: dict[str, Any]) -> str:
        obj: Object = event["object"]
        match event["type"]:
            case "ADDED" | "MODIFIED":
                self._handler.changed(obj)
            case "DELETED":
                self._handler.deleted(obj)
            case "BOOKMARK":
                pass
            case "ERROR":
                message, code = str(obj.get("message") or "watch failed"), int(obj.get("code") or 500)
                raise (Expired if code == 410 else ClusterError)(message, status=code)
        return str(obj["metadata"]["resourceVersion"])


def _events(response: urllib3.BaseHTTPResponse) -> Iterator[dict[str, Any]]:
    """The events of a watch, one JSON object a line, as soon as each line is whole."""
    rest = b""
    for piece in response.stream(1 << 16):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line:
                yield orjson.loads(line)


def _hang_up(response: urllib3.BaseHTTPResponse | None) -> None:
    """Wake a thread that reads: closing the response would wait for that very read."""
    sock = getattr(getattr(response, "connection", None), "sock", None)
    if sock is not None:
        try:
            # Not the TLS socket's own: it would take the session away from under the reader, who then reads plain text.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
        except OSError:
            _log.debug("the watch's connection was closed already")
