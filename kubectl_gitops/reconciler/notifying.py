"""Notifications: what has become of a GitSync, to chat, webhooks and forges that it names. Off the hot path."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import logging
import queue
import threading
import zlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import orjson

from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.errors import GitOpsError
from kubectl_gitops.reconciler.changes import Change
from kubectl_gitops.reconciler.commitstatus import is_forge, post_of, says_something
from kubectl_gitops.reconciler.metrics import Metrics
from kubectl_gitops.reconciler.outgoing import NotSent, Outgoing
from kubectl_gitops.reconciler.tokenbuckets import TokenBuckets

_log = logging.getLogger(__name__)

#: Of each thread.
MAX_WAITING = 100
#: Of one GitSync and one reason (and one commit, where it is its status): so many at once, then one in this time.
BURST, REFILL_SECONDS = 5, 60.0
#: After a failure that may pass, tried again after so long each; then it is given up.
_RETRY_SECONDS = (1.0, 5.0)
_THREADS = 2
_MAX_TEXT = 2000


class _Letter(NamedTuple):
    gitsync: GitSync
    change: Change
    to: Object  # one of spec.notifications
    time: str


class Notifier:
    """Sends notifications. ``tell`` may be called from many threads, and never waits.

    ``reader_of`` gives the connection by which a GitSync's Secrets are read, with the rights that the GitSync has.
    """

    def __init__(
        self,
        outgoing: Outgoing,
        metrics: Metrics,
        *,
        reader_of: Callable[[GitSync], Cluster],
        wall_clock: Callable[[], str],
    ) -> None:
        self._outgoing = outgoing
        self._metrics = metrics
        self._reader_of = reader_of
        self._wall_clock = wall_clock
        # One for each thread, and a GitSync has always the same: of two statuses of a commit, the last one counts.
        self._waiting: list[queue.Queue[_Letter | None]] = [queue.Queue(MAX_WAITING) for _ in range(_THREADS)]
        self._stopping = threading.Event()
        self._buckets: TokenBuckets[tuple[str, str, str]] = TokenBuckets(burst=BURST, refill_seconds=REFILL_SECONDS)
        self._threads = [
            threading.Thread(target=self._run, args=(waiting,), name=f"notify-{n}", daemon=True)
            for n, waiting in enumerate(self._waiting)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send nothing more. Does not wait for what is being sent: whoever is written to may not answer."""
        self._stopping.set()
        for waiting in self._waiting:
            with contextlib.suppress(queue.Full):  # then there is something to wake for
                waiting.put_nowait(None)

    def tell(self, gitsync: GitSync, changes: Iterable[Change]) -> None:
        """Have those notified that the GitSync wants to be, unless it is too much."""
        for change in changes:
            for to in gitsync.notifications:
                is_status = is_forge(to["type"])
                if change.reason not in to["on"] or (is_status and not says_something(change)):
                    continue
                if not self._buckets.take((gitsync.uid, change.reason, change.revision if is_status else "")):
                    self._count(to, "dropped")
                    continue
                waiting = self._waiting[zlib.crc32(gitsync.uid.encode()) % _THREADS]
                try:
                    waiting.put_nowait(_Letter(gitsync, change, to, self._wall_clock()))
                except queue.Full:
                    self._count(to, "dropped")

    def _run(self, waiting: queue.Queue[_Letter | None]) -> None:
        while (letter := waiting.get()) is not None and not self._stopping.is_set():
            try:
                self._send(letter)
                self._count(letter.to, "sent")
            except GitOpsError as exc:
                _log.warning("notification %s of GitSync %s: %s", letter.change.reason, letter.gitsync, exc)
                self._count(letter.to, "failed")
            except Exception:  # noqa: BLE001 - the loop's boundary
                # Not what failed: it might hold the address, which is a secret.
                _log.error("notification %s of GitSync %s failed", letter.change.reason, letter.gitsync)
                self._count(letter.to, "failed")

    def _send(self, letter: _Letter) -> None:
        gitsync, name = letter.gitsync, letter.to["secretRef"]["name"]
        secret = self._reader_of(gitsync).get(f"/api/v1/namespaces/{gitsync.namespace}/secrets/{name}")
        data = {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}
        where = f"Secret {gitsync.namespace}/{name}, which spec.notifications names,"
        if is_forge(letter.to["type"]):
            texts = {key: value.decode(errors="replace").strip() for key, value in data.items()}
            address, extra, content = post_of(letter.to["type"], gitsync, letter.change, texts, where=where)
            body = orjson.dumps(content)
        else:
            address = data.get("address", b"").decode(errors="replace").strip()
            body, extra = orjson.dumps(payload_of(letter.to["type"], gitsync, letter.change, letter.time)), {}
            if token := data.get("token", b""):
                extra["X-Signature"] = f"sha256={hmac.new(token, body, hashlib.sha256).hexdigest()}"
        if not address:
            raise NotSent(f"{where} has no key address")
        headers = {"Content-Type": "application/json", **extra}
        for delay_seconds in (*_RETRY_SECONDS, None):
            try:
                self._outgoing.post(address, body, headers)
                return
            except NotSent as exc:
                if not exc.is_temporary or delay_seconds is None or self._stopping.wait(delay_seconds):
                    raise

    def _count(self, to: Object, result: str) -> None:
        self._metrics.notifications.labels(type=to["type"], result=result).inc()


def payload_of(kind: str, gitsync: GitSync, change: Change, time: str) -> dict[str, Any]:
    """The JSON of a notification: Slack's, or our own."""
    message = change.message if len(change.message) <= _MAX_TEXT else f"{change.message[:_MAX_TEXT]}…"
    if kind == "Slack":
        sign = ":warning:" if change.is_warning else ":white_check_mark:"
        return {"text": f"{sign} *{change.reason}* GitSync {gitsync}: {_for_slack(message)}"}
    return {
        "gitsync": {"namespace": gitsync.namespace, "name": gitsync.name},
        "repository": gitsync.repo_url,
        "reason": change.reason,
        "severity": "warning" if change.is_warning else "info",
        "message": message,
        "time": time,
    }


def _for_slack(text: str) -> str:
    """What would be a link, a mention or markup is text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
