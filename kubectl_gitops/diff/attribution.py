"""Who set a field: in the cluster, as metadata.managedFields tells, and in Git."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Origin
from kubectl_gitops.diff.fieldset import FieldSet, managed_fields
from kubectl_gitops.diff.path import FieldPath


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOwner:
    """A field manager and when it last changed its set of fields (RFC 3339; "" where unknown)."""

    manager: str
    operation: str
    subresource: str
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSource:
    """Where Git sets a field. ``origin`` has the line of its key or list item.

    ``commit`` is the newest of those that touched the lines of the field, its value's included (a long
    text has many); None where that is unknown, or ``uncommitted``: a change that only the work tree has.
    Unless ``exact``, the field is not in the file as the object has it (a patch or a transformer of a
    kustomization has set it, or a generator has made the object), and all this is said of its nearest
    ancestor that is.
    """

    origin: Origin
    commit: Commit | None
    exact: bool
    uncommitted: bool = False


class FieldOwners:
    """Who owns which fields of one live object. Field sets are parsed once, however many fields are asked about."""

    def __init__(self, live: dict[str, Any]) -> None:
        self._entries = [(owner_in(entry), FieldSet.parse(entry["fieldsV1"])) for entry in managed_fields(live)]

    def of(self, path: FieldPath) -> tuple[FieldOwner, ...]:
        """All managers that own the field at ``path``, or something below it; who wrote last comes first.

        Times are of whole seconds. Within one, whoever owns less comes first: who created the object owns all of it.
        """
        found = [(owner, fields) for owner, fields in self._entries if fields.at(path) is not None]
        if not found:
            # An atomic field is owned whole, so what lies below it is. A map looks the same once others have
            # taken over all of its keys: hence not where somebody owns the field itself.
            found = [(owner, fields) for owner, fields in self._entries if fields.contains(path)]
        if len(found) > 1:
            found.sort(key=lambda one: sum(1 for _ in one[1].leaves()))
            found.sort(key=lambda one: one[0].time, reverse=True)
        return tuple(owner for owner, _ in found)


def owner_of(live: dict[str, Any], path: FieldPath) -> FieldOwner | None:
    """The manager that last set the field at ``path``; for a field that is gone, None: nobody owns what is not there.

    Where several own it, the one that wrote last is named.
    """
    return next(iter(FieldOwners(live).of(path)), None)


def owner_in(entry: dict[str, Any]) -> FieldOwner:
    """The owner that an entry of managedFields stands for."""
    return FieldOwner(
        manager=str(entry.get("manager") or "unknown"),
        operation=str(entry.get("operation") or ""),
        subresource=str(entry.get("subresource") or ""),
        time=str(entry.get("time") or ""),
    )
