"""Comparison: where an object differs from what Git declares.

There are no rules of normalisation here. A declared object is compared in its canonical form, which
is what the API server itself answered when it was applied (see :func:`canonical_of`), so plain
equality is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kubectl_gitops.diff.fieldset import EMPTY, FieldSet, our_fields_v1, project
from kubectl_gitops.diff.path import ABSENT, FieldPath, ItemKey, SetMember, same, step


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs: what Git says, and what is there. Either may be ABSENT."""

    path: FieldPath
    desired: Any
    live: Any


@dataclass(frozen=True, slots=True)
class Canonical:
    """A declared object as the API server understands it.

    ``tree`` holds exactly the fields that we declare, with the server's defaulting, quantities and
    conversions done; ``fields_v1`` is their field set as the server wrote it.
    """

    tree: dict[str, Any]
    fields_v1: dict[str, Any]

    @property
    def fields(self) -> FieldSet:
        return FieldSet.parse(self.fields_v1) if self.fields_v1 else EMPTY


def canonical_of(answer: dict[str, Any]) -> Canonical:
    """The canonical form in the API server's answer to our server-side apply (dry-run or not).

    An object that declares nothing but its name has no field set, and so an empty form.
    """
    fields_v1 = our_fields_v1(answer) or {}
    return Canonical(project(answer, FieldSet.parse(fields_v1)), fields_v1) if fields_v1 else Canonical({}, {})


def compare(desired: Any, live: Any, fields: FieldSet, prefix: FieldPath = ()) -> Iterator[FieldChange]:
    """Every path of ``fields`` at which ``live`` is not as ``desired``, in the order of the field set.

    The highest path that differs as a whole is reported once: a container that is gone is one change,
    not one for each of its fields. The order of items in associative lists and sets means nothing.
    """
    if fields.is_leaf:
        if not same(desired, live):
            yield FieldChange(prefix, desired, live)
        return
    for element, sub in fields.children.items():
        wanted, found = step(desired, element), step(live, element)
        path = (*prefix, element)
        if sub.is_leaf:
            if not same(wanted, found):
                yield FieldChange(path, wanted, found)
        elif not _comparable(wanted, found):
            yield FieldChange(path, wanted, found)
        else:
            yield from compare(wanted, found, sub, path)


def _comparable(wanted: Any, found: Any) -> bool:
    """Whether both are maps or both are lists, so that a difference lies deeper."""
    return (isinstance(wanted, dict) and isinstance(found, dict)) or (
        isinstance(wanted, list) and isinstance(found, list)
    )


def is_subset(declared: Any, live: Any, schema: FieldSet) -> bool:
    """Whether applying ``declared`` would change no value of ``live``, as far as can be told without asking.

    False means "ask the API server", not "different". ``schema`` is :func:`fieldset.all_fields` of ``live``: it tells
    which lists have keys, and which maps and lists are atomic: what has no children there must be equal as a whole.
    """
    if schema.is_leaf:
        return same(declared, live)
    if isinstance(declared, dict):
        return isinstance(live, dict) and all(
            name in live and is_subset(value, live[name], schema.children.get(name, _LEAF))
            for name, value in declared.items()
        )
    if isinstance(declared, list) and isinstance(live, list):
        return _is_sublist(declared, live, schema)
    return False


_LEAF = FieldSet()


def _is_sublist(declared: list[Any], live: list[Any], schema: FieldSet) -> bool:
    if any(isinstance(element, SetMember) for element in schema.children):
        return all(step(live, SetMember(value)) is not ABSENT for value in declared) and _distinct(declared)
    matched: set[int] = set()
    for item in declared:
        found = [
            (index, sub)
            for key, sub in schema.children.items()
            if isinstance(key, ItemKey) and _names(key, item, sub)
            for index, candidate in enumerate(live)
            if key.matches(candidate)
        ]
        # Not found: new, or only the server can tell its key. Found twice: duplicates, which only the server can judge.
        if len(found) != 1 or found[0][0] in matched:
            return False
        matched.add(found[0][0])
        if not is_subset(item, live[found[0][0]], found[0][1]):
            return False
    return True


def _names(key: ItemKey, item: Any, owned: FieldSet) -> bool:
    """Whether a declared item is the one with this key, even if it leaves out a part of the key.

    A part that nobody set, though it is in the key, was filled in by the API server, and would be so again:
    ``protocol: TCP`` of a port.
    """
    return isinstance(item, dict) and all(
        same(item[name], value) if name in item else name not in owned.children for name, value in key.pairs
    )


def _distinct(values: list[Any]) -> bool:
    return len({repr(value) for value in values}) == len(values)


def covers(fields: FieldSet, declared: Any) -> bool:
    """Whether a field set owns exactly what ``declared`` declares: nothing not yet ours, nothing stale.

    Judged at the level of maps and keyed items; identity (apiVersion, kind, name, namespace) is never owned.
    """
    if fields.is_leaf:
        return True
    if isinstance(declared, dict):
        names = {name for name in fields.children if isinstance(name, str)}
        return names == declared.keys() and all(covers(fields.children[name], declared[name]) for name in names)
    if isinstance(declared, list):
        return len(fields.children) == len(declared) and all(
            any(_covers_item(element, sub, item) for item in declared) for element, sub in fields.children.items()
        )
    return True


def _covers_item(element: Any, fields: FieldSet, item: Any) -> bool:
    if isinstance(element, ItemKey):
        return element.matches(item) and covers(fields, item)
    return isinstance(element, SetMember) and same(element.value, item)


def without_identity(obj: dict[str, Any]) -> dict[str, Any]:
    """The object without what a field set never holds: apiVersion, kind, metadata.name and .namespace."""
    rest = {name: value for name, value in obj.items() if name not in {"apiVersion", "kind"}}
    metadata = {name: value for name, value in obj.get("metadata", {}).items() if name not in {"name", "namespace"}}
    rest.pop("metadata", None)
    if metadata:
        rest["metadata"] = metadata
    return rest
