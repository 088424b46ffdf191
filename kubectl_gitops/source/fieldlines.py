"""Which line of a file sets a field of an object that it declares.

A field's line is that of its key, or of the list item. Where YAML shares content by an alias or a
merge, a field inside of it is set where the content is written, because that is the line to change;
the key or item that holds the alias itself is at its own line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kubectl_gitops.diff.path import ABSENT, FieldPath, ItemKey, PathElement, SetMember, same
from kubectl_gitops.source.declared import is_list
from kubectl_gitops.source.line_tree import Child, Node, lines_of, read_tree

#: What the API server fills in where the key of a list item leaves it out; of other parts any value is taken.
_DEFAULTED = {"protocol": "TCP"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldLine:
    """Where a field is set, or else its nearest ancestor that the file has.

    ``depth`` is how many elements of the path the file has, and ``exact`` whether these are all of them.
    ``lines`` are all that say what the field is: ``line``, and those of its value. ``value`` is what the
    file says there, ABSENT where it does not.
    """

    line: int
    depth: int
    exact: bool
    lines: frozenset[int]
    value: Any = field(default=ABSENT, repr=False)


class FieldLines:
    """The fields of the object that starts at ``line``; of several that start there, whichever has a field."""

    def __init__(self, nodes: list[Node], line: int) -> None:
        self._nodes = nodes
        self._line = line

    def find(self, path: FieldPath) -> FieldLine:
        found = (self._walk(node, spelled) for node in self._nodes for spelled in spellings(node.value, path))
        return max(found, key=lambda one: one.depth, default=self._nowhere())

    def line_of(self, path: FieldPath) -> int | None:
        """The line that sets the field at ``path``; None where no line of the file does."""
        found = self.find(path)
        return found.line if found.exact else None

    def _walk(self, root: Node, path: FieldPath) -> FieldLine:
        child = Child(self._line, root)
        keys = follow(root.value, path)
        for key in keys:
            child = child.node.children[key]
        if len(keys) < len(path):
            return FieldLine(line=child.line, depth=len(keys), exact=False, lines=frozenset({child.line}))
        return FieldLine(line=child.line, depth=len(keys), exact=True, lines=lines_of(child), value=child.node.value)

    def _nowhere(self) -> FieldLine:
        return FieldLine(line=self._line, depth=0, exact=False, lines=frozenset({self._line}))


class FileLines:
    """All objects of one file, read once; InvalidManifest if it cannot be."""

    def __init__(self, text: bytes, *, file: str) -> None:
        #: How many lines the file has, as git counts them.
        self.count = text.count(b"\n") + (not text.endswith(b"\n"))
        self._objects: dict[int, list[Node]] = {}
        for document in read_tree(text, file=file):
            for line, node in _objects(document, document.first):
                self._objects.setdefault(line, []).append(node)

    def at(self, line: int) -> FieldLines:
        """The object whose origin is ``line``. Where none is, its fields are nowhere but at that line."""
        return FieldLines(self._objects.get(line, []), line)


def field_lines(text: bytes, *, file: str, line: int) -> FieldLines:
    """The fields of one object of a file; for more of them, FileLines reads it only once."""
    return FileLines(text, file=file).at(line)


def spellings(obj: Any, path: FieldPath) -> tuple[FieldPath, ...]:
    """The paths at which a manifest may set what the API server has at ``path``, the one that counts first."""
    is_secret = isinstance(obj, dict) and obj.get("kind") == "Secret" and obj.get("apiVersion") == "v1"
    if not is_secret or path[:1] != ("data",):
        return (path,)
    other: FieldPath = ("stringData", *path[1:])
    return (other, path) if len(path) > 1 else (path, other)


def follow(value: Any, path: FieldPath) -> tuple[str | int, ...]:
    """``path`` as plain keys and indexes into ``value``, as far as it goes there."""
    found: list[str | int] = []
    for element in path:
        if (key := _key(value, element)) is None:
            break
        found.append(key)
        value = value[key]
    return tuple(found)


def _key(value: Any, element: PathElement) -> str | int | None:
    match element:
        case str():
            return element if isinstance(value, dict) and element in value else None
        case int():
            return element if isinstance(value, list) and 0 <= element < len(value) else None
        case ItemKey():
            return _item(value, element) if isinstance(value, list) else None
        case SetMember(member):
            items = value if isinstance(value, list) else []
            return next((index for index, item in enumerate(items) if same(item, member)), None)


def _item(items: list[Any], key: ItemKey) -> int | None:
    """The item with the most parts of ``key``; never one in which a part is another."""
    likeness = [_likeness(item, key) for item in items]
    best = max(likeness, default=0)
    return likeness.index(best) if best else None


def _likeness(item: Any, key: ItemKey) -> int:
    if not isinstance(item, dict):
        return 0
    if not all(same(item.get(name, _DEFAULTED.get(name, value)), value) for name, value in key.pairs):
        return 0
    return sum(name in item for name, _ in key.pairs)


def _objects(node: Node, line: int, *, has_own_line: bool = True) -> Iterator[tuple[int, Node]]:
    """Each object of a document and the line that is its origin: a List's items have theirs, but no deeper ones."""
    if not is_list(node.value):
        yield line, node
        return
    for child in node.children["items"].node.children.values():
        yield from _objects(child.node, child.line if has_own_line else line, has_own_line=False)
