"""Field sets: which paths of an object a manager owns, as ``metadata.managedFields`` tells.

The API server writes them as ``FieldsV1`` (k8s.io/apimachinery, meta/v1): a tree whose keys are
``f:<name>`` (a field), ``k:<json>`` (an item of an associative list), ``v:<json>`` (a member of a set),
``i:<n>`` (an index), and ``.`` (the node itself). That is schema enough for built-in kinds and CRDs
alike: what has no children was applied whole.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from kubectl_gitops.api.names import FIELD_MANAGER
from kubectl_gitops.diff.path import ABSENT, FieldPath, ItemKey, PathElement, SetMember, step


@dataclass(frozen=True, slots=True)
class FieldSet:
    """A set of paths. A node without children is a leaf: owned whole.

    ``owned`` says whether the node's own path is in the set (always, for a leaf; never, for the empty set).
    """

    children: dict[PathElement, FieldSet] = field(default_factory=dict)
    owned: bool = True

    @classmethod
    def parse(cls, fields_v1: dict[str, Any]) -> FieldSet:
        """Read FieldsV1 as JSON gives it. Raises ValueError on what is none."""
        # Thousands of objects have the same few field sets, and to parse one takes far longer than to write it down.
        return _parsed(orjson.dumps(fields_v1))

    @classmethod
    def of(cls, paths: Iterable[FieldPath]) -> FieldSet:
        """The set of exactly these paths."""
        result = EMPTY
        for path in paths:
            node = cls()
            for element in reversed(path):
                node = cls({element: node}, owned=False)
            result = result.union(node)
        return result

    @property
    def is_leaf(self) -> bool:
        return self.owned and not self.children

    def __bool__(self) -> bool:
        return bool(self.children)

    def leaves(self, prefix: FieldPath = ()) -> Iterator[FieldPath]:
        """The paths of all leaves."""
        if self.is_leaf:
            yield prefix
        for element, child in self.children.items():
            yield from child.leaves((*prefix, element))

    def paths(self, prefix: FieldPath = ()) -> Iterator[FieldPath]:
        """The paths of all nodes, owned or not, each before those below it: in the order of FieldsV1."""
        for element, child in self.children.items():
            path = (*prefix, element)
            yield path
            yield from child.paths(path)

    def at(self, path: FieldPath) -> FieldSet | None:
        """The node at a path, or None where nothing at it or below it is in the set."""
        node: FieldSet | None = self
        for element in path:
            node = node.children.get(element) if node is not None else None
        return node

    def contains(self, path: FieldPath) -> bool:
        """Whether this set owns the path itself, or it lies below an owned leaf."""
        node = self
        for element in path:
            if node.is_leaf and node is not self:
                return True
            child = node.children.get(element)
            if child is None:
                return False
            node = child
        return node.owned

    def union(self, other: FieldSet) -> FieldSet:
        """All paths of both."""
        if self.is_leaf or other.is_leaf:
            return FieldSet({**self.children, **other.children}, owned=self.owned or other.owned)
        merged = dict(self.children)
        for element, child in other.children.items():
            mine = merged.get(element)
            merged[element] = child if mine is None else mine.union(child)
        return FieldSet(merged, self.owned or other.owned)


EMPTY = FieldSet({}, owned=False)


@functools.lru_cache(maxsize=1024)
def _parsed(fields_v1: bytes) -> FieldSet:
    return _parse(orjson.loads(fields_v1))


def _parse(fields_v1: dict[str, Any]) -> FieldSet:
    try:
        children = {path_element(name): _parse(sub) for name, sub in fields_v1.items() if name != "."}
    except (AttributeError, TypeError) as exc:  # no map, or a key that is none
        raise ValueError("not FieldsV1") from exc
    return FieldSet(children, not children or "." in fields_v1)


@functools.lru_cache(maxsize=4096)
def path_element(name: str) -> PathElement:
    """The element of a path that a key of FieldsV1 stands for (not ``.``). Raises ValueError on what is none."""
    kind, colon, rest = name.partition(":")
    if not colon:
        raise ValueError(f"not a FieldsV1 key: {name!r}")
    match kind:
        case "f":
            return rest
        case "k":
            return ItemKey(tuple(sorted(orjson.loads(rest).items())))
        case "v":
            return SetMember(orjson.loads(rest))
        case "i":
            return int(rest)
    raise ValueError(f"not a FieldsV1 key: {name!r}")


def managed_fields(obj: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of metadata.managedFields that hold a field set; [] where there are none.

    An object whose managedFields were reset carries ``[{}]``.
    """
    entries = obj.get("metadata", {}).get("managedFields") or []
    return [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("fieldsV1"), dict)]


def our_fields_v1(obj: dict[str, Any], manager: str = FIELD_MANAGER) -> dict[str, Any] | None:
    """The FieldsV1 that ``manager`` owns by server-side apply, or None where it never applied the object."""
    for entry in managed_fields(obj):
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            fields: dict[str, Any] = entry["fieldsV1"]
            return fields
    return None


def all_fields(obj: dict[str, Any]) -> FieldSet:
    """Every path that any manager owns: the nearest thing to a schema that a live object carries."""
    return union(FieldSet.parse(entry["fieldsV1"]) for entry in managed_fields(obj))


def union(sets: Iterable[FieldSet]) -> FieldSet:
    """All paths of all sets; EMPTY of none."""
    result = EMPTY
    for one in sets:
        result = one if result is EMPTY else result.union(one)
    return result


def beyond(fields: FieldSet, others: FieldSet | None, prefix: FieldPath = ()) -> Iterator[FieldPath]:
    """The paths that ``fields`` has and ``others`` has not; a list item of which it has nothing is one path.

    What lies below a leaf of ``others`` is not beyond it: that was set whole.
    """
    for element, child in fields.children.items():
        path = (*prefix, element)
        theirs = others.children.get(element) if others is not None else None
        if theirs is not None and theirs.is_leaf:
            continue
        if theirs is None and (child.is_leaf or (isinstance(element, ItemKey) and child.owned)):
            yield path
        elif not child.is_leaf:
            yield from beyond(child, theirs, path)


def project(obj: Any, fields: FieldSet) -> Any:
    """The sub-tree of ``obj`` at the paths of ``fields``; ABSENT where none of them is there.

    Items of associative lists keep their keys, owned or not, so that the result can be compared and
    applied by itself. Values are shared with ``obj``, not copied.
    """
    if fields.is_leaf:
        return obj
    if isinstance(obj, dict):
        found = ((name, project(step(obj, name), sub)) for name, sub in fields.children.items() if name in obj)
        return {name: value for name, value in found if value is not ABSENT}
    if isinstance(obj, list):
        items = [_project_item(item, fields) for item in obj]
        return [item for item in items if item is not ABSENT]
    return obj


def _project_item(item: Any, fields: FieldSet) -> Any:
    for element, sub in fields.children.items():
        match element:
            case ItemKey(pairs) if element.matches(item):
                kept = project(item, sub)
                return {**dict(pairs), **kept} if isinstance(kept, dict) else kept
            case SetMember() if step([item], element) is not ABSENT:
                return item
    return ABSENT
