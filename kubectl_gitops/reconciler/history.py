"""What status.history tells of the last syncs: which, by whom, and what came of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.sync.engine import SyncResult

MAX_HISTORY: Final = 10
SYNCED, FAILED = "Synced", "Failed"
_MAX_MESSAGE = 256


def history_entry(commit: Commit, *, outcome: str, time: str, requester: str, result: SyncResult | None) -> Object:
    """One sync; ``result`` is None where it failed before anything was written."""
    entry: Object = {
        "revision": commit.sha,
        "author": commit.author,
        "message": commit.subject[:_MAX_MESSAGE],
        "time": time,
        "result": outcome,
    }
    if requester:
        entry["requestedBy"] = requester
    if result is not None:
        taken_over = result.count(ActionKind.TAKE_OVER)
        entry |= {
            "snapshot": result.snapshot.sequence,
            "created": result.count(ActionKind.CREATE),
            "changed": result.count(ActionKind.CHANGE) + taken_over,
            "pruned": result.count(ActionKind.PRUNE),
            "failed": len(result.failed),
            "milliseconds": round(result.seconds * 1000),
        }
    return entry


def with_entry(history: Sequence[Object], entry: Object) -> tuple[Object, ...]:
    """The history with one more sync, the newest first.

    A failure that is tried again and again is told once, and anew only where it has become another.
    """
    before = history[0] if history else {}
    is_again = before.get("result") == entry["result"] == FAILED and before["revision"] == entry["revision"]
    if is_again and _outcome(before) == _outcome(entry):
        return tuple(history)
    return (entry, *history[1 if is_again else 0 :])[:MAX_HISTORY]


def _outcome(entry: Object) -> Object:
    """An entry, but for what is another each time."""
    return {name: value for name, value in entry.items() if name not in {"time", "milliseconds", "snapshot"}}
