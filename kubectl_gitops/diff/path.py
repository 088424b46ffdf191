"""Paths to fields, list keys included, and how people read them.

A path is a tuple of elements: a field name (``str``), a list index (``int``), the key of an item in
an associative list (:class:`ItemKey`), or a member of a set (:class:`SetMember`). It is what the API
server writes in ``FieldsV1`` as ``f:``, ``i:``, ``k:`` and ``v:``
(sigs.k8s.io/structured-merge-diff, fieldpath/serialize-pe.go).
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import orjson

Scalar = str | int | float | bool | None


class Absent:
    """The value of a field that is not there; unlike None, which JSON can hold."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


class ItemKey(NamedTuple):
    """The key of one item of an associative list: ``(("containerPort", 80), ("protocol", "TCP"))``."""

    pairs: tuple[tuple[str, Scalar], ...]

    def matches(self, item: Any) -> bool:
        """Whether a list item has this key."""
        return isinstance(item, dict) and all(same(item.get(name, ABSENT), value) for name, value in self.pairs)


class SetMember(NamedTuple):
    """A member of a list that is a set, by its value."""

    value: Scalar


PathElement = str | int | ItemKey | SetMember
FieldPath = tuple[PathElement, ...]

_PLAIN_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")


def format_path(path: FieldPath) -> str:
    """``spec.template.spec.containers[name=web].image``; names that are no words go in brackets.

    >>> format_path(("metadata", "labels", "app.kubernetes.io/name"))
    'metadata.labels[app.kubernetes.io/name]'
    """
    parts: list[str] = []
    for element in path:
        match element:
            case ItemKey(pairs):
                parts.append("[" + ",".join(f"{name}={_scalar(value)}" for name, value in pairs) + "]")
            case SetMember(value):
                parts.append(f"[={_scalar(value)}]")
            case int():
                parts.append(f"[{element}]")
            case str() if _PLAIN_NAME.fullmatch(element):
                parts.append(f".{element}" if parts else element)
            case str():
                parts.append(f"[{element}]")
    return "".join(parts)


def _scalar(value: Scalar) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def same(left: Any, right: Any) -> bool:
    """Equality of JSON values: like ``==``, but ``true`` is not ``1``, at any depth."""
    if isinstance(left, dict):
        return isinstance(right, dict) and left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list):
        return (
            isinstance(right, list)
            and len(left) == len(right)
            and all(same(a, b) for a, b in zip(left, right, strict=True))
        )
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def lookup(obj: Any, path: FieldPath) -> Any:
    """The value at a path, or ABSENT. Of several items with the same key, all of them, as a list."""
    for element in path:
        obj = step(obj, element)
        if obj is ABSENT:
            return ABSENT
    return obj


def step(obj: Any, element: PathElement) -> Any:
    """The child of ``obj`` that a path element names, or ABSENT."""
    match element:
        case str():
            return obj.get(element, ABSENT) if isinstance(obj, dict) else ABSENT
        case int():
            return obj[element] if isinstance(obj, list) and element < len(obj) else ABSENT
        case ItemKey():
            found = [item for item in obj if element.matches(item)] if isinstance(obj, list) else []
            # Duplicates are legal in live lists (`env`); as a list they equal no declared item.
            return ABSENT if not found else found[0] if len(found) == 1 else found
        case SetMember(value):
            found = [item for item in obj if same(item, value)] if isinstance(obj, list) else []
            return found[0] if found else ABSENT
