"""What has drifted, whatever the order in which news arrives."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import pytest

from kubectl_gitops.api.objects import Declared, Object, ResourceKey
from kubectl_gitops.diff.drift import DriftKind
from kubectl_gitops.diff.ignore import rules_of
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.reconciler.ledger import Ledger, version_of
from kubectl_gitops.snapshot.model import Entry, Snapshot
from tests.unit.sync.samples import KEY, applied, changed, declared, entry_of

WEB, NEWER = declared({"a": "1", "b": "2"}), declared({"a": "1", "b": "3"})
LIVE = applied(WEB, version=10)


def snapshot(*entries: Entry, owed: Iterable[tuple[str, ResourceKey]] = ()) -> Snapshot:
    return Snapshot(
        namespace="gitops-system",
        name="shop",
        revision=None,
        repo_url="",
        path="",
        sequence=1,
        complete=True,
        entries=entries,
        owed=tuple(owed),
    )


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> float:
        return self.now

    def wall_clock(self) -> str:
        return f"at {self.now:g}"


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def ledger(time: Time) -> Ledger:
    """Holds one object, seen as it was applied at version 10."""
    made = Ledger(KEY, rules=Rules, clock=time.clock, wall_clock=time.wall_clock)
    made.adopt(snapshot(entry_of(WEB, LIVE)), {WEB.key: WEB})
    made.observe(LIVE, WEB.key)
    return made


def drift_of(ledger: Ledger, key: ResourceKey = WEB.key) -> DriftKind | None:
    held = ledger.get(key)
    assert held is not None
    return held.drift.kind if held.drift else None


def by_hand(version: int, **data: str | None) -> Object:
    return changed(LIVE, version=version, by="kubectl-edit", **(data or {"a": "by hand"}))


# What is seen


def test_drift_is_noticed_and_gone_when_it_is_mended(ledger: Ledger, time: Time) -> None:
    assert not ledger.observe(LIVE, WEB.key)
    time.now = 101.0
    assert ledger.observe(by_hand(11), WEB.key)
    time.now = 102.0
    assert ledger.observe(by_hand(12, a="again"), WEB.key)
    (held,) = ledger.drifted()
    assert (held.noticed_at, held.since) == (101.0, "at 101")
    assert not ledger.observe(applied(WEB, version=13), WEB.key)
    assert ledger.drifted() == []
    time.now = 103.0
    assert ledger.observe(by_hand(14), WEB.key)
    assert ledger.drifted()[0].since == "at 103"


def test_how_long_drift_has_lasted_does_not_depend_on_the_wall_clock() -> None:
    """It is set back by a day meanwhile; what people are told of the beginning is as it was then."""
    steady, wall = iter([100.0, 160.0]), iter(["2026-01-02T00:00:00Z", "2026-01-01T00:01:00Z"])
    ledger = Ledger(KEY, rules=Rules, clock=lambda: next(steady), wall_clock=lambda: next(wall))
    ledger.adopt(snapshot(entry_of(WEB, LIVE)), {WEB.key: WEB})
    ledger.observe(by_hand(11), WEB.key)
    assert ledger.oldest_drift_seconds() == 60.0
    assert ledger.drifted()[0].since == "2026-01-02T00:00:00Z"


def test_what_is_older_than_what_is_known_is_no_news(ledger: Ledger) -> None:
    assert not ledger.observe(by_hand(9), WEB.key)
    assert not ledger.observe_gone(WEB.key, 9)
    assert ledger.observe_gone(WEB.key, 12)
    assert drift_of(ledger) is DriftKind.MISSING
    assert not ledger.observe(applied(WEB, version=11), WEB.key)
    assert drift_of(ledger) is DriftKind.MISSING
    assert not ledger.observe(applied(WEB, version=13), WEB.key)
    assert drift_of(ledger) is None


def test_strangers_mean_nothing(ledger: Ledger) -> None:
    other = declared({}, name="other")
    assert not ledger.observe(applied(other), other.key)
    assert not ledger.observe_gone(other.key, 99)
    assert not ledger.land(other.key)
    assert ledger.claim(other.key) is None


def test_what_is_on_its_way_out_is_waited_for(ledger: Ledger) -> None:
    leaving = by_hand(11)
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not ledger.observe(leaving, WEB.key)
    assert drift_of(ledger) is None
    assert ledger.observe_gone(WEB.key, 12)


def test_a_list_tells_what_is_missing_unless_that_is_known_better(ledger: Ledger) -> None:
    other, third = declared({"a": "1"}, name="other"), declared({"a": "1"}, name="third")
    entries = [entry_of(one, applied(one)) for one in (WEB, other, third)]
    ledger.adopt(snapshot(*entries), {})
    ledger.observe(applied(third, version=30), third.key)
    keys = [entry.key for entry in entries]
    assert ledger.observe_set({WEB.key: by_hand(11)}, 20, among=keys) == [other.key, WEB.key]
    assert ledger.counts().missing == 1
    assert ledger.counts().drifted == 1
    assert ledger.observe_set({}, 0, among=[WEB.key]) == []


def test_what_is_only_out_of_sight_is_not_missing(ledger: Ledger) -> None:
    """The watch is by label. Its LIST says that an object without it is gone, at a version newer than the object's."""
    ledger.observe_gone(WEB.key, 50)
    ledger.observe_out_of_sight(by_hand(20), WEB.key, version=50)
    assert drift_of(ledger) is DriftKind.MODIFIED
    ledger.observe_gone(WEB.key, 60)
    ledger.observe_out_of_sight(by_hand(20), WEB.key, version=50)
    assert drift_of(ledger) is DriftKind.MISSING


# What is being written


def test_only_what_has_drifted_is_claimed_and_by_one_at_a_time(ledger: Ledger) -> None:
    assert ledger.claim(WEB.key) is None
    ledger.observe(by_hand(11), WEB.key)
    held = ledger.claim(WEB.key)
    assert held is not None
    assert held.declared == WEB
    assert ledger.claim(WEB.key) is None
    assert ledger.land(WEB.key)
    assert ledger.claim(WEB.key)


def test_the_events_of_a_write_are_no_news_after_its_answer(ledger: Ledger) -> None:
    ledger.observe(by_hand(11), WEB.key)
    ledger.claim(WEB.key)
    answer = applied(WEB, version=12)
    assert not ledger.land(WEB.key, answer, entry_of(WEB, answer))
    assert not ledger.observe(by_hand(11), WEB.key)
    assert not ledger.observe(answer, WEB.key)
    assert drift_of(ledger) is None


@pytest.mark.parametrize("version", [12, 14])
def test_a_change_that_is_seen_before_the_answer_counts_if_it_came_after(ledger: Ledger, version: int) -> None:
    ledger.observe(by_hand(11), WEB.key)
    ledger.claim(WEB.key)
    assert not ledger.observe(by_hand(version, a="again"), WEB.key)
    answer = applied(WEB, version=13)
    assert ledger.land(WEB.key, answer, entry_of(WEB, answer)) is (version > 13)
    assert (drift_of(ledger) is None) is (version < 13)


def test_after_a_write_that_failed_what_was_seen_meanwhile_counts(ledger: Ledger) -> None:
    ledger.observe(by_hand(11), WEB.key)
    ledger.claim(WEB.key)
    ledger.observe(applied(WEB, version=12), WEB.key)
    assert not ledger.land(WEB.key)
    assert drift_of(ledger) is None
    ledger.observe(by_hand(13), WEB.key)
    ledger.claim(WEB.key)
    assert not ledger.observe_gone(WEB.key, 14)
    assert ledger.land(WEB.key)
    assert drift_of(ledger) is DriftKind.MISSING


def test_a_write_teaches_the_canonical_form(ledger: Ledger) -> None:
    """What a mutating webhook makes of the same declaration today is not what it made of it yesterday."""
    ledger.observe(by_hand(11), WEB.key)
    ledger.claim(WEB.key)
    mutated = applied(declared({"a": "1", "b": "mutated"}), version=12)
    assert not ledger.land(WEB.key, mutated, entry_of(WEB, mutated))
    assert not ledger.observe(mutated, WEB.key)


# What should be


def test_of_what_is_about_to_be_written_nothing_is_drift_until_it_lands(ledger: Ledger) -> None:
    ledger.adopt(snapshot(entry_of(NEWER, applied(NEWER))), {NEWER.key: NEWER}, in_flight={NEWER.key})
    assert not ledger.observe(applied(WEB, version=11), WEB.key)
    assert ledger.claim(WEB.key) is None
    answer = applied(NEWER, version=12)
    assert not ledger.land(WEB.key, answer, entry_of(NEWER, answer))
    assert ledger.observe(by_hand(13), WEB.key)
    held = ledger.claim(WEB.key)
    assert held is not None
    assert held.declared == NEWER


def test_what_was_refused_is_held_to_what_it_was(ledger: Ledger) -> None:
    """The sync first takes the new declaration for granted, or not, if a dry-run was refused already."""
    for planned in (entry_of(NEWER, applied(NEWER)), entry_of(WEB, LIVE)):
        ledger.adopt(snapshot(planned), {NEWER.key: NEWER}, in_flight={NEWER.key})
        ledger.adopt(snapshot(entry_of(WEB, LIVE)), {NEWER.key: NEWER})
        assert drift_of(ledger) is None
        held = ledger.get(WEB.key)
        assert held is not None
        assert held.declared != NEWER
    assert ledger.observe(applied(NEWER, version=20), WEB.key)


def test_what_was_refused_by_the_dry_run_only_is_what_it_became(ledger: Ledger) -> None:
    ledger.adopt(snapshot(entry_of(WEB, LIVE)), {NEWER.key: NEWER}, in_flight={NEWER.key})
    answer = applied(NEWER, version=12)
    assert not ledger.land(WEB.key, answer, entry_of(NEWER, answer))
    assert not ledger.observe(answer, WEB.key)
    assert ledger.observe(applied(WEB, version=13), WEB.key)


def test_drift_outlives_a_sync_that_did_not_write_the_object(ledger: Ledger, time: Time) -> None:
    ledger.observe(by_hand(11), WEB.key)
    time.now = 200.0
    other = declared({"a": "1"}, name="other")
    assert ledger.adopt(snapshot(entry_of(WEB, LIVE), entry_of(other)), {other.key: other}) == [WEB.key]
    (held,) = ledger.drifted()
    assert (held.since, held.declared) == ("at 100", WEB)
    # It is judged by what counts now.
    taken = declared({"a": "by hand", "b": "2"})
    assert ledger.adopt(snapshot(entry_of(taken, applied(taken))), {}) == []


def test_what_is_declared_no_longer_is_forgotten(ledger: Ledger) -> None:
    ledger.observe(by_hand(11), WEB.key)
    ledger.adopt(snapshot(owed=[("v1", WEB.key)]), {})
    assert ledger.get(WEB.key) is None
    assert ledger.counts().orphaned == 1
    assert (ledger.entries(), ledger.kinds(), ledger.drifted()) == ([], set(), [])


def test_a_new_snapshot_waits_for_the_restores_that_have_begun_and_lets_no_other_begin(ledger: Ledger) -> None:
    other = declared({"a": "1"}, name="other")
    ledger.adopt(snapshot(entry_of(WEB, LIVE), entry_of(other, applied(other))), {})
    ledger.observe(by_hand(11), WEB.key)
    ledger.observe_gone(other.key, 11)
    assert ledger.claim(WEB.key)
    adopting = threading.Thread(target=lambda: ledger.adopt(snapshot(entry_of(NEWER, applied(NEWER))), {}))
    adopting.start()
    while not ledger._adopting:
        adopting.join(0.001)
    assert ledger.claim(other.key) is None
    assert adopting.is_alive()
    answer = applied(WEB, version=12)
    ledger.land(WEB.key, answer, entry_of(WEB, answer))
    adopting.join(10)
    assert not adopting.is_alive()
    assert [entry.declared_digest for entry in ledger.entries()] == [entry_of(NEWER).declared_digest]


def test_counts(ledger: Ledger) -> None:
    entries = [entry_of(one, applied(one)) for one in (declared({"a": "1"}, name=name) for name in "abcd")]
    ledger.adopt(snapshot(*entries, owed=[("v1", WEB.key)]), {})
    ledger.observe_gone(entries[0].key, 20)
    ledger.observe(changed(applied(declared({"a": "1"}, name="b")), version=20, a="x"), entries[1].key)
    counts = ledger.counts()
    assert (counts.total, counts.synced, counts.drifted, counts.missing, counts.orphaned) == (4, 2, 1, 1, 1)
    assert ledger.kinds() == {("v1", "ConfigMap")}
    assert [held.entry.name for held in ledger.drifted()] == ["a", "b"]


@pytest.mark.parametrize(("text", "version"), [("12", 12), ("", 0), (None, 0), ("abc", 0)])
def test_versions_are_numbers_or_nothing(text: str | None, version: int) -> None:
    assert version_of({"metadata": {"resourceVersion": text}}) == version


def test_what_is_handed_out_are_copies(ledger: Ledger) -> None:
    held = ledger.get(WEB.key)
    assert held is not None
    held.in_flight = True
    assert ledger.observe(by_hand(11), WEB.key)
    assert isinstance(held.declared, Declared)


# What is no drift, and what no apply mends


def test_what_a_person_added_is_told_and_left_to_the_person(ledger: Ledger) -> None:
    assert ledger.observe(changed(LIVE, version=11, c="by hand"), WEB.key)
    counts = ledger.counts()
    assert (counts.added, counts.drifted, counts.synced) == (1, 0, 0)
    assert ledger.claim(WEB.key) is None


def test_what_is_ignored_is_counted_and_judged_again_by_other_rules(time: Time) -> None:
    ignoring = rules_of([{"jsonPointers": ["/data/a"]}], why="test")
    rules = Rules().beside(ignoring)
    made = Ledger(KEY, rules=lambda: rules, clock=time.clock, wall_clock=time.wall_clock)
    made.adopt(snapshot(entry_of(WEB, LIVE)), {WEB.key: WEB})
    assert not made.observe(by_hand(11), WEB.key)
    assert (made.counts().ignored, made.counts().synced) == (1, 1)
    assert made.claim(WEB.key) is None
    assert made.judge_again() == []
    rules = Rules()
    assert made.judge_again() == [WEB.key]
    assert made.claim(WEB.key) is not None


def test_what_a_person_added_is_only_claimed_to_be_removed(ledger: Ledger) -> None:
    ledger.observe(changed(LIVE, version=11, c="by hand"), WEB.key)
    assert ledger.claim(WEB.key) is None
    assert ledger.claim(WEB.key, additions=True) is not None


# What is on its way out


def leaving(live: Object) -> Object:
    return {**live, "metadata": {**live["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}


def test_a_terminating_object_is_not_written_though_it_had_drifted_before(ledger: Ledger) -> None:
    assert ledger.observe(by_hand(11), WEB.key)
    assert not ledger.observe(leaving(by_hand(12)), WEB.key)
    assert ledger.judge_again() == [WEB.key]
    assert ledger.claim(WEB.key) is None
    assert ledger.observe_gone(WEB.key, 13)
    assert ledger.claim(WEB.key) is not None


def test_an_object_that_is_deleted_while_it_is_restored_is_waited_for(ledger: Ledger) -> None:
    ledger.observe(by_hand(11), WEB.key)
    assert ledger.claim(WEB.key)
    ledger.observe(leaving(by_hand(12)), WEB.key)
    ledger.land(WEB.key)
    assert ledger.claim(WEB.key) is None
    assert ledger.observe_gone(WEB.key, 13)
    assert ledger.claim(WEB.key) is not None


def test_since_when_an_object_has_drifted_is_known_from_before_for_the_first_look(time: Time) -> None:
    known = {("shop", "ConfigMap/web"): "long ago"}
    made = Ledger(KEY, rules=Rules, clock=time.clock, wall_clock=time.wall_clock, drifted_since=known)
    made.adopt(snapshot(entry_of(WEB, LIVE)), {WEB.key: WEB})
    made.observe(by_hand(11), WEB.key)
    assert [held.since for held in made.drifted()] == ["long ago"]
    made.observe(applied(WEB, version=12), WEB.key)
    made.observe(by_hand(13), WEB.key)
    assert [held.since for held in made.drifted()] == ["at 100"]
