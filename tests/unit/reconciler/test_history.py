"""The history of syncs in a GitSync's status."""

from __future__ import annotations

from typing import Any

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.reconciler.history import FAILED, MAX_HISTORY, SYNCED, history_entry, with_entry


def entry(sha: str, outcome: str = SYNCED, *, time: str = "2026-01-01T00:00:00Z", **counts: int) -> dict[str, Any]:
    commit = Commit(sha=sha * 40, author="Jane", author_email="j@x", time=time, subject="more" * 100)
    return history_entry(commit, outcome=outcome, time=time, requester="", result=None) | counts


def test_the_newest_comes_first_and_the_oldest_goes() -> None:
    history: tuple[dict[str, Any], ...] = ()
    for digit in "0123456789ab":
        history = with_entry(history, entry(digit))
    assert [one["revision"][0] for one in history] == list("ba98765432")
    assert len(history) == MAX_HISTORY


def test_a_failure_that_is_tried_again_is_told_once_and_writes_nothing() -> None:
    first = with_entry((entry("a"),), entry("b", FAILED, failed=2))
    assert with_entry(first, entry("b", FAILED, failed=2, time="2026-01-02T00:00:00Z")) == first
    fewer = with_entry(first, entry("b", FAILED, failed=1))
    assert [(one["revision"][0], one.get("failed")) for one in fewer] == [("b", 1), ("a", None)]
    well = with_entry(fewer, entry("b"))
    assert [one["result"] for one in well] == [SYNCED, FAILED, SYNCED]


def test_long_messages_are_cut_and_nobody_is_named_where_nobody_asked() -> None:
    one = entry("a")
    assert len(one["message"]) == 256
    assert "requestedBy" not in one
