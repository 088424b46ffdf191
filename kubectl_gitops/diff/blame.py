"""A live object field by field: each with its value and who set it, in the cluster and in Git. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.attribution import FieldOwner, FieldOwners, FieldSource
from kubectl_gitops.diff.compare import FieldChange
from kubectl_gitops.diff.fieldset import EMPTY, FieldSet, all_fields
from kubectl_gitops.diff.path import ABSENT, FieldPath, ItemKey, PathElement, SetMember, lookup, same

#: Stands above the fields of an object, and is nobody's.
_IDENTITY: frozenset[FieldPath] = frozenset(
    {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")}
)
_HIDDEN: frozenset[FieldPath] = _IDENTITY | {("metadata", "managedFields")}


@dataclass(frozen=True, slots=True, kw_only=True)
class BlamedField:
    """One field, and both sides' authors. Values of Secrets are masked before they come here.

    ``position`` is the path with the index of each list item instead of its key or value. ``owners`` are all field
    managers that own it, who wrote last first; none of what the API server filled in. ``desired`` counts where the
    field ``differs``, and may be ABSENT then; ``live`` is ABSENT where the field is gone.
    """

    path: FieldPath
    position: FieldPath
    live: Any
    owners: tuple[FieldOwner, ...] = ()
    source: FieldSource | None = None
    differs: bool = False
    desired: Any = ABSENT


def blamed_fields(live: Object, changes: Iterable[FieldChange] = ()) -> list[BlamedField]:
    """Every field of a live object but its identity, as deep as anybody owns it, in the object's own order.

    A list item has its key in the path where the API server knows it by one. ``changes`` are where Git says
    otherwise: a field at or below one differs, and one that is gone is listed, too.
    """
    owners = FieldOwners(live)
    rows = [
        BlamedField(path=path, position=position, live=value, owners=owners.of(path))
        for path, position, value in _leaves(live, all_fields(live), (), ())
    ]
    for change in changes:
        rows = _marked(rows, change)
    return rows


def _leaves(
    value: Any, fields: FieldSet, path: FieldPath, position: FieldPath
) -> Iterator[tuple[FieldPath, FieldPath, Any]]:
    if path in _HIDDEN:
        return
    is_whole = fields.is_leaf or not value
    if isinstance(value, dict) and not is_whole:
        for name, child in value.items():
            yield from _leaves(child, fields.children.get(name, EMPTY), (*path, name), (*position, name))
    elif isinstance(value, list) and not is_whole and fields.children:
        for index, item in enumerate(value):
            element, sub = _element_of(item, index, fields)
            yield from _leaves(item, sub, (*path, element), (*position, index))
    else:
        yield path, position, value


def _element_of(item: Any, index: int, fields: FieldSet) -> tuple[PathElement, FieldSet]:
    for element, sub in fields.children.items():
        match element:
            case ItemKey() if element.matches(item):
                return element, sub
            case SetMember(value) if same(value, item):
                return element, sub
    return index, fields.children.get(index, EMPTY)


def _marked(rows: list[BlamedField], change: FieldChange) -> list[BlamedField]:
    """The rows with those at or below the change marked; a field that is gone becomes a row beside its nearest."""
    depth = len(change.path)
    if any(row.path[:depth] == change.path for row in rows):
        return [_at(row, change) if row.path[:depth] == change.path else row for row in rows]
    gone = BlamedField(path=change.path, position=change.path, live=change.live, differs=True, desired=change.desired)
    likeness = [_common(row.path, change.path) for row in rows]
    nearest = max(likeness, default=0)
    place = len(rows) - likeness[::-1].index(nearest) if nearest else len(rows)
    return [*rows[:place], gone, *rows[place:]]


def _at(row: BlamedField, change: FieldChange) -> BlamedField:
    """The row as the change tells of it: of a whole map that differs, some fields may be the same."""
    rest = row.path[len(change.path) :]
    desired, live = _inside(change.desired, rest), _inside(change.live, rest)
    return replace(row, live=live, desired=desired, differs=not same(desired, live))


def _inside(value: Any, path: FieldPath) -> Any:
    return ABSENT if value is ABSENT else lookup(value, path)


def _common(left: FieldPath, right: FieldPath) -> int:
    return next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
