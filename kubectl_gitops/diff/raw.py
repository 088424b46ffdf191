"""What can be told from a declaration as it stands in Git, where its canonical form is not known.

The schema is :func:`fieldset.all_fields` of the live object, as for :func:`compare.is_subset`: it tells which lists
have keys, and which maps and lists are atomic. What it does not know counts as atomic.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_gitops.diff.compare import FieldChange
from kubectl_gitops.diff.fieldset import FieldSet
from kubectl_gitops.diff.path import ABSENT, FieldPath, ItemKey, PathElement, SetMember, same, step

_LEAF = FieldSet()
#: What can be in a list key, or the member of a set.
_SCALAR = str | int | float | bool


def raw_changes(declared: Any, live: Any, schema: FieldSet, prefix: FieldPath = ()) -> Iterator[FieldChange]:
    """Every declared field that looks otherwise in ``live``; ``1000m`` and ``1`` do, though they mean the same."""
    if isinstance(declared, dict) and isinstance(live, dict) and (not schema.is_leaf or not declared):
        for name, value in declared.items():
            below = schema.children.get(name, _LEAF)
            yield from raw_changes(value, live.get(name, ABSENT), below, (*prefix, name))
    elif isinstance(declared, list) and isinstance(live, list) and not schema.is_leaf:
        elements = _elements(declared, schema)
        if elements is None:
            yield FieldChange(prefix, declared, live)
            return
        for element, item in elements.items():
            found, below = step(live, element), schema.children.get(element, _LEAF)
            yield from raw_changes(item, found, below, (*prefix, element))
    elif not same(declared, live):
        yield FieldChange(prefix, declared, live)


def declared_fields(declared: Any, schema: FieldSet) -> FieldSet:
    """The field set of what is declared. An empty map holds nothing: to declare one says only that it is there."""
    if isinstance(declared, dict) and (not schema.is_leaf or not declared):
        known = schema.children
        return FieldSet({name: declared_fields(sub, known.get(name, _LEAF)) for name, sub in declared.items()}, False)
    if not isinstance(declared, list) or schema.is_leaf:
        return _LEAF
    elements = _elements(declared, schema)
    if elements is None:
        return _LEAF
    below = {element: declared_fields(item, schema.children.get(element, _LEAF)) for element, item in elements.items()}
    return FieldSet({element: FieldSet(fields.children) for element, fields in below.items()}, False)


def _elements(declared: list[Any], schema: FieldSet) -> dict[PathElement, Any] | None:
    """The declared items by key, or the members of a set; None where they cannot be told apart."""
    is_set = any(isinstance(element, SetMember) for element in schema.children)
    keys = [element for element in schema.children if isinstance(element, ItemKey)]
    elements: dict[PathElement, Any] = {}
    for item in declared:
        element = _member_of(item) if is_set else _key_of(item, keys)
        if element is not None:
            elements[element] = item
    return elements if len(elements) == len(declared) else None


def _member_of(value: Any) -> SetMember | None:
    return SetMember(value) if isinstance(value, _SCALAR) else None


def _key_of(item: Any, keys: list[ItemKey]) -> ItemKey | None:
    """The one known key that a declared item can have; of a new one, as much as the item says itself."""
    if not isinstance(item, dict):
        return None
    fitting = [key for key in keys if all(same(item.get(name, value), value) for name, value in key.pairs)]
    if len(fitting) == 1:
        return fitting[0]
    names = sorted({name for key in keys for name, _ in key.pairs})
    said = tuple((name, item[name]) for name in names if isinstance(item.get(name), _SCALAR))
    return ItemKey(said) if said else None
