"""The status of a GitSync, as kstatus, kubectl wait and people read it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.schema import faults_of
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.health.model import Health, HealthStatus
from kubectl_gitops.reconciler.ledger import Counts, Held
from kubectl_gitops.reconciler.pacing import Fight
from kubectl_gitops.reconciler.status import (
    MAX_DRIFT,
    Facts,
    Phase,
    Restored,
    Synced,
    drifted_since_in,
    phase_in,
    status_of,
)
from kubectl_gitops.sync.drift import drift_of
from tests.unit.sync.samples import KEY, applied, changed, declared, entry_of

COMMIT = Commit(sha="a" * 40, author="Jane", author_email="j@x", time="2026-01-01T00:00:00Z", subject="more")
T1, T2 = "2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z"
SYNCED = Phase(synced=True, reason="Synced", message="synced aaaaaaaa: 2 objects")
FAILED = Phase(synced=False, reason="SyncFailed", message="no", stalled=False)
FACTS = Facts(
    generation=3,
    phase=SYNCED,
    counts=Counts(total=2, synced=2, drifted=0, missing=0, added=0, orphaned=0, ignored=0, unhealthy=0),
    drifted=(),
    unhealthy=(),
    is_health_known=True,
    attempted=("a" * 40, T1),
    synced=Synced(commit=COMMIT, time=T1),
    sync_request="now",
    sequence=7,
    snapshot_namespace="gitops-system",
    restored=None,
)


def conditions(status: dict[str, Any]) -> dict[str, Any]:
    return {condition["type"]: condition for condition in status["conditions"]}


def states(facts: Facts) -> dict[str, str]:
    return {kind: condition["status"] for kind, condition in conditions(status_of(facts, {}, T1)).items()}


def drifted(count: int) -> list[Held]:
    found = []
    for number in range(count):
        one = declared({"a": "1"}, name=f"c{number:02}")
        live = applied(one)
        drift = drift_of(entry_of(one, live), changed(live, version=9, a="x") if number else None, KEY, Rules()).drift
        found.append(Held(entry_of(one, live), drift=drift, since=T1))
    return found


def test_health_is_that_of_the_worst_and_names_it() -> None:
    one, two = (
        replace(held, health=Health(status, "why"))
        for held, status in zip(drifted(2), (HealthStatus.DEGRADED, HealthStatus.PROGRESSING), strict=True)
    )
    found = conditions(status_of(replace(FACTS, unhealthy=(one, two)), {}, T1))["Healthy"]
    assert (found["status"], found["reason"]) == ("False", "Degraded")
    named = "ConfigMap/c00 in namespace shop: Degraded: why; ConfigMap/c01 in namespace shop: Progressing: why"
    assert found["message"] == named
    assert conditions(status_of(FACTS, {}, T1))["Ready"]["status"] == "True"
    found = conditions(status_of(replace(FACTS, unhealthy=(two,)), {}, T1))["Healthy"]
    assert (found["status"], found["reason"]) == ("Unknown", "Progressing")
    unseen = replace(FACTS, is_health_known=False)
    assert conditions(status_of(unseen, {}, T1))["Healthy"]["reason"] == "Pending"


def test_all_well() -> None:
    assert status_of(FACTS, {}, T2) == {
        "observedGeneration": 3,
        "lastAttempted": {"revision": "a" * 40, "time": T1},
        "synced": {"revision": "a" * 40, "time": T1, "message": "more", "author": "Jane"},
        "lastSyncRequest": "now",
        "objects": {
            "total": 2,
            "synced": 2,
            "drifted": 0,
            "missing": 0,
            "added": 0,
            "orphaned": 0,
            "ignored": 0,
            "unhealthy": 0,
        },
        "drift": [],
        "inventoryRef": {"namespace": "gitops-system", "sequence": 7},
        "conditions": [
            {
                "type": kind,
                "status": state,
                "reason": reason,
                "message": message,
                "observedGeneration": 3,
                "lastTransitionTime": T2,
            }
            for kind, state, reason, message in [
                ("Ready", "True", "Synced", "synced aaaaaaaa: 2 objects"),
                ("Synced", "True", "Synced", "synced aaaaaaaa: 2 objects"),
                ("Drifted", "False", "NoDrift", "every object is as Git says"),
                ("Healthy", "True", "Healthy", "every object is healthy"),
            ]
        ],
    }


SYNCING = Phase(synced=None, reason="Syncing", message="syncing", reconciling=True)
DRIFTED = Counts(total=2, synced=1, drifted=0, missing=1, added=0, orphaned=0, ignored=0, unhealthy=0)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (FACTS, {"Ready": "True", "Synced": "True", "Drifted": "False"}),
        (
            replace(FACTS, phase=SYNCING),
            {"Ready": "False", "Synced": "Unknown", "Drifted": "False", "Reconciling": "True"},
        ),
        (replace(FACTS, phase=FAILED), {"Ready": "False", "Synced": "False", "Drifted": "False"}),
        (
            replace(FACTS, phase=replace(FAILED, stalled=True)),
            {"Ready": "False", "Synced": "False", "Drifted": "False", "Stalled": "True"},
        ),
        (replace(FACTS, counts=DRIFTED), {"Ready": "False", "Synced": "True", "Drifted": "True"}),
    ],
)
def test_reconciling_and_stalled_are_there_only_while_true(facts: Facts, expected: dict[str, str]) -> None:
    assert states(facts) == {**expected, "Healthy": "True"}


def test_ready_says_what_is_wrong() -> None:
    ready = conditions(status_of(replace(FACTS, counts=DRIFTED), {}, T1))["Ready"]
    assert (ready["reason"], ready["message"]) == ("Drifted", "1 of 2 objects are not as Git says")
    ready = conditions(status_of(replace(FACTS, counts=DRIFTED, phase=FAILED), {}, T1))["Ready"]
    assert (ready["reason"], ready["message"]) == ("SyncFailed", "no")


def test_times_of_transitions_are_those_of_transitions() -> None:
    first = status_of(FACTS, {}, T1)
    assert status_of(FACTS, first, T2) == first
    failed = conditions(status_of(replace(FACTS, phase=FAILED), first, T2))
    assert {kind: c["lastTransitionTime"] for kind, c in failed.items()} == {
        "Ready": T2,
        "Synced": T2,
        "Drifted": T1,
        "Healthy": T1,
    }
    other_words = conditions(status_of(replace(FACTS, phase=replace(SYNCED, message="other")), first, T2))
    assert other_words["Synced"]["lastTransitionTime"] == T1


def test_what_the_last_process_told_is_not_lost() -> None:
    first = status_of(replace(FACTS, restored=Restored(total=4, name="x", time=T1, milliseconds=3.14)), {}, T1)
    assert first["restored"] == {"object": "x", "time": T1, "milliseconds": 3.1, "total": 4}
    nothing_yet = replace(FACTS, attempted=None, synced=None, sync_request="", sequence=0)
    assert status_of(nothing_yet, first, T2) == first


def test_drift_is_listed_with_field_manager_and_since_and_no_longer_than_it_may_be() -> None:
    first, second = status_of(replace(FACTS, drifted=drifted(2)), {}, T2)["drift"]
    assert first == {"object": "ConfigMap/c00", "namespace": "shop", "kind": "Missing", "since": T1}
    assert second == {
        "object": "ConfigMap/c01",
        "namespace": "shop",
        "kind": "Modified",
        "since": T1,
        "field": "data.a",
        "manager": "kubectl-edit",
    }
    assert len(status_of(replace(FACTS, drifted=drifted(50)), {}, T2)["drift"]) == MAX_DRIFT


def test_long_messages_are_cut() -> None:
    phase = replace(FAILED, message="x" * 100_000)
    assert len(conditions(status_of(replace(FACTS, phase=phase), {}, T1))["Synced"]["message"]) == 32_000


def test_it_is_what_the_schema_allows() -> None:
    facts = replace(
        FACTS, drifted=drifted(3), restored=Restored(total=4, name="x", time=T1, milliseconds=3.14), phase=FAILED
    )
    gitsync = {
        "apiVersion": "kubectl-gitops.dev/v1alpha1",
        "kind": "GitSync",
        "metadata": {"name": "shop"},
        "spec": {"source": {"repoURL": "https://git.example/shop"}},
        "status": status_of(facts, {}, T1),
    }
    assert faults_of(gitsync) == []


@pytest.mark.parametrize("phase", [SYNCED, FAILED, replace(SYNCING, reason="Syncing")])
def test_a_new_process_says_what_the_last_one_said_until_it_knows_better(phase: Phase) -> None:
    assert phase_in(status_of(replace(FACTS, phase=phase), {}, T1)) == phase


def test_of_a_new_gitsync_nothing_is_known() -> None:
    assert phase_in({}) == Phase(synced=None, reason="Pending", message="not synced yet", reconciling=True)


# Who keeps changing what, who else declares it, and since when


def test_a_fight_is_there_only_while_it_goes_on_and_names_who_fights() -> None:
    keys = [held.entry.key for held in drifted(4)]
    fights = [Fight(key, "k9s changes data.a") for key in keys]
    found = conditions(status_of(replace(FACTS, fights=fights), {}, T1))["Fighting"]
    assert found["status"] == "True"
    assert "ConfigMap/c00 in namespace shop: k9s changes data.a; " in found["message"]
    assert "; and 1 more (stop whatever does it, or leave" in found["message"]
    assert "Fighting" not in conditions(status_of(FACTS, {}, T1))


def test_what_is_contested_is_told_only_while_it_is() -> None:
    found = conditions(status_of(replace(FACTS, contested="GitSync a/b declares it"), {}, T1))["Contested"]
    assert (found["status"], found["message"]) == ("True", "GitSync a/b declares it")
    assert "Contested" not in conditions(status_of(FACTS, {}, T1))


def test_drift_is_told_with_since_when_and_the_next_process_knows_it() -> None:
    held = drifted(2)[0]
    status = status_of(replace(FACTS, counts=replace(FACTS.counts, synced=1, missing=1), drifted=[held]), {}, T2)
    assert conditions(status)["Drifted"]["message"] == f"1 of 2 objects are not as Git says, since {T1}"
    assert drifted_since_in(status) == {("shop", "ConfigMap/c00"): T1}
    assert drifted_since_in({}) == {}
