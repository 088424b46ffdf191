"""One GitSync: gives it its turns to follow Git and to restore, and says in its status how it is."""

from __future__ import annotations

import logging
import random
import threading
from typing import NamedTuple

from kubectl_gitops.api.breakglass import BreakGlass
from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.api.names import (
    CONTROLLER_FIELD_MANAGER,
    PUSH_ANNOTATION,
    SYNC_REQUEST_ANNOTATION,
    SYNC_REQUESTER_ANNOTATION,
)
from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.cluster.breakglasses import BREAK_GLASSES
from kubectl_gitops.cluster.finalizer import keep_finalizer
from kubectl_gitops.cluster.writing import delete_object, merge_patch
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.errors import GitOpsError, InvalidInput, NotFound
from kubectl_gitops.health.checks import checks_of
from kubectl_gitops.reconciler import breakglass
from kubectl_gitops.reconciler.breakglass import Hold
from kubectl_gitops.reconciler.changes import changes_between
from kubectl_gitops.reconciler.claims import GitSyncName, contested_words
from kubectl_gitops.reconciler.floorcontent import Content, content_of
from kubectl_gitops.reconciler.following import Follower
from kubectl_gitops.reconciler.ledger import Counts, Ledger, version_of
from kubectl_gitops.reconciler.restoring import Restorer
from kubectl_gitops.reconciler.retrying import RetriesExhausted
from kubectl_gitops.reconciler.status import Facts, Phase, drifted_since_in, phase_in, status_of
from kubectl_gitops.reconciler.surroundings import Surroundings, Turns, now
from kubectl_gitops.sync.engine import Interrupted

_log = logging.getLogger(__name__)

_MIN_RETRY_SECONDS, _MAX_RETRY_SECONDS = 1.0, 60.0
#: However often a GitSync wants Git to be asked.
_MIN_INTERVAL_SECONDS = 0.2


class _Said(NamedTuple):
    """What the status says of the last turn: how it went, of which generation, and which request it answered.

    One value, so that a status never tells the outcome of one turn as the answer to another.
    """

    phase: Phase
    generation: int
    request: str


class Controller:
    """Owns everything about one GitSync. Called from many threads; ``reconcile`` by one at a time."""

    def __init__(self, gitsync: GitSync, obj: Object, around: Surroundings, turns: Turns) -> None:
        status = obj.get("status") or {}
        self.gitsync = gitsync
        self._rules = Rules.of(gitsync).beside(around.autoscaler_rules())
        self._checks = checks_of(gitsync.health_checks)
        self._are_rules_new = False
        self._is_forgiven = False
        self.ledger = Ledger(
            around.sealing_key,
            rules=lambda: self._rules,
            checks=lambda: self._checks,
            clock=around.clock,
            wall_clock=now,
            drifted_since=drifted_since_in(status),
            found=lambda kind: around.metrics.drift_found(str(self), kind),
        )
        self._lock = threading.Lock()
        self._object = obj
        self._around = around
        self._turns = turns
        self._stop = threading.Event()
        self._said = _Said(
            phase=phase_in(status),
            generation=int(status.get("observedGeneration") or 0),
            request=str(status.get("lastSyncRequest") or ""),
        )
        self._pushed = _push_of(obj)
        self._retry_seconds = _MIN_RETRY_SECONDS
        self._break_glass: BreakGlass | None = None  # the last that was seen to hold anything
        self.hold = Hold(lambda: around.break_glasses().get(gitsync.label, ()), around.wall_clock)
        self.restorer = Restorer(
            self.ledger,
            around,
            turns,
            gitsync=lambda: self.gitsync,
            rules=lambda: self._rules,
            stop=self._stop,
            hold=self.hold,
            restored_before=int((status.get("restored") or {}).get("total") or 0),
        )
        self._follower = Follower(
            self.ledger,
            self.restorer,
            around,
            turns,
            say=self._say_meanwhile,
            current=lambda: self.gitsync,
            stop=self._stop,
            hold=self.hold,
        )

    def __str__(self) -> str:
        return str(self.gitsync)

    # -- what becomes of the GitSync itself

    def counts(self) -> Counts:
        """How many objects there are, and of each sort."""
        return self.ledger.counts()

    def oldest_drift_seconds(self) -> float:
        """For how long the object has been wrong that is longest; 0.0 where none is."""
        return self.ledger.oldest_drift_seconds()

    @property
    def is_synced(self) -> bool:
        """Whether the last attempt to sync went well."""
        return self._said.phase.synced is True

    @property
    def is_suspended(self) -> bool:
        return self.gitsync.suspended

    def update(self, gitsync: GitSync, obj: Object) -> bool:
        """Take over a newer GitSync. True if there is something to reconcile, not only a status."""
        if not self._take(obj):
            return False
        before, self.gitsync = self.gitsync, gitsync
        if _own_rules(gitsync) != _own_rules(before):
            self._are_rules_new = True
            self._checks = checks_of(gitsync.health_checks)
            self.rules_changed()
        if _heals(gitsync) and not _heals(before):
            self.restorer.resume()
        self._turns.status()
        is_new = gitsync.generation != before.generation
        if is_new:
            self.retry_now()
        pushed, self._pushed = self._pushed, _push_of(obj)
        return is_new or _request_of(obj) not in {"", self._said.request} or pushed != self._pushed

    def _take(self, obj: Object) -> bool:
        """Keep an object, unless we know a newer one: the answer to our own write may come before its event."""
        with self._lock:
            if version_of(obj) < version_of(self._object):
                return False
            self._object = obj
            return True

    def rules_changed(self) -> None:
        """Other differences count from now on: the GitSync says so, or an autoscaler came or went."""
        self._rules = Rules.of(self.gitsync).beside(self._around.autoscaler_rules())
        self.restorer.rules_changed()

    @property
    def name(self) -> GitSyncName:
        return self.gitsync.namespace, self.gitsync.name

    def holds(self, key: ResourceKey) -> bool:
        """Whether the GitSync declares an object, as far as is known: until its snapshot is read, it may."""
        return not self._follower.loaded or self.ledger.get(key) is not None

    def retry_now(self) -> None:
        """What a sync has failed for may be gone: its next turn tries again, however soon that is."""
        self._is_forgiven = True

    def claims_changed(self) -> None:
        """Other GitSyncs than before declare objects of this one, or this one objects of others."""
        self._turns.status()

    def break_glass_changed(self) -> bool:
        """One may have been opened, or has ended: what is no longer held gets its turn. True if one of ours is."""
        if not self._around.break_glasses().get(self.gitsync.label) and self._break_glass is None:
            return False
        self._break_glass = self.hold.latest()
        self.restorer.resume()
        self._turns.status()
        return True

    def floor_content(self) -> Content:
        """What the floor is to know of this GitSync."""
        entries = self.ledger.entries() if self._follower.loaded else None
        return content_of(self.gitsync, entries, self._rules, self.hold.opened())

    def retire(self) -> None:
        """Write nothing more, neither objects nor status: the GitSync is gone, or this process ends."""
        self._stop.set()

    def drain(self) -> None:
        """After it has retired: wait for the writes that had begun."""
        self.ledger.drain()

    @property
    def is_retired(self) -> bool:
        return self._stop.is_set()

    # -- its turns

    def reconcile(self) -> float:
        """Follow Git for one round. Returns the seconds until the next one."""
        gitsync, obj = self.gitsync, self._object
        request = _request_of(obj)
        asked = request not in {"", self._said.request}
        try:
            self._take(keep_finalizer(self._around.cluster, self._around.resource, obj))
            if self._are_rules_new:  # what did not count before was not kept: look at everything once more
                self._are_rules_new = False
                self.restorer.look_at(self.ledger.entries())
            if self._is_forgiven:
                self._is_forgiven = False
                self._follower.retries.forgive()
            requester = _requester_of(obj) if asked else ""
            phase = self._follower.follow(gitsync, obj.get("status") or {}, asked=asked, requester=requester)
            delay_seconds, self._retry_seconds = _spread(_interval(gitsync)), _MIN_RETRY_SECONDS
            if phase.again_seconds is not None:
                delay_seconds = min(delay_seconds, phase.again_seconds)
        except Interrupted:
            return 0.0
        except GitOpsError as exc:
            phase, delay_seconds = _failure(exc), self._delay_after(exc, gitsync)
            _log.warning("%s: %s", self, phase.message)
        self._clear_away()
        # The request is answered, however it went: the conditions tell.
        self._said = _Said(phase, gitsync.generation, request or self._said.request)
        self._turns.status()
        return delay_seconds

    def _clear_away(self) -> None:
        """Delete break-glasses that have nothing left to do; Events and the status tell of them."""
        for one in self.hold.settled([held.entry.key for held in self.ledger.drifted()]):
            try:
                delete_object(self._around.cluster, BREAK_GLASSES, one.namespace, one.name)
            except NotFound:
                continue
            except GitOpsError as exc:
                _log.warning("%s: cannot delete break-glass %s, which has ended: %s", self, one.name, exc)

    def _delay_after(self, exc: GitOpsError, gitsync: GitSync) -> float:
        if isinstance(exc, InvalidInput | RetriesExhausted):
            return _spread(_interval(gitsync))  # only a new commit can help, or a new GitSync
        if gitsync.retry is not None and (due_in_seconds := self._follower.retries.due_in_seconds) is not None:
            return min(due_in_seconds, _interval(gitsync))
        delay_seconds = min(self._retry_seconds, max(_interval(gitsync), _MIN_RETRY_SECONDS))
        self._retry_seconds = min(self._retry_seconds * 2, _MAX_RETRY_SECONDS)
        return _spread(delay_seconds)

    def restore(self, key: ResourceKey) -> None:
        """Put one object back, if it is still wrong."""
        self.restorer.restore(key)

    def write_status(self) -> None:
        """Bring the status up to date; no write where nothing changed. Raises ClusterError."""
        obj, gitsync, around = self._object, self.gitsync, self._around
        previous = obj.get("status") or {}
        status = status_of(self._facts(), previous, now())
        if status == previous or self.is_retired:
            return
        try:
            answer = merge_patch(
                around.cluster,
                around.resource,
                gitsync.namespace,
                gitsync.name,
                {"status": status},
                manager=CONTROLLER_FIELD_MANAGER,
                subresource="status",
            )
        except NotFound:
            return  # deleted meanwhile
        self._take(answer)
        around.tell(gitsync, changes_between(previous, status))

    def _say_meanwhile(self, phase: Phase) -> None:
        self._said = self._said._replace(phase=phase)
        self._turns.status()

    def _facts(self) -> Facts:
        said, held = self._said, self.hold.latest()
        before = (self._object.get("status") or {}).get("breakGlass") or {}
        return Facts(
            generation=said.generation,
            phase=said.phase,
            counts=self.ledger.counts(),
            drifted=self.ledger.drifted(),
            unhealthy=self.ledger.unhealthy(),
            is_health_known=self.ledger.is_health_known(),
            attempted=self._follower.attempted,
            synced=self._follower.synced,
            sync_request=said.request,
            sequence=self._follower.sequence,
            snapshot_namespace=self._around.store.namespace,
            restored=self.restorer.restored,
            fights=self.restorer.fights(),
            contested=contested_words(self._around.claims.on(self.name), self._around.claims.by(self.name)),
            history=self._follower.history,
            break_glass=breakglass.status_of(held, before, is_open=held is not None and self.hold.is_open(held)),
        )


def _failure(exc: GitOpsError) -> Phase:
    message = f"{exc} ({exc.hint})" if exc.hint else str(exc)
    return Phase(
        synced=False,
        reason=type(exc).__name__,
        message=message,
        stalled=isinstance(exc, InvalidInput | RetriesExhausted),
    )


def _interval(gitsync: GitSync) -> float:
    return max(gitsync.interval_seconds, _MIN_INTERVAL_SECONDS)


def _spread(seconds: float) -> float:
    """A little less, differently each time: many GitSyncs of one server must not ask it all at once."""
    return seconds * random.uniform(0.8, 1.0)  # noqa: S311 - jitter


def _heals(gitsync: GitSync) -> bool:
    return gitsync.self_heal and not gitsync.suspended


def _own_rules(gitsync: GitSync) -> tuple[object, ...]:
    return gitsync.human_managers, gitsync.ignore_differences, gitsync.health_checks, gitsync.additions


def _request_of(obj: Object) -> str:
    return str((obj["metadata"].get("annotations") or {}).get(SYNC_REQUEST_ANNOTATION) or "")


def _push_of(obj: Object) -> str:
    return str((obj["metadata"].get("annotations") or {}).get(PUSH_ANNOTATION) or "")


def _requester_of(obj: Object) -> str:
    return str((obj["metadata"].get("annotations") or {}).get(SYNC_REQUESTER_ANNOTATION) or "")[:256]
