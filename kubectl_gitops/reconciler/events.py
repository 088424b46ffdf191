"""Events (events.k8s.io/v1) on GitSyncs: what ``kubectl describe`` and ``kubectl events`` show.

Written by a thread of its own: whoever has something to tell never waits. What is too much is dropped and counted, for
an Event is a courtesy; the status is what counts.
"""

from __future__ import annotations

import logging
import queue
import secrets
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.api.names import API_VERSION, CONTROLLER_FIELD_MANAGER, GROUP, KIND
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import MERGE_PATCH, Cluster
from kubectl_gitops.errors import ClusterError, NotFound
from kubectl_gitops.reconciler.changes import Change
from kubectl_gitops.reconciler.metrics import Metrics
from kubectl_gitops.reconciler.tokenbuckets import TokenBuckets

_log = logging.getLogger(__name__)

MAX_WAITING = 1000
#: The API server's limit is 1024 bytes.
MAX_NOTE_BYTES = 1024
#: Of one GitSync and one reason: so many at once, then one in this time.
BURST, REFILL_SECONDS = 5, 30.0
#: The same again within this time is counted on the Event that is there.
SERIES_SECONDS = 360.0
_MAX_SERIES = 1000


class _Told(NamedTuple):
    gitsync: GitSync
    change: Change
    time: str


class _Series(NamedTuple):
    name: str
    number: int
    at: float


class Recorder:
    """Writes Events. ``tell`` may be called from many threads."""

    def __init__(self, cluster: Cluster, metrics: Metrics, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._metrics = metrics
        self._clock = clock
        self._waiting: queue.Queue[_Told | None] = queue.Queue(MAX_WAITING)
        self._buckets: TokenBuckets[tuple[str, str]] = TokenBuckets(
            burst=BURST, refill_seconds=REFILL_SECONDS, clock=clock
        )
        self._series: OrderedDict[tuple[str, Change], _Series] = OrderedDict()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._instance = socket.gethostname()[:128]

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Write what is waiting, then end. If that is a lot, it is left."""
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            self._drop_all()
            self._waiting.put_nowait(None)

    def join(self, *, timeout_seconds: float) -> bool:
        if self._thread.is_alive():
            self._thread.join(max(0.0, timeout_seconds))
        return not self._thread.is_alive()

    def tell(self, gitsync: GitSync, changes: Iterable[Change]) -> None:
        """Have Events written, unless there are too many."""
        for change in changes:
            if not self._buckets.take((gitsync.uid, change.reason)):
                self._metrics.events.labels(result="dropped").inc()
                continue
            try:
                self._waiting.put_nowait(_Told(gitsync, change, _now()))
            except queue.Full:
                self._metrics.events.labels(result="dropped").inc()

    def _drop_all(self) -> None:
        while not self._waiting.empty():
            self._waiting.get_nowait()
            self._metrics.events.labels(result="dropped").inc()

    def _run(self) -> None:
        while (told := self._waiting.get()) is not None:
            try:
                self._write(told)
                self._metrics.events.labels(result="written").inc()
            except ClusterError as exc:
                _log.warning("Event %s of GitSync %s: %s", told.change.reason, told.gitsync, exc)
                self._metrics.events.labels(result="failed").inc()
            except Exception:  # noqa: BLE001 - the loop's boundary
                _log.exception("Event %s of GitSync %s", told.change.reason, told.gitsync)

    def _write(self, told: _Told) -> None:
        path = f"/apis/events.k8s.io/v1/namespaces/{told.gitsync.namespace}/events"
        query = {"fieldManager": CONTROLLER_FIELD_MANAGER}
        key = told.gitsync.uid, told.change
        series = self._series.pop(key, None)
        if series is not None and self._clock() - series.at < SERIES_SECONDS:
            again = _Series(series.name, series.number + 1, self._clock())
            patch = {"series": {"count": again.number, "lastObservedTime": told.time}}
            try:
                self._cluster.request(
                    "PATCH", f"{path}/{again.name}", query=query, body=patch, content_type=MERGE_PATCH
                )
            except NotFound:  # Events live for an hour, and people may delete them
                pass
            else:
                self._series[key] = again
                return
        event = event_of(told.gitsync, told.change, told.time, instance=self._instance)
        self._cluster.request("POST", path, query=query, body=event)
        self._series[key] = _Series(event["metadata"]["name"], 1, self._clock())
        if len(self._series) > _MAX_SERIES:
            self._series.popitem(last=False)


def event_of(gitsync: GitSync, change: Change, at: str, *, instance: str) -> Object:
    """The Event that tells of a change; ``at`` is metav1.MicroTime."""
    note = change.message.encode()[:MAX_NOTE_BYTES].decode(errors="ignore")
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"{gitsync.name[:230]}.{secrets.token_hex(8)}", "namespace": gitsync.namespace},
        "eventTime": at,
        "type": "Warning" if change.is_warning else "Normal",
        "reason": change.reason,
        "action": "Reconcile",
        "note": note,
        "regarding": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": gitsync.namespace,
            "name": gitsync.name,
            "uid": gitsync.uid,
        },
        "reportingController": f"{GROUP}/reconciler",
        "reportingInstance": instance,
    }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
