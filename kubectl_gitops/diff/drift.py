"""What drift is: the kinds of it, and how one object is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Object, Origin, ResourceKey
from kubectl_gitops.diff.attribution import FieldOwner, owner_of
from kubectl_gitops.diff.compare import FieldChange
from kubectl_gitops.diff.path import FieldPath


class DriftKind(StrEnum):
    MODIFIED = "Modified"  # a declared field has another value, or is gone
    MISSING = "Missing"  # a declared object is not there
    ADDED = "Added"  # a field that a person's client set, and Git does not declare
    ORPHANED = "Orphaned"  # in the inventory, no longer in Git
    STALE = "Stale"  # a field that our manager owns, and Git declares no longer
    UNOWNED = "Unowned"  # declared and there, but never taken over, or another GitSync's


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftedField:
    """One field with both sides' values and authors. Values of Secrets are masked before they come here.

    ``kind`` is Modified, Added or Stale. ``origin`` and ``commit`` are those of the line in Git that sets the field,
    where they are known more closely than the object's. ``ignored`` says by which rule it does not count; "" where
    it does. ``confirmed`` is False where only the API server could have told for sure, and was not or could not be
    asked.
    """

    path: FieldPath
    desired: Any
    live: Any
    owner: FieldOwner | None
    kind: DriftKind = DriftKind.MODIFIED
    origin: Origin | None = None
    commit: Commit | None = None
    ignored: str = ""
    confirmed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDrift:
    """One object that is not as Git says. ``fields`` is empty where the whole object is the matter.

    ``kind`` is the gravest of its fields' kinds, or the object's own. ``note`` says what else a person should know:
    with whom an object is disputed, or why it could not be judged for sure. ``desired`` and ``live`` are the trees
    to show as a unified diff, at the fields that we declare.
    """

    kind: DriftKind
    key: ResourceKey
    api_version: str
    origin: Origin | None
    commit: Commit | None
    fields: tuple[DriftedField, ...] = ()
    desired: Object | None = None
    live: Object | None = None
    note: str = ""

    @property
    def is_restorable(self) -> bool:
        """Whether applying what Git declares mends any of it. What was added is left by that, and so what is owed."""
        return self.kind not in {DriftKind.ADDED, DriftKind.ORPHANED}


#: The graver first.
_GRAVITY = (DriftKind.MODIFIED, DriftKind.STALE, DriftKind.ADDED)


def gravest(fields: Iterable[DriftedField]) -> DriftKind:
    """The kind of an object by those of its fields, of which there is at least one."""
    return min((one.kind for one in fields), key=_GRAVITY.index)


def attribute(
    changes: list[FieldChange],
    live: dict[str, Any],
    origin_of: Callable[[FieldPath], Origin | None] = lambda _: None,
) -> tuple[DriftedField, ...]:
    """Name, for each change, the manager that made it, and where Git sets the field as far as ``origin_of`` knows."""
    return tuple(
        DriftedField(
            path=c.path, desired=c.desired, live=c.live, owner=owner_of(live, c.path), origin=origin_of(c.path)
        )
        for c in changes
    )
