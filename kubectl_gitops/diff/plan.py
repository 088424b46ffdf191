"""What a sync would do with each object, as data: the sync engine makes it, reports show it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kubectl_gitops.api.objects import Object, Origin, ResourceKey
from kubectl_gitops.diff.drift import DriftedField


class ActionKind(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    TAKE_OVER = "take over"  # its values are as declared already, but not ours
    RECREATE = "recreate"  # deleted and made again, as a field of it cannot be changed
    PRUNE = "prune"
    HOOK = "hook"  # made for this sync alone, and waited for
    ORPHAN = "orphan"  # no longer in Git, and left alone because pruning is off
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAction:
    """What is to be done with one object, or was, and why: the fields that differ.

    ``error`` holds the API server's words where it refuses, ``note`` what a person should know besides. ``desired``
    and ``live`` are as in :class:`~kubectl_gitops.diff.drift.ObjectDrift`; values of Secrets are masked in them and in
    ``fields``.
    """

    kind: ActionKind
    key: ResourceKey
    api_version: str
    origin: Origin | None
    fields: tuple[DriftedField, ...] = ()
    desired: Object | None = None
    live: Object | None = None
    error: str = ""
    note: str = ""
