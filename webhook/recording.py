"""Events on GitSyncs for what was refused, or let pass though it diverges; written off the request's path.

A request only puts a note into a queue. The same done again by the same user is counted in the Event that is there.
Both the queue and the writes are limited: what is too much is counted, and is in the log anyway.
"""

from __future__ import annotations

import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter

from kubectl_gitops.api.denial import Denial, event_of
from kubectl_gitops.api.names import CONTROLLER_FIELD_MANAGER
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.writing import create_object, merge_patch
from kubectl_gitops.errors import GitOpsError, NotFound
from webhook.message import plain
from webhook.review import Request
from webhook.verdict import Verdict

_log = logging.getLogger(__name__)

EVENTS = Resource(group="", version="v1", kind="Event", plural="events", namespaced=True)

_MAX_QUEUED = 1000
#: What happens within this time is written together.
_GATHER_SECONDS = 0.5
#: In that time no more than this is written.
_MAX_WRITES = 5
#: After that long without any, the same again is a new Event.
_FORGET_SECONDS = 600.0

_MAX_FIELDS, _MAX_PATH, _MAX_USER, _MAX_OBJECT = 16, 160, 256, 400


@dataclass(slots=True)
class _Series:
    """What is known of one denial; ``unwritten`` of the ``count`` is still to be told."""

    first: str
    name: str = ""
    last: str = ""
    count: int = 0
    unwritten: int = 0
    seen_at: float = field(default=0.0)


class Recorder:
    """``record`` is for the thread that answers: it never waits and never fails."""

    def __init__(
        self,
        cluster: Cluster,
        registry: CollectorRegistry,
        *,
        replica: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._replica = replica
        self._clock = clock
        self._queue: queue.Queue[tuple[Denial, str]] = queue.Queue(_MAX_QUEUED)
        self._series: dict[Denial, _Series] = {}
        self._lost = Counter(
            "gitops_webhook_events_lost",
            "Denials and the like that there is no Event of: too many at once, or they could not be written.",
            registry=registry,
        )
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def record(self, asked: Request, verdict: Verdict) -> None:
        """Note what was found fault with. A dry-run leaves no trace: the configuration promises that."""
        if asked.dry_run or verdict.refusal is None or verdict.owner is None:
            return
        try:
            self._queue.put_nowait((denial_of(asked, verdict), _now()))
        except queue.Full:
            self._lost.inc()

    def _run(self) -> None:
        while True:
            self._take(*self._queue.get())
            deadline = self._clock() + _GATHER_SECONDS
            while (left := deadline - self._clock()) > 0:
                try:
                    self._take(*self._queue.get(timeout=left))
                except queue.Empty:
                    break
            while self._write_some():
                time.sleep(_GATHER_SECONDS)
                self._take_all()

    def _take_all(self) -> None:
        while not self._queue.empty():
            self._take(*self._queue.get())

    def _take(self, denial: Denial, when: str) -> None:
        now = self._clock()
        series = self._series.get(denial)
        if series is None or (not series.unwritten and now - series.seen_at > _FORGET_SECONDS):
            if len(self._series) >= _MAX_QUEUED:
                self._forget(now)
            if len(self._series) >= _MAX_QUEUED:
                self._lost.inc()
                return
            series = self._series[denial] = _Series(first=when)
        series.last, series.seen_at = when, now
        series.count += 1
        series.unwritten += 1

    def _forget(self, now: float) -> None:
        """What is written and old, and else the oldest that is written."""
        written = [(one.seen_at, denial) for denial, one in self._series.items() if not one.unwritten]
        written.sort(key=lambda pair: pair[0])
        old = [denial for seen_at, denial in written if now - seen_at > _FORGET_SECONDS]
        for denial in old or [denial for _, denial in written[:1]]:
            del self._series[denial]

    def _write_some(self) -> bool:
        """Write as much as may be at once. Whether there is more."""
        waiting = [denial for denial, series in self._series.items() if series.unwritten]
        for denial in waiting[:_MAX_WRITES]:
            series = self._series[denial]
            try:
                self._write(denial, series)
            except GitOpsError as exc:
                self._lost.inc(series.unwritten)
                _log.warning("cannot write an Event", extra={"gitsync": denial.gitsync, "why": str(exc)})
            series.unwritten = 0
        return len(waiting) > _MAX_WRITES

    def _write(self, denial: Denial, series: _Series) -> None:
        if series.name:
            news = {"count": series.count, "lastTimestamp": series.last}
            try:
                merge_patch(
                    self._cluster, EVENTS, denial.namespace, series.name, news, manager=CONTROLLER_FIELD_MANAGER
                )
                return
            except NotFound:  # the API server keeps Events for an hour
                series.first, series.count = series.last, series.unwritten
        name = f"{denial.gitsync[:200]}.{secrets.token_hex(8)}"
        event = event_of(
            denial, name=name, first=series.first, last=series.last, count=series.count, host=self._replica
        )
        create_object(self._cluster, EVENTS, event, manager=CONTROLLER_FIELD_MANAGER)
        series.name = name


def denial_of(asked: Request, verdict: Verdict) -> Denial:
    """What is told of a verdict that has found fault. Paths and names only, each printable and bounded."""
    assert verdict.owner is not None
    fields = tuple(plain(path, _MAX_PATH) for path in verdict.fields[:_MAX_FIELDS])
    more = len(verdict.fields) - len(fields)
    return Denial(
        namespace=verdict.owner.namespace,
        gitsync=verdict.owner.name,
        uid=verdict.owner.uid,
        verdict=verdict.outcome.value,
        reason=verdict.reason.value,
        user=plain(asked.user, _MAX_USER),
        operation=asked.operation.value,
        object=plain(asked.described, _MAX_OBJECT),
        fields=(*fields, f"and {more} more") if more else fields,
        commit=verdict.revision,
        glass=plain(f"{verdict.glass.by}: {verdict.glass.reason}", 512) if verdict.glass else "",
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
