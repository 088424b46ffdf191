"""The status of a GitSync: pure. Conditions follow kstatus: Reconciling and Stalled are there only while true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.drift import DriftKind
from kubectl_gitops.diff.path import format_path
from kubectl_gitops.health.model import HealthStatus
from kubectl_gitops.reconciler.ledger import Counts, Held
from kubectl_gitops.reconciler.pacing import Fight

#: What is told of the last time, however long ago; a merge patch would not take it away either.
_LASTING = ("lastAttempted", "synced", "lastSyncRequest", "inventoryRef", "restored", "history", "breakGlass")
#: Drifted fields listed in the status; the report lists all.
MAX_DRIFT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """How the last attempt to sync went. ``reason`` is one CamelCase word, ``message`` a sentence.

    ``again_seconds`` is when to try again, where that is known.
    """

    synced: bool | None
    reason: str
    message: str
    reconciling: bool = False
    stalled: bool = False
    again_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was put back: how often, and the last one with the milliseconds from notice to repair."""

    total: int
    name: str
    time: str
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """The last commit that was synced without a fault, and when."""

    commit: Commit
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the status tells. ``generation`` is the one that ``phase`` is about; what is None was not done yet."""

    generation: int
    phase: Phase
    counts: Counts
    drifted: Sequence[Held]
    unhealthy: Sequence[Held]  # the worst first
    is_health_known: bool
    attempted: tuple[str, str] | None  # revision, time
    synced: Synced | None
    sync_request: str
    sequence: int
    snapshot_namespace: str
    restored: Restored | None
    fights: Sequence[Fight] = ()
    contested: str = ""
    history: Sequence[Object] = ()
    break_glass: Object | None = None


def status_of(facts: Facts, previous: Object, now: str) -> Object:
    """The status, keeping from ``previous`` when conditions last changed, and what the last process did."""
    counts = facts.counts
    status: Object = {
        **{name: previous[name] for name in _LASTING if name in previous},
        "observedGeneration": facts.generation,
        "objects": {
            "total": counts.total,
            "synced": counts.synced,
            "drifted": counts.drifted,
            "missing": counts.missing,
            "added": counts.added,
            "orphaned": counts.orphaned,
            "ignored": counts.ignored,
            "unhealthy": counts.unhealthy,
        },
        "drift": _drift(facts.drifted),
        "conditions": _conditions(facts, previous, now),
    }
    if facts.attempted:
        status["lastAttempted"] = {"revision": facts.attempted[0], "time": facts.attempted[1]}
    if facts.synced:
        commit = facts.synced.commit
        status["synced"] = {
            "revision": commit.sha,
            "time": facts.synced.time,
            "message": commit.subject,
            "author": commit.author,
        }
    if facts.history:
        status["history"] = list(facts.history)
    if facts.sync_request:
        status["lastSyncRequest"] = facts.sync_request
    if facts.sequence:
        status["inventoryRef"] = {"namespace": facts.snapshot_namespace, "sequence": facts.sequence}
    if facts.restored:
        restored = facts.restored
        status["restored"] = {
            "object": restored.name,
            "time": restored.time,
            "milliseconds": round(restored.milliseconds, 1),
            "total": restored.total,
        }
    if facts.break_glass:
        status["breakGlass"] = facts.break_glass
    return status


def phase_in(status: Object) -> Phase:
    """What a status says of the last attempt: all that is known of it until there is another."""
    found = next((c for c in status.get("conditions") or [] if c["type"] == "Synced"), None)
    if found is None:
        return Phase(synced=None, reason="Pending", message="not synced yet", reconciling=True)
    synced = {"True": True, "False": False}.get(found["status"])
    return Phase(synced=synced, reason=found["reason"], message=found["message"], reconciling=synced is None)


def drifted_since_in(status: Object) -> dict[tuple[str, str], str]:
    """Since when objects have drifted, as a status tells, by namespace and name."""
    rows = status.get("drift") or []
    return {(row["namespace"], row["object"]): row["since"] for row in rows if row.get("since")}


def _drift(drifted: Sequence[Held]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for held in drifted:
        assert held.drift is not None
        row = {
            "object": str(held.drift.key),
            "namespace": held.drift.key.namespace,
            "kind": held.drift.kind.value,
            "since": held.since,
        }
        if not held.drift.fields or held.drift.kind is DriftKind.UNOWNED:
            rows.append(row)
        rows.extend(
            {
                **row,
                "kind": field.kind.value,
                "field": format_path(field.path),
                "manager": field.owner.manager if field.owner else "",
            }
            for field in held.drift.fields
        )
    return rows[:MAX_DRIFT]


def _conditions(facts: Facts, previous: Object, now: str) -> list[Object]:
    phase, counts = facts.phase, facts.counts
    wrong = counts.drifted + counts.missing
    synced = {True: "True", False: "False", None: "Unknown"}[phase.synced]
    drift_words = f"{wrong} of {counts.total} objects are not as Git says" if wrong else "every object is as Git says"
    drift_reason = "DriftFound" if wrong else "AdditionsFound" if counts.added else "NoDrift"
    if counts.added and not wrong:
        drift_words = f"in {counts.added} of {counts.total} objects somebody has set what Git does not declare"
    if facts.drifted:
        drift_words += f", since {min(held.since for held in facts.drifted)}"
    ready = phase.synced is True and not wrong and not phase.reconciling
    wanted = [
        (
            "Ready",
            "True" if ready else "False",
            phase.reason if phase.synced is not True or not wrong else "Drifted",
            phase.message if phase.synced is not True or not wrong else drift_words,
        ),
        ("Synced", synced, phase.reason, phase.message),
        ("Drifted", "True" if wrong or counts.added else "False", drift_reason, drift_words),
    ]
    wanted.append(("Healthy", *_health(facts)))
    if phase.reconciling:
        wanted.append(("Reconciling", "True", phase.reason, phase.message))
    if phase.stalled:
        wanted.append(("Stalled", "True", phase.reason, phase.message))
    if facts.fights:
        wanted.append(("Fighting", "True", "ChangedAgainAndAgain", _fight_words(facts.fights)))
    if facts.contested:
        wanted.append(("Contested", "True", "DeclaredTwice", facts.contested))
    before = {condition["type"]: condition for condition in previous.get("conditions") or []}
    return [_condition(*one, generation=facts.generation, before=before, now=now) for one in wanted]


#: Objects are named in a message up to this number.
_MAX_NAMED = 3


def _fight_words(fights: Sequence[Fight]) -> str:
    named = "; ".join(f"{fight.key.described}: {fight.how}" for fight in fights[:_MAX_NAMED])
    more = len(fights) - _MAX_NAMED
    return (
        f"changed again each time it is restored, so that is done ever more slowly: {named}"
        + (f"; and {more} more" if more > 0 else "")
        + " (stop whatever does it, or leave the field to it by spec.ignoreDifferences)"
    )


def _health(facts: Facts) -> tuple[str, str, str]:
    """Status, reason and message of Healthy: the reason is the worst health there is."""
    if not facts.unhealthy:
        if not facts.is_health_known:
            return "Unknown", "Pending", "not every object has been seen yet"
        return "True", HealthStatus.HEALTHY.value, "every object is healthy"
    named = "; ".join(f"{held.entry.key.described}: {held.health}" for held in facts.unhealthy[:_MAX_NAMED])
    more = len(facts.unhealthy) - _MAX_NAMED
    health = facts.unhealthy[0].health
    assert health is not None
    is_bad = health.status in {HealthStatus.DEGRADED, HealthStatus.MISSING}
    return "False" if is_bad else "Unknown", health.status.value, named + (f"; and {more} more" if more > 0 else "")


def _condition(
    kind: str, state: str, reason: str, message: str, *, generation: int, before: dict[str, Object], now: str
) -> Object:
    old = before.get(kind)
    changed = old is None or old["status"] != state
    return {
        "type": kind,
        "status": state,
        "reason": reason,
        "message": message[:32_000],
        "observedGeneration": generation,
        "lastTransitionTime": now if changed or old is None else old["lastTransitionTime"],
    }
