"""Leave to others what is theirs: what to apply where some fields may differ from what Git declares.

An apply with force would set such a field to Git's value, and whoever keeps it would set it back: a
HorizontalPodAutoscaler its target's replicas, for one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubectl_gitops.api.names import FIELD_MANAGER
from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.fieldset import FieldSet, managed_fields
from kubectl_gitops.diff.path import ABSENT, FieldPath, ItemKey, PathElement, SetMember, lookup, same


def yielded(declared: Object, paths: Iterable[FieldPath], live: Object) -> Object:
    """The declared object without the fields at ``paths``; with their live values where nobody else holds them.

    Not to declare a field that only we own would have the API server drop it, and fill in its default.
    """
    others = [
        FieldSet.parse(entry["fieldsV1"]) for entry in managed_fields(live) if entry.get("manager") != FIELD_MANAGER
    ]
    result: Any = declared
    for path in paths:
        is_held = any(fields.contains(path) for fields in others)
        result = _replaced(result, path, ABSENT if is_held else lookup(live, path))
    return declared if result is ABSENT else result


def _replaced(value: Any, path: FieldPath, new: Any) -> Any:
    """``value`` with what is at ``path`` replaced, or taken out where it is ABSENT. A copy, as far as it differs."""
    if not path:
        return new
    element, rest = path[0], path[1:]
    if isinstance(value, dict) and isinstance(element, str):
        if element not in value:
            return value
        sub = _replaced(value[element], rest, new)
        left = {name: one if name != element else sub for name, one in value.items() if name != element or _is(sub)}
        return left or ABSENT
    if isinstance(value, list) and not isinstance(element, str):
        return _replaced_in_list(value, element, rest, new)
    return value


def _replaced_in_list(items: list[Any], element: PathElement, rest: FieldPath, new: Any) -> Any:
    if isinstance(element, ItemKey) and len(rest) == 1 and rest[0] in dict(element.pairs):
        return items  # by this an item is known: it is nobody's to leave out alone
    left = [_replaced(item, rest, new) if _fits(item, index, element) else item for index, item in enumerate(items)]
    return [item for item in left if _is(item)] or ABSENT


def _fits(item: Any, index: int, element: PathElement) -> bool:
    match element:
        case ItemKey(pairs):  # a part of the key that is not declared is filled in by the API server
            return isinstance(item, dict) and all(same(item.get(name, value), value) for name, value in pairs)
        case SetMember(value):
            return same(item, value)
    return index == element


def _is(value: Any) -> bool:
    return value is not ABSENT
