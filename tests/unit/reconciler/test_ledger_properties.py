"""Whatever happens in whatever order: in the end, drift is known of what is not as it should be, and of that only."""

from __future__ import annotations

from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kubectl_gitops.api.objects import Declared, Object
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.reconciler.ledger import Held, Ledger
from kubectl_gitops.snapshot.model import Entry
from tests.unit.reconciler.test_ledger import snapshot
from tests.unit.sync.samples import KEY, applied, declared, entry_of

VALUES = st.sampled_from(["1", "2", "3"])
NOTHING = "nothing"
#: What somebody else writes while we do; None deletes the object.
MEANWHILE = st.sampled_from([NOTHING, NOTHING, NOTHING, "1", "2", "3", None])
_KEY = declared({}).key


class Cluster(RuleBasedStateMachine):
    """One object, its events, which come late, and a ledger that a sync, a restore and a watch use at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(KEY, rules=Rules, clock=lambda: 0.0, wall_clock=lambda: "")
        self.version = 1
        self.value: str | None = None
        self.history: dict[int, str | None] = {1: None}
        self.told = 1  # the newest version that the ledger was told of
        self.events: deque[tuple[int, str | None]] = deque()
        self.counts: Entry | None = None  # what the snapshot that counts says
        self.syncing: Declared | None = None
        self.landed = False
        self.claimed: Held | None = None

    def write(self, value: str | None) -> None:
        """As the API server does it: what changes nothing is no event."""
        if value not in {self.value, NOTHING}:
            self.version += 1
            self.value = self.history[self.version] = value
            self.events.append((self.version, value))

    def tell(self, count: int) -> None:
        for _ in range(min(count, len(self.events))):
            version, value = self.events.popleft()
            self.told = max(self.told, version)
            if value is None:
                self.ledger.observe_gone(_KEY, version)
            else:
                self.ledger.observe(self.live(version, value), _KEY)

    def answer(self) -> Object:
        assert self.value is not None
        self.told = self.version
        return self.live(self.version, self.value)

    def live(self, version: int, value: str) -> Object:
        return applied(declared({"a": value}), version=version)

    @initialize(value=VALUES)
    def begin(self, value: str) -> None:
        self.write(value)
        one = declared({"a": value})
        self.counts = entry_of(one, applied(one))
        self.ledger.adopt(snapshot(self.counts), {_KEY: one})
        self.tell(1)

    @rule(value=st.none() | VALUES)
    def somebody_writes(self, value: str | None) -> None:
        self.write(value)

    @precondition(lambda self: self.events)
    @rule()
    def an_event_arrives(self) -> None:
        self.tell(1)

    @rule()
    def the_watch_lists_anew(self) -> None:
        self.events.clear()
        live = {} if self.value is None else {_KEY: self.live(self.version, self.value)}
        self.ledger.observe_set(live, self.version, among=[_KEY])
        self.told = self.version

    # A restore

    @precondition(lambda self: self.claimed is None)
    @rule()
    def a_restore_begins(self) -> None:
        self.claimed = self.ledger.claim(_KEY)
        assert self.claimed is None or self.syncing is None or self.landed

    @precondition(lambda self: self.claimed is not None)
    @rule(reaches=st.booleans(), answered=st.booleans(), meanwhile=MEANWHILE, events=st.integers(0, 4))
    def a_restore_ends(self, *, reaches: bool, answered: bool, meanwhile: str | None, events: int) -> None:
        """Its request may get through, and its answer back; others write meanwhile, and some of that is told."""
        assert self.claimed is not None
        assert self.claimed.entry.canonical is not None
        answer = None
        if reaches:
            self.write(self.claimed.entry.canonical.tree["data"]["a"])
            answer = self.answer() if answered else None
        self.write(meanwhile)
        self.tell(events)
        self.ledger.land(_KEY, answer, self.claimed.entry if answer else None)
        self.claimed = None

    # A sync

    @precondition(lambda self: self.syncing is None and self.claimed is None)
    @rule(value=VALUES)
    def a_sync_begins(self, value: str) -> None:
        self.syncing, self.landed = declared({"a": value}), False
        planned = entry_of(self.syncing, applied(self.syncing))
        self.ledger.adopt(snapshot(planned), {_KEY: self.syncing}, in_flight={_KEY})

    @precondition(lambda self: self.syncing is not None and not self.landed)
    @rule(accepted=st.booleans(), meanwhile=MEANWHILE, events=st.integers(0, 4))
    def a_sync_writes(self, *, accepted: bool, meanwhile: str | None, events: int) -> None:
        assert self.syncing is not None
        answer = None
        if accepted:
            self.write(self.syncing.object["data"]["a"])
            answer = self.answer()
            self.counts = entry_of(self.syncing, answer)
        self.write(meanwhile)
        self.tell(events)
        if accepted:
            self.ledger.land(_KEY, answer, self.counts)
        self.landed = True

    @precondition(lambda self: self.syncing is not None and self.landed and self.claimed is None)
    @rule()
    def a_sync_ends(self) -> None:
        assert self.counts is not None
        assert self.syncing is not None
        self.ledger.adopt(snapshot(self.counts), {_KEY: self.syncing})
        self.syncing = None

    # What must hold

    @invariant()
    def drift_is_known_of_what_was_told_last(self) -> None:
        if self.claimed or self.syncing or self.counts is None:
            return
        held = self.ledger.get(_KEY)
        assert held is not None
        assert held.entry.declared_digest == self.counts.declared_digest
        assert not held.in_flight
        assert self.counts.canonical is not None
        assert (held.drift is not None) == (self.history[self.told] != self.counts.canonical.tree["data"]["a"])

    def teardown(self) -> None:
        if self.claimed:
            self.a_restore_ends(reaches=True, answered=True, meanwhile=NOTHING, events=4)
        if self.syncing and not self.landed:
            self.a_sync_writes(accepted=False, meanwhile=NOTHING, events=4)
        if self.syncing:
            self.a_sync_ends()
        self.tell(len(self.events))
        assert self.told == self.version
        self.drift_is_known_of_what_was_told_last()


TestLedger = Cluster.TestCase
TestLedger.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
