"""The values of a file together with the lines that they are written on, for those who ask where a field is set.

Built from the text once more, so that reading manifests pays nothing for it. The values are those that
kubectl_gitops.source.manifest gives for the same text; only an alias is not copied here but leads to the
place where its content is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source import scalars
from kubectl_gitops.source.json_text import decode as decode_json
from kubectl_gitops.source.json_text import parse_json
from kubectl_gitops.source.lines import Lines
from kubectl_gitops.source.manifest import decode, paused_gc
from kubectl_gitops.source.yaml_text import MAX_ALIASED_VALUES, MAX_DEPTH, is_merge, resolve

_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')


class Child(NamedTuple):
    """What a mapping holds at a key, or a sequence at an index, and the line of the key or of the item."""

    line: int
    node: Node


@dataclass(slots=True)
class Node:
    """A value, and the lines that it is written on; of a mapping or sequence the first, and what it holds."""

    value: Any
    first: int
    last: int
    children: dict[str | int, Child] = field(default_factory=dict)


def read_tree(text: bytes, *, file: str) -> list[Node]:
    """The documents of a file; InvalidManifest where they cannot be read."""
    decoded = decode(text, file)
    with paused_gc():
        if decoded.lstrip().startswith("{") and parse_json(decoded, file) is not None:
            return list(_Json(decoded).documents())
        try:
            return list(_Yaml(decoded).documents())
        except (yaml.YAMLError, ValueError, RecursionError) as exc:
            raise InvalidManifest("this cannot be read as YAML", file=file) from exc


def lines_of(child: Child) -> frozenset[int]:
    """The lines that say what a key or item is: its own, and those of all that it holds, aliases followed."""
    lines, seen, pending = set[int](), set[int](), [child]
    while pending:
        line, node = pending.pop()
        lines.add(line)
        # What aliases stand for is there once, however often they refer to it.
        if id(node) not in seen:
            seen.add(id(node))
            lines.update(() if node.children else range(node.first, node.last + 1))
            pending.extend(node.children.values())
    return frozenset(lines)


class _Yaml:
    """Builds nodes from the events of libyaml. ValueError is raised for what reading manifests refuses with words."""

    def __init__(self, text: str) -> None:
        self._next: Callable[[], Any] = yaml.CBaseLoader(text).get_event
        self._lines = Lines(text)
        self._depth = 0
        self._merged = 0
        self._anchors: dict[str, Node] = {}

    def documents(self) -> Iterator[Node]:
        while type(event := self._next()) is not StreamEndEvent:
            if type(event) is DocumentStartEvent:
                self._anchors.clear()
                yield self._node(self._next())

    def _node(self, event: Any) -> Node:
        kind = type(event)
        if kind is AliasEvent:
            return self._alias(event)
        line = self._lines.of(event.start_mark)
        if kind is ScalarEvent:
            last = self._lines.last_of(event.start_mark.index, event.end_mark.index)
            node = Node(scalars.to_json(resolve(event)), line, last)
        else:
            node = self._collection(kind, line)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _collection(self, kind: type, line: int) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError("nested too deep")
        node = Node([], line, line)
        if kind is MappingStartEvent:
            self._fill_mapping(node)
        else:
            self._fill_sequence(node)
        self._depth -= 1
        return node

    def _fill_sequence(self, node: Node) -> None:
        while type(event := self._next()) is not SequenceEndEvent:
            child = Child(self._lines.of(event.start_mark), self._node(event))
            node.children[len(node.children)] = child
        node.value = [child.node.value for child in node.children.values()]

    def _fill_mapping(self, node: Node) -> None:
        while type(event := self._next()) is not MappingEndEvent:
            if is_merge(event):
                self._merge(node)
            else:
                key = self._key(event)
                node.children[key] = Child(self._lines.of(event.start_mark), self._node(self._next()))
        node.value = {key: child.node.value for key, child in node.children.items()}

    def _key(self, event: Any) -> str:
        if type(event) is ScalarEvent and event.anchor is None:
            return scalars.to_key(resolve(event))
        node = self._node(event)
        return scalars.to_key(resolve(event)) if type(event) is ScalarEvent else str(node.value)

    def _merge(self, into: Node) -> None:
        """The keys are where they are written, which is in the mapping that is merged."""
        event = self._next()
        node = self._node(event)
        sources = [child.node for child in node.children.values()] if type(event) is SequenceStartEvent else [node]
        self._merged += sum(len(source.children) for source in sources)
        if self._merged > MAX_ALIASED_VALUES:
            raise ValueError("too many merges")
        for source in reversed(sources):
            into.children.update(source.children)

    def _alias(self, event: Any) -> Node:
        if event.anchor not in self._anchors:
            raise ValueError("unknown anchor")
        return self._anchors[event.anchor]


class _Json:
    """Builds nodes from a stream of JSON documents that :func:`parse_json` could read."""

    def __init__(self, text: str) -> None:
        self._tokens = _JSON_TOKEN.finditer(text)
        self._lines = Lines(text)

    def documents(self) -> Iterator[Node]:
        for token in self._tokens:
            yield self._node(token)

    def _node(self, token: re.Match[str]) -> Node:
        line = self._lines.at(token.start())
        node = Node(None, line, line)
        match token[0]:
            case "{":
                self._fill_object(node)
            case "[":
                self._fill_array(node)
            case text:
                node.value = decode_json(text)
        return node

    def _fill_object(self, node: Node) -> None:
        while (token := next(self._tokens))[0] != "}":
            if token[0] == ",":
                continue
            next(self._tokens)
            child = Child(self._lines.at(token.start()), self._node(next(self._tokens)))
            node.children[decode_json(token[0])] = child
        node.value = {key: child.node.value for key, child in node.children.items()}

    def _fill_array(self, node: Node) -> None:
        while (token := next(self._tokens))[0] != "]":
            if token[0] != ",":
                child = Child(self._lines.at(token.start()), self._node(token))
                node.children[len(node.children)] = child
        node.value = [child.node.value for child in node.children.values()]
