"""Who set a field in the cluster, as metadata.managedFields tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubectl_gitops.diff.fieldset import FieldSet, managed_fields
from kubectl_gitops.diff.path import FieldPath


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOwner:
    """A field manager and when it last changed its set of fields (RFC 3339; "" where unknown)."""

    manager: str
    operation: str
    subresource: str
    time: str


def owner_of(live: dict[str, Any], path: FieldPath) -> FieldOwner | None:
    """The manager that last set the field at ``path``; for a field that is gone, None: nobody owns what is not there.

    Where several own it, the one that wrote last is named.
    """
    owners = [entry for entry in managed_fields(live) if _owns(FieldSet.parse(entry["fieldsV1"]), path)]
    if not owners:
        return None
    newest = max(owners, key=lambda entry: str(entry.get("time") or ""))
    return FieldOwner(
        manager=str(newest.get("manager") or "unknown"),
        operation=str(newest.get("operation") or ""),
        subresource=str(newest.get("subresource") or ""),
        time=str(newest.get("time") or ""),
    )


def _owns(fields: FieldSet, path: FieldPath) -> bool:
    """Whether the set owns the path, or something below it (a sub-tree that was replaced)."""
    if fields.contains(path):
        return True
    for element in path:
        child = fields.children.get(element)
        if child is None:
            return False
        fields = child
    return True
