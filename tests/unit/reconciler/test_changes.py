"""What is told of a GitSync, from one status to the next."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.reconciler.changes import REASONS, Change, changes_between

Object = dict[str, Any]


def condition(kind: str, status: str, reason: str, message: str = "words") -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def status(*conditions: Object, **more: Any) -> Object:
    return {"conditions": list(conditions), **more}


def glass(*, until: int = 5, is_open: bool = True, only: tuple[str, ...] = (), then: str = "Restore") -> Object:
    ends = f"2026-11-24T02:0{until}:00Z"
    return {"by": "eve", "reason": "INC-42", "until": ends, "only": list(only), "then": then, "open": is_open}


SYNCED = condition("Synced", "True", "Synced", "synced 1: 2 objects")
FAILED = condition("Synced", "False", "SourceError", "cannot reach repository")
SUSPENDED = condition("Synced", "True", "Suspended", "synced 1; new commits wait to be asked for")
NO_DRIFT, DRIFT = condition("Drifted", "False", "NoDrift"), condition("Drifted", "True", "DriftFound", "2 of 5")
HEALTHY, DEGRADED = condition("Healthy", "True", "Healthy"), condition("Healthy", "False", "Degraded", "pod crashes")
AT_1, AT_2 = {"synced": {"revision": "1"}}, {"synced": {"revision": "2"}}


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        ({}, status(SYNCED, NO_DRIFT, HEALTHY), ["Synced"]),
        (status(SYNCED, **AT_1), status(SYNCED, **AT_1), []),
        (status(SYNCED, **AT_1), status(SYNCED, **AT_2), ["Synced"]),
        (status(SYNCED), status(FAILED), ["SyncFailed"]),
        (status(FAILED), status(FAILED), []),
        (status(FAILED), status(condition("Synced", "False", "SyncFailed", "other words")), ["SyncFailed"]),
        (status(FAILED, **AT_1), status(SYNCED, **AT_1), ["Synced"]),
        (status(SYNCED), status(SUSPENDED), ["Suspended"]),
        (status(SUSPENDED, **AT_1), status(SYNCED, **AT_1), ["Resumed"]),
        (status(NO_DRIFT), status(DRIFT), ["DriftFound"]),
        (status(DRIFT), status(NO_DRIFT, restored={"total": 1, "object": "ConfigMap/a"}), ["Restored", "DriftEnded"]),
        (status(HEALTHY), status(DEGRADED), ["HealthDegraded"]),
        (status(DEGRADED), status(condition("Healthy", "Unknown", "Progressing")), []),
        (status(DEGRADED), status(HEALTHY), ["HealthRecovered"]),
        ({}, status(breakGlass=glass()), ["BreakGlassOpened"]),
        (status(breakGlass=glass()), status(breakGlass=glass()), []),
        (status(breakGlass=glass(until=9)), status(breakGlass=glass(until=5)), []),
        (status(breakGlass=glass(until=5)), status(breakGlass=glass(until=9)), ["BreakGlassOpened"]),
        (status(breakGlass=glass()), status(breakGlass=glass(is_open=False)), ["BreakGlassEnded"]),
        (status(breakGlass=glass(is_open=False)), status(breakGlass=glass(is_open=False)), []),
        (status(breakGlass=glass(is_open=False)), status(breakGlass=glass()), ["BreakGlassOpened"]),
    ],
)
def test_each_change_is_told_once(before: Object, after: Object, reasons: list[str]) -> None:
    found = [change.reason for change in changes_between(before, after)]
    assert found == reasons
    assert set(found) <= REASONS.keys()


@pytest.mark.parametrize(
    ("after", "revision"),
    [
        (status(SYNCED, **AT_2), "2"),
        (status(DRIFT, **AT_2), "2"),
        (status(DEGRADED, **AT_2), "2"),
        (status(FAILED, history=[{"revision": "3", "result": "Failed"}], **AT_2), "3"),
        # That Git cannot be reached says nothing of the commit that was synced last.
        (status(FAILED, history=[{"revision": "2", "result": "Synced"}], **AT_2), ""),
        (status(FAILED), ""),
    ],
)
def test_the_commit_that_it_is_about_is_known(after: Object, revision: str) -> None:
    (found,) = changes_between({}, after)
    assert found.revision == revision


def test_drift_is_named_with_its_first_fields() -> None:
    rows = [{"object": f"ConfigMap/{n}", "field": "data.key"} for n in range(5)]
    (found,) = changes_between({}, status(DRIFT, drift=rows))
    assert found.message == "2 of 5: ConfigMap/0 data.key, ConfigMap/1 data.key, ConfigMap/2 data.key, and 2 more"
    assert found.is_warning


def test_restores_are_counted() -> None:
    before, after = {"restored": {"total": 4}}, {"restored": {"total": 7, "object": "Service/web in namespace shop"}}
    assert changes_between(before, after) == [
        Change("Restored", "Service/web in namespace shop was put back, and 2 more before it")
    ]


def test_a_break_glass_is_told_with_who_what_why_and_until_when() -> None:
    opened = status(breakGlass=glass(only=("Deployment.apps/web", "ConfigMap/settings"), then="Report"))
    (found,) = changes_between({}, opened)
    said = "eve may change Deployment.apps/web, ConfigMap/settings until 2026-11-24T02:05:00Z: INC-42"
    assert found == Change("BreakGlassOpened", said)
    assert found.is_warning
    (ended,) = changes_between(opened, status(breakGlass={**opened["breakGlass"], "open": False}))
    assert ended.message == "the break-glass of eve has ended, drift is reported, and not restored: INC-42"
