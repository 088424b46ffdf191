"""What drift is: the kinds of it, and how one object is judged."""

from __future__ import annotations

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
    ORPHANED = "Orphaned"  # in the inventory, no longer in Git


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftedField:
    """One field with both sides' values and authors. Values of Secrets are masked before they come here."""

    path: FieldPath
    desired: Any
    live: Any
    owner: FieldOwner | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDrift:
    """One object that is not as Git says. ``fields`` is empty unless the kind is Modified.

    ``desired`` and ``live`` are the trees to show as a unified diff, at the fields that we declare.
    """

    kind: DriftKind
    key: ResourceKey
    api_version: str
    origin: Origin | None
    commit: Commit | None
    fields: tuple[DriftedField, ...] = ()
    desired: Object | None = None
    live: Object | None = None


def attribute(changes: list[FieldChange], live: dict[str, Any]) -> tuple[DriftedField, ...]:
    """Name, for each change, the manager that made it."""
    return tuple(
        DriftedField(path=c.path, desired=c.desired, live=c.live, owner=owner_of(live, c.path)) for c in changes
    )
