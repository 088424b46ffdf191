"""What has become of a GitSync, told by what its status said before and says now. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kubectl_gitops.api.objects import Object
from kubectl_gitops.reconciler.history import FAILED


@dataclass(frozen=True, slots=True)
class Change:
    """``reason`` is one of REASONS; ``message`` a sentence, without any value of a Secret, as the status has none.

    ``revision`` is the commit that it is about, "" where it is about none: that Git cannot be reached, say.
    """

    reason: str
    message: str
    revision: str = ""

    @property
    def is_warning(self) -> bool:
        """Whether a person should look."""
        return REASONS[self.reason]


#: Each change there is, and whether it is a warning.
REASONS = {
    "Synced": False,
    "SyncFailed": True,
    "DriftFound": True,
    "DriftEnded": False,
    "Restored": False,
    "Suspended": False,
    "Resumed": False,
    "HealthDegraded": True,
    "HealthRecovered": False,
    "BreakGlassOpened": True,
    "BreakGlassEnded": False,
}


def changes_between(before: Object, after: Object) -> list[Change]:
    """The changes from one status to the next, in the order of REASONS' groups."""
    return [
        *_syncs(before, after),
        *_drifts(before, after),
        *_healths(before, after),
        *_break_glasses(before, after),
    ]


def _syncs(before: Object, after: Object) -> Iterator[Change]:
    old, new = _condition(before, "Synced"), _condition(after, "Synced")
    if new.get("reason") == "Suspended" and old.get("reason") != "Suspended":
        yield Change("Suspended", str(new["message"]))
    elif old.get("reason") == "Suspended" and new.get("reason") != "Suspended":
        yield Change("Resumed", str(new.get("message", "")))
    if new.get("status") == "False" and (old.get("status") != "False" or old.get("message") != new["message"]):
        yield Change("SyncFailed", str(new["message"]), _failed_revision(after))
    # The revision may have been told a moment before the condition, while the sync was about to end.
    if new.get("reason") == "Synced" and (
        old.get("status") == "False"
        or old.get("reason") == "Syncing"
        or _revision(before) != _revision(after)
        or not old
    ):
        yield Change("Synced", str(new["message"]), _revision(after))


def _drifts(before: Object, after: Object) -> Iterator[Change]:
    old, new = _condition(before, "Drifted"), _condition(after, "Drifted")
    if new.get("status") == "True" and old.get("status") != "True":
        rows = [f"{row['object']} {row.get('field', '')}".strip() for row in after.get("drift") or []]
        more = f", and {len(rows) - 3} more" if len(rows) > 3 else ""
        yield Change("DriftFound", f"{new['message']}: {', '.join(rows[:3])}{more}", _revision(after))
    restored, total = after.get("restored") or {}, (before.get("restored") or {}).get("total") or 0
    if (number := int(restored.get("total") or 0) - int(total)) > 0:
        others = f", and {number - 1} more before it" if number > 1 else ""
        yield Change("Restored", f"{restored['object']} was put back{others}")
    if new.get("status") == "False" and old.get("status") == "True":
        yield Change("DriftEnded", str(new["message"]), _revision(after))


def _healths(before: Object, after: Object) -> Iterator[Change]:
    old, new = _condition(before, "Healthy"), _condition(after, "Healthy")
    if new.get("status") == "False" and old.get("status") != "False":
        yield Change("HealthDegraded", str(new["message"]), _revision(after))
    elif new.get("status") == "True" and old.get("status") == "False":
        yield Change("HealthRecovered", str(new["message"]), _revision(after))


def _break_glasses(before: Object, after: Object) -> Iterator[Change]:
    """Of several at once the status tells of the one that ends last: another that ends sooner is no news."""
    old, new = before.get("breakGlass") or {}, after.get("breakGlass") or {}
    if new.get("open") and (not old.get("open") or str(new["until"]) > str(old["until"])):
        only = ", ".join(new["only"]) or "all objects"
        yield Change("BreakGlassOpened", f"{new['by']} may change {only} until {new['until']}: {new['reason']}")
    elif old.get("open") and not new.get("open"):
        what = "restored" if old.get("then") == "Restore" else "reported, and not restored"
        yield Change("BreakGlassEnded", f"the break-glass of {old['by']} has ended, drift is {what}: {old['reason']}")


def _condition(status: Object, kind: str) -> Object:
    found: Object = next((one for one in status.get("conditions") or [] if one["type"] == kind), {})
    return found


def _revision(status: Object) -> str:
    return str((status.get("synced") or {}).get("revision") or "")


def _failed_revision(status: Object) -> str:
    """The commit whose sync has failed; "" where it did not come to one, and nothing is wrong with the last."""
    last: Object = next(iter(status.get("history") or []), {})
    return str(last["revision"]) if last.get("result") == FAILED else ""
