"""What one GitSync's objects should be and, as far as seen, are. In memory; no I/O.

Every event of the watch is judged here against the canonical form. While an object is being written, by a sync or to
restore it, its events are kept until that write has ended: only then can be told which of them came after it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from kubectl_gitops.api.objects import Declared, Object, ResourceKey
from kubectl_gitops.diff.drift import DriftKind, ObjectDrift
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.diff.secrets import declared_digest
from kubectl_gitops.health.assessment import health_of
from kubectl_gitops.health.checks import HealthCheck
from kubectl_gitops.health.model import Health, badness
from kubectl_gitops.snapshot.model import Entry, Snapshot
from kubectl_gitops.sync.drift import drift_of


class Seen(NamedTuple):
    """An object as it was at a resourceVersion; ``live`` is None where it was gone, or out of the watch's sight."""

    version: int
    live: Object | None


@dataclass(slots=True)
class Held:
    """One object. ``declared`` is None when only the snapshot is known (Git was not read since the start).

    ``version`` is the newest resourceVersion that we know of; what is older is news no more. ``seen`` is what drifted,
    or what is still to be judged. ``health`` is None until it
    was seen. ``noticed_at`` and ``since`` tell when its drift was first seen: on the given clock,
    and as the wall clock's RFC 3339. While ``is_terminating``, it is waited for: nothing is written to what is on its
    way out.
    """

    entry: Entry
    declared: Declared | None = None
    version: int = 0
    in_flight: bool = False
    seen: Seen | None = None
    drift: ObjectDrift | None = None
    ignored: ObjectDrift | None = None
    health: Health | None = None
    noticed_at: float = 0.0
    since: str = ""
    is_terminating: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many objects there are, and of each sort; ``added`` those that differ only by what a person added."""

    total: int
    synced: int
    drifted: int
    missing: int
    added: int
    orphaned: int
    ignored: int
    unhealthy: int


class Ledger:
    """The objects of one GitSync. Safe to use from many threads.

    ``drifted_since`` is what was known before of when objects, by namespace and name as they are shown, were first seen
    to have drifted; good for the first look at each.
    """

    def __init__(
        self,
        sealing_key: bytes,
        *,
        rules: Callable[[], Rules],
        checks: Callable[[], Sequence[HealthCheck]] = tuple,
        clock: Callable[[], float],
        wall_clock: Callable[[], str],
        drifted_since: Mapping[tuple[str, str], str] | None = None,
        found: Callable[[DriftKind], None] = lambda _: None,
    ) -> None:
        self._sealing_key = sealing_key
        self._rules = rules
        self._checks = checks
        self._clock = clock
        self._wall_clock = wall_clock
        self._drifted_since = dict(drifted_since or {})
        self._found = found
        self._settled = threading.Condition()
        self._held: dict[ResourceKey, Held] = {}
        self._claimed: set[ResourceKey] = set()
        self._adopting = False
        self._orphaned = 0

    # -- what should be

    def adopt(
        self,
        snapshot: Snapshot,
        declared: Mapping[ResourceKey, Declared],
        *,
        in_flight: Collection[ResourceKey] = (),
    ) -> list[ResourceKey]:
        """Take over a snapshot as what counts now, once the restores that have begun are done.

        Of objects ``in_flight`` nothing is judged until they land. Returns the keys of what has drifted from it.
        """
        with self._settled:
            self._adopting = True
            try:
                self._settled.wait_for(lambda: not self._claimed)
                before, self._held = self._held, {}
                for entry in snapshot.entries:
                    self._held[entry.key] = self._taken_over(
                        entry, before.get(entry.key), declared.get(entry.key), in_flight=entry.key in in_flight
                    )
                self._orphaned = len(snapshot.owed)
            finally:
                self._adopting = False
            return [key for key, held in self._held.items() if held.drift is not None and not held.in_flight]

    def _taken_over(self, entry: Entry, old: Held | None, declared: Declared | None, *, in_flight: bool) -> Held:
        if old is None:
            return Held(entry, self._if_same(declared, entry), in_flight=in_flight)
        known = self._if_same(declared, entry) or self._if_same(old.declared, entry)
        held = replace(old, entry=entry, declared=known)
        held.in_flight = in_flight
        if held.seen is not None and not in_flight and not _is_terminating(held.seen):
            self._judge(held, held.seen)
        return held

    def _if_same(self, declared: Declared | None, entry: Entry) -> Declared | None:
        """The declaration, if it is the one that the entry tells of: that of a refused object is not."""
        is_same = declared is not None and declared_digest(declared, self._sealing_key) == entry.declared_digest
        return declared if is_same else None

    def judge_again(self) -> list[ResourceKey]:
        """The rules have changed: judge all that differs once more. Returns the keys of what has drifted."""
        with self._settled:
            for held in self._held.values():
                if held.seen is not None and not held.in_flight:
                    self._judge(held, held.seen)
            return [key for key, held in self._held.items() if held.drift is not None and not held.in_flight]

    # -- what is being written

    def claim(self, key: ResourceKey, *, additions: bool = False) -> Held | None:
        """A copy of what is held of an object that is to be restored; nobody else writes it until it lands.

        None where it has not drifted in a way that an apply mends (or, with ``additions``, a removal), is on its way
        out, is being written already, or what counts is just changing.
        """
        with self._settled:
            held = self._held.get(key)
            if held is None or held.drift is None or held.in_flight or held.is_terminating or self._adopting:
                return None
            if not held.drift.is_restorable and not (additions and held.drift.kind is DriftKind.ADDED):
                return None
            held.in_flight = True
            self._claimed.add(key)
            return replace(held)

    def land(self, key: ResourceKey, answer: Object | None = None, entry: Entry | None = None) -> bool:
        """A write has ended; ``answer`` is the object as it is now, ``entry`` what counts by that. None: it failed.

        True if the object is wrong by now: it was not mended, or changed again since.
        """
        with self._settled:
            self._claimed.discard(key)
            self._settled.notify_all()
            held = self._held.get(key)
            if held is None:
                return False
            held.in_flight = False
            if answer is not None and entry is not None:
                # Nobody else can have changed the entry: adopt() waits for restores, and is the sync's own.
                held.entry, landed = entry, Seen(version_of(answer), answer)
                self._see(held, max(landed, held.seen or landed, key=lambda seen: seen.version))
            elif held.seen is not None:
                self._see(held, held.seen)
            return held.drift is not None

    def drain(self) -> None:
        """Wait until no restore that has begun is under way."""
        with self._settled:
            self._settled.wait_for(lambda: not self._claimed)

    # -- what is

    def observe(self, live: Object, key: ResourceKey) -> bool:
        """Take note of an object as it is. True if it has drifted."""
        return self._take_note(key, Seen(version_of(live), live))

    def observe_gone(self, key: ResourceKey, version: int) -> bool:
        """Take note that an object is gone, or out of the watch's sight. True if that is drift."""
        return self._take_note(key, Seen(version, None))

    def observe_set(
        self, live: Mapping[ResourceKey, Object], version: int, *, among: Iterable[ResourceKey]
    ) -> list[ResourceKey]:
        """Compare a whole LIST as of a resourceVersion with those ``among`` ours that it should hold.

        Returns the keys of what has drifted or is missing.
        """
        gone = [key for key in among if key not in live and self.observe_gone(key, version)]
        return gone + [key for key in among if key in live and self.observe(live[key], key)]

    def observe_out_of_sight(self, live: Object, key: ResourceKey, *, version: int) -> None:
        """Take note that an object that was noted as gone at ``version`` is there, only out of the watch's sight."""
        with self._settled:
            held = self._held.get(key)
            if held is not None and not held.in_flight and held.version == version:  # else there is newer news
                self._judge(held, Seen(version, live))

    def _take_note(self, key: ResourceKey, seen: Seen) -> bool:
        with self._settled:
            held = self._held.get(key)
            if held is None or seen.version < max(held.version, held.seen.version if held.seen else 0):
                return False
            if held.in_flight:
                held.seen = seen
                return False
            self._see(held, seen)
            return held.drift is not None and not held.is_terminating

    def _see(self, held: Held, seen: Seen) -> None:
        held.is_terminating = _is_terminating(seen)
        if held.is_terminating:
            held.version = max(held.version, seen.version)  # what comes next is its deletion
        else:
            self._judge(held, seen)

    def _judge(self, held: Held, seen: Seen) -> None:
        drift, ignored = drift_of(held.entry, seen.live, self._sealing_key, self._rules())
        before = self._drifted_since.pop((held.entry.namespace, str(held.entry.key)), "")
        if drift is not None and held.drift is None:
            held.noticed_at, held.since = self._clock(), before or self._wall_clock()
            self._found(drift.kind)
        held.version = max(held.version, seen.version)
        held.health = health_of(seen.live, checks=self._checks())
        # Only what differs is kept: to be judged again should what counts change.
        held.drift, held.ignored = drift, ignored
        held.seen = seen if drift is not None or ignored is not None else None

    # -- what is known

    def get(self, key: ResourceKey) -> Held | None:
        """A copy of what is held of an object."""
        with self._settled:
            held = self._held.get(key)
            return replace(held) if held else None

    def entries(self) -> list[Entry]:
        with self._settled:
            return [held.entry for held in self._held.values()]

    def kinds(self) -> set[tuple[str, str]]:
        """The (apiVersion, kind) pairs to watch."""
        return {(entry.api_version, entry.kind) for entry in self.entries()}

    def drifted(self) -> list[Held]:
        """Copies of all that have drifted, in a stable order."""
        with self._settled:
            return [replace(held) for _, held in sorted(self._held.items()) if held.drift is not None]

    def health_of(self, key: ResourceKey) -> Health | None:
        """How an object does, as far as it was seen."""
        with self._settled:
            held = self._held.get(key)
            return held.health if held else None

    def unhealthy(self) -> list[Held]:
        """Copies of all whose health is known and is not well, the worst first."""
        with self._settled:
            found = [replace(held) for _, held in sorted(self._held.items()) if held.health and not held.health.is_well]
        return sorted(found, key=lambda held: badness(held.health), reverse=True)

    def is_health_known(self) -> bool:
        """Whether every object has been seen."""
        with self._settled:
            return all(held.health is not None for held in self._held.values())

    def oldest_drift_seconds(self) -> float:
        """For how long the object has been wrong that is longest; 0.0 where none is."""
        with self._settled:
            noticed = [held.noticed_at for held in self._held.values() if held.drift is not None]
        return self._clock() - min(noticed) if noticed else 0.0

    def counts(self) -> Counts:
        with self._settled:
            drifts = [held.drift for held in self._held.values() if held.drift is not None]
            kinds = Counter(drift.kind for drift in drifts)
            missing, added = kinds[DriftKind.MISSING], kinds[DriftKind.ADDED]
            total = len(self._held)
            return Counts(
                total=total,
                synced=total - len(drifts),
                drifted=len(drifts) - missing - added,
                missing=missing,
                added=added,
                orphaned=self._orphaned,
                ignored=sum(held.ignored is not None for held in self._held.values()),
                unhealthy=sum(held.health is not None and not held.health.is_well for held in self._held.values()),
            )


def _is_terminating(seen: Seen) -> bool:
    return seen.live is not None and bool(seen.live["metadata"].get("deletionTimestamp"))


def version_of(obj: Object) -> int:
    """The resourceVersion as a number, by which states of one object can be ordered (KEP-5504); 0 if it is none."""
    text = str(obj["metadata"].get("resourceVersion") or "")
    return int(text) if text.isdecimal() else 0
