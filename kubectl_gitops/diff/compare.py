"""Comparison: where an object differs from what Git declares.

There are no rules of normalisation here. A declared object is compared in its canonical form, which
is what the API server itself answered when it was applied (see :func:`canonical_of`), so plain
equality is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kubectl_gitops.diff.fieldset import EMPTY, FieldSet, all_fields, our_fields_v1, project
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
    if not fields_v1:
        return Canonical({}, {})
    fields = FieldSet.parse(fields_v1)
    return Canonical(_without_others(project(answer, fields), fields, all_fields(answer)), fields_v1)


def _without_others(tree: Any, fields: FieldSet, owned: FieldSet) -> Any:
    """``tree`` without what others put into maps and lists that we declare empty.

    ``emptyDir: {}`` is a leaf in our field set, as an atomic map is; but nobody ever owns a part of an atomic one.
    """
    if fields.is_leaf:
        return type(tree)() if owned.children and isinstance(tree, dict | list) else tree
    if isinstance(tree, dict):
        return {
            name: _without_others(value, fields.children[name], owned.children.get(name, _LEAF))
            if name in fields.children
            else value
            for name, value in tree.items()
        }
    if isinstance(tree, list):
        return [_item_without_others(item, fields, owned) for item in tree]
    return tree


def _item_without_others(item: Any, fields: FieldSet, owned: FieldSet) -> Any:
    for element, sub in fields.children.items():
        if isinstance(element, ItemKey) and element.matches(item):
            rest = _without_others(item, sub, owned.children.get(element, _LEAF))
            return {**rest, **dict(element.pairs)} if isinstance(rest, dict) else rest
    return item


def compare(desired: Any, live: Any, fields: FieldSet) -> Iterator[FieldChange]:
    """Every path of ``fields`` at which the object ``live`` is not as ``desired``, in the order of the field set.

    The highest path that differs as a whole is reported once: a container that is gone is one change,
    not one for each of its fields. The order of items in associative lists and sets means nothing.

    What others put into a map that we declare empty is no difference; the managed fields of ``live`` tell that it is
    theirs. Without any, which a reset leaves, it counts, for the map may be atomic.

    ``desired`` is a canonical form, or a whole object, which is taken at its word: what it leaves out is not there.
    """
    owned: FieldSet | None = None
    is_whole = "name" in desired.get("metadata", {})
    for change in _differing(desired, live, fields, ()) if is_whole else differing(desired, live, fields):
        if _may_be_declared_empty(change):
            owned = owned or all_fields(live)
            node = owned.at(change.path)
            if _is_never_atomic(change.path, live) or (node is not None and node.children):
                continue
        yield change


def differing(tree: dict[str, Any], live: dict[str, Any], fields: FieldSet) -> Iterator[FieldChange]:
    """Like :func:`compare`, by values alone: ``tree`` is the projection of what an apply makes of ``live``.

    The API server leaves out what is declared empty, so a declared field that it leaves out is an empty one.
    """
    for change in _differing(tree, live, fields, ()):
        desired = _empty(change.live) if change.desired is ABSENT else change.desired
        if not same(desired, change.live):
            yield FieldChange(change.path, desired, change.live)


def _differing(desired: Any, live: Any, fields: FieldSet, prefix: FieldPath) -> Iterator[FieldChange]:
    for element, sub in fields.children.items():
        wanted, found = step(desired, element), step(live, element)
        path = (*prefix, element)
        if sub.is_leaf:
            if not same(wanted, found):
                yield FieldChange(path, wanted, found)
        elif not _comparable(wanted, found):
            yield FieldChange(path, wanted, found)
        else:
            yield from _differing(wanted, found, sub, path)


def _empty(found: Any) -> Any:
    """The empty value of the same type."""
    return type(found)() if isinstance(found, dict | list | str | bool | int | float) else ABSENT


def _is_never_atomic(path: FieldPath, live: dict[str, Any]) -> bool:
    """What needs no managed fields to tell: metadata of all kinds, and data of Secrets and ConfigMaps.

    The API server itself puts something into them that nobody owns: an annotation, or what was applied as stringData.
    """
    return path[0] == "metadata" or (path == ("data",) and live.get("apiVersion") == "v1")


def _may_be_declared_empty(change: FieldChange) -> bool:
    """Whether a leaf is a map or list with another content; null stands for an empty one."""
    return _comparable(change.desired, change.live) or (change.desired is None and isinstance(change.live, dict | list))


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


def covers(fields: FieldSet, declared: Any, schema: FieldSet) -> bool:
    """Whether a field set owns exactly what ``declared`` declares: nothing not yet ours, nothing stale.

    Judged at the level of maps and keyed items; identity (apiVersion, kind, name, namespace) is never owned. ``schema``
    is as in :func:`is_subset`: a leaf of ours of which somebody owns a part was declared empty.
    """
    if fields.is_leaf:
        return not schema.children or not declared
    if isinstance(declared, dict):
        names = {name for name in fields.children if isinstance(name, str)}
        return names == declared.keys() and all(
            covers(fields.children[name], declared[name], schema.children[name]) for name in names
        )
    if isinstance(declared, list):
        return len(fields.children) == len(declared) and all(
            any(_covers_item(element, sub, item, schema.children[element]) for item in declared)
            for element, sub in fields.children.items()
        )
    return True


def _covers_item(element: Any, fields: FieldSet, item: Any, schema: FieldSet) -> bool:
    if isinstance(element, ItemKey):
        return element.matches(item) and covers(fields, item, schema)
    return isinstance(element, SetMember) and same(element.value, item)


def without_identity(obj: dict[str, Any]) -> dict[str, Any]:
    """The object without what a field set never holds: apiVersion, kind, metadata.name and .namespace."""
    rest = {name: value for name, value in obj.items() if name not in {"apiVersion", "kind"}}
    metadata = {name: value for name, value in obj.get("metadata", {}).items() if name not in {"name", "namespace"}}
    rest.pop("metadata", None)
    if metadata:
        rest["metadata"] = metadata
    return rest
