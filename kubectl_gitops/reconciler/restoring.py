"""Cluster -> Git: take note of what becomes of one GitSync's objects, and put back what drifts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from kubectl_gitops.api.gitsync import AdditionsPolicy, GitSync
from kubectl_gitops.api.names import FIELD_MANAGER
from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.cluster.reading import get_object, read_objects
from kubectl_gitops.cluster.writing import apply_object
from kubectl_gitops.diff.compare import canonical_of
from kubectl_gitops.diff.drift import DriftKind, ObjectDrift
from kubectl_gitops.diff.path import ABSENT, format_path
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.diff.secrets import seal
from kubectl_gitops.diff.yielding import yielded
from kubectl_gitops.errors import ClusterError, GitOpsError
from kubectl_gitops.reconciler.breakglass import Hold
from kubectl_gitops.reconciler.ledger import Held, Ledger
from kubectl_gitops.reconciler.pacing import Fight, Pacing
from kubectl_gitops.reconciler.removing import remove_additions
from kubectl_gitops.reconciler.status import Restored
from kubectl_gitops.reconciler.surroundings import Surroundings, Turns, now
from kubectl_gitops.snapshot.applicable import applicable
from kubectl_gitops.snapshot.model import Entry

_log = logging.getLogger(__name__)


class Restorer:
    """Judges what is seen of one GitSync's objects, and restores those that drifted. Called from many threads.

    ``gitsync`` and ``rules`` tell what counts now; when ``stop`` is set, nothing is written any more. What ``hold``
    holds is left as it is.
    """

    def __init__(
        self,
        ledger: Ledger,
        around: Surroundings,
        turns: Turns,
        *,
        gitsync: Callable[[], GitSync],
        rules: Callable[[], Rules],
        stop: threading.Event,
        hold: Hold,
        restored_before: int = 0,
    ) -> None:
        self._ledger = ledger
        self._around = around
        self._turns = turns
        self._gitsync = gitsync
        self._rules = rules
        self._stop = stop
        self._hold = hold
        self._pacing = Pacing(clock=around.clock)
        self._lock = threading.Lock()
        self._total = restored_before
        #: The last object that was put back, and how many there were.
        self.restored: Restored | None = None

    # -- what is seen

    def rules_changed(self) -> None:
        """Other differences count now: of what is known to differ, restore what does."""
        for key in self._ledger.judge_again():
            self.noticed(key)
        self._turns.status()

    def observed(self, live: Object, key: ResourceKey) -> None:
        """An object of ours was seen in the watch."""
        before = self._ledger.get(key)
        if self._ledger.observe(live, key):
            self.noticed(key)
        elif before is not None and (before.drift is not None or before.health != self._ledger.health_of(key)):
            self._turns.status()

    def observed_gone(self, key: ResourceKey, version: int) -> None:
        """An object of ours was deleted, or lost the label by which it is watched."""
        if self._ledger.observe_gone(key, version):
            self.noticed(key)

    def observed_set(self, live: Mapping[ResourceKey, Object], version: int, *, among: Iterable[ResourceKey]) -> None:
        """All objects of a kind, after a LIST."""
        for key in self._ledger.observe_set(live, version, among=list(among)):
            self.noticed(key)
        self._turns.status()  # what had drifted may be well again

    def look_at(self, entries: Iterable[Entry]) -> None:
        """Read objects whose state is not known, as nothing tells it: their kind may have been watched for long."""
        served = [(self._around.discovery.find(entry.api_version, entry.kind), entry.key) for entry in entries]
        wanted = [(resource, key) for resource, key in served if resource is not None]
        live = read_objects(self._around.cluster, wanted)
        # Version 0: whatever the watch has told of an object is newer than that it was not there.
        self.observed_set(live, 0, among=[key for _, key in wanted])

    def noticed(self, key: ResourceKey) -> None:
        """An object has drifted: give it its turn."""
        self._turns.status()
        self._turns.restore(key, self._pacing.delay_seconds(key) if self._may_restore(key) else 0.0)

    def resume(self) -> None:
        """What counts has changed, or restoring is wanted again: all that has drifted gets its turn at once."""
        self._pacing.forgive()
        for held in self._ledger.drifted():
            self.noticed(held.entry.key)

    # -- what is put back

    def restore(self, key: ResourceKey) -> None:
        """Put one object back, if it is still wrong and that is wanted."""
        self._restore(key)
        ends_in_seconds = self._pacing.fight_ends_in(key)
        if ends_in_seconds:
            self._turns.restore(key, ends_in_seconds)  # at the latest: to tell that it is over
        elif ends_in_seconds is not None:
            self._turns.status()

    def fights(self) -> list[Fight]:
        """The objects that somebody changes again each time they are restored."""
        return self._pacing.fights()

    def _restore(self, key: ResourceKey) -> None:
        if self._stop.is_set():
            return
        if not self._may_restore(key):
            self._tell_missing_from_unlabelled(key)
            return
        held = self._ledger.claim(key, additions=self._may_remove())
        if held is None:
            return
        if self._stop.is_set():  # told to meanwhile: whoever waits for our claims must find none that still writes
            self._ledger.land(key)
            return
        answer: Object | None = None
        entry: Entry | None = None
        try:
            answer, entry = self._mend(held)
        except GitOpsError as exc:
            self._pacing.failed(key)
            self._around.metrics.restore_failed(str(self))
            delay_seconds = max(self._pacing.delay_seconds(key), asked_to_wait_seconds(exc))
            _log.warning("%s: cannot restore %s, next try in %.1f s: %s", self, key.described, delay_seconds, exc)
            self._turns.restore(key, delay_seconds)
        finally:
            is_wrong = self._ledger.land(key, answer, entry)
        if answer is not None:
            self._put_back(held)
            if is_wrong:
                self.noticed(key)

    def _mend(self, held: Held) -> tuple[Object | None, Entry | None]:
        """Make one object as Git says. Returns how it is then and what counts by that; None where nothing was done."""
        assert held.drift is not None
        answer: Object | None = None
        entry: Entry | None = held.entry
        if held.drift.is_restorable:
            answer = self._apply(held)
            entry = self._learned(held, answer)
        live = answer if held.drift.is_restorable else held.seen and held.seen.live
        if live is None or entry is None or entry.canonical is None or not self._may_remove():
            return answer, entry
        removed = remove_additions(
            live,
            entry,
            sealing_key=self._around.sealing_key,
            rules=self._rules(),
            writer=self._around.writer(self._gitsync()),
            discovery=self._around.discovery,
        )
        if removed is None:
            return answer, entry
        _log.info("%s: removed from %s what Git does not declare: %s", self, entry.key.described, removed)
        return removed.answer, entry

    def _apply(self, held: Held) -> Object | None:
        """Apply what Git says, or what is known of it; None where nothing can be applied."""
        obj = to_apply(held)
        entry = held.entry
        if obj is None:
            if entry.canonical is not None:
                _log.warning("%s: %s has drifted, and its values are only in Git", self, entry.key.described)
            return None
        resource = self._around.discovery.need(entry.api_version, entry.kind)
        return apply_object(self._around.writer(self._gitsync()), resource, obj)

    def _learned(self, held: Held, answer: Object | None) -> Entry | None:
        if answer is None:
            return None
        if held.ignored is not None:  # the answer lacks what was left to others, and what counts does not
            return held.entry
        return replace(held.entry, canonical=canonical_of(seal(answer, self._around.sealing_key)))

    def _put_back(self, held: Held) -> None:
        key = held.entry.key
        milliseconds = (self._around.clock() - held.noticed_at) * 1000
        assert held.drift is not None
        self._pacing.restored(key, how=how_changed(held.drift))
        with self._lock:
            self._total += 1
            self.restored = Restored(total=self._total, name=key.described, time=now(), milliseconds=milliseconds)
        self._around.metrics.restored(str(self), held.drift.kind, milliseconds / 1000)
        _log.info("%s: restored %s (%s) in %.0f ms", self, key.described, held.drift.kind, milliseconds)
        if held.entry.kind == "Namespace" and not key.group:
            self.resume()  # what belongs in it could not be restored before
        self._turns.status()

    def _tell_missing_from_unlabelled(self, key: ResourceKey) -> None:
        """To the watch both look alike. What is restored is restored either way; a report should say which it is."""
        held = self._ledger.get(key)
        if held is None or held.drift is None or held.drift.kind is not DriftKind.MISSING:
            return
        resource = self._around.discovery.find(held.entry.api_version, key.kind)
        try:
            live = get_object(self._around.cluster, resource, key.namespace, key.name) if resource else None
        except GitOpsError as exc:
            _log.warning("%s: cannot read %s: %s", self, key.described, exc)
            return
        if live is not None:
            self._ledger.observe_out_of_sight(live, key, version=held.version)
            self._turns.status()

    def _may_restore(self, key: ResourceKey) -> bool:
        gitsync = self._gitsync()
        return gitsync.self_heal and not gitsync.suspended and not self._hold.holds(key)

    def _may_remove(self) -> bool:
        return self._gitsync().additions is AdditionsPolicy.REMOVE

    def __str__(self) -> str:
        return str(self._gitsync())


def asked_to_wait_seconds(exc: GitOpsError) -> float:
    """How long the API server wants to be left alone, as it says with a 429 or 503; 0 where it does not."""
    return (exc.retry_after or 0.0) if isinstance(exc, ClusterError) else 0.0


def how_changed(drift: ObjectDrift) -> str:
    """``kubectl-edit changes data.greeting``: who made an object drift, as far as the object itself tells."""
    if not drift.fields:
        return (
            "somebody deletes it or takes its label off" if drift.kind is DriftKind.MISSING else "somebody changes it"
        )
    others = [one for one in drift.fields if one.owner is not None and one.owner.manager != FIELD_MANAGER]
    one = next(iter(others), drift.fields[0])
    who = one.owner.manager if one.owner is not None and others else "somebody"
    return f"{who} {'removes' if one.live is ABSENT else 'changes'} {format_path(one.path)}"


def to_apply(held: Held) -> Object | None:
    """What to apply to put an object back: as declared, else from its canonical form, which equals it.

    What differs and does not count is left as it is.

    None for what was never applied, which is the sync's to do, and where only Git has the values.
    """
    if held.entry.canonical is None:
        return None
    obj = held.declared.object if held.declared is not None else applicable(held.entry)
    if obj is None or held.ignored is None or held.seen is None or held.seen.live is None:
        return obj
    return yielded(obj, [one.path for one in held.ignored.fields if one.kind is DriftKind.MODIFIED], held.seen.live)
