"""Where the values of a file stand that SOPS has encrypted, so that each can be replaced and all others stay.

Lines stay lines: what is decrypted has every object and field on the line that the encrypted file has it on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

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

from kubectl_gitops.source import scalars
from kubectl_gitops.source.json_text import decode as decode_json
from kubectl_gitops.source.sops_value import Plain, mac_of_json, mac_of_yaml

METADATA_FIELD = "sops"
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_DASH = re.compile(r"-[ \t]*\Z")
_NOT_ASCII_TEXT = re.compile(r"[^ !#-\[\]-~]")


class Unsupported(ValueError):
    """SOPS writes no such thing; the message says what it is."""


@dataclass(slots=True)
class Leaf:
    """A scalar. ``place`` is the keys that lead to it, ``mac`` what it adds to the MAC unless it is encrypted."""

    place: tuple[str, ...]
    start: int
    end: int
    value: Any
    mac: bytes


@dataclass(slots=True)
class Document:
    """``metadata`` is the span of the block that SOPS has added, with its key."""

    in_json: bool = False
    leaves: list[Leaf] = field(default_factory=list)
    metadata: tuple[int, int] | None = None
    #: Whether commas stand around that block.
    metadata_in_flow: bool = False


@dataclass(slots=True)
class _Open:
    """A mapping or sequence that is being read. ``key`` is None where a key comes next, and in sequences."""

    is_mapping: bool
    in_flow: bool
    key: str | None = None


class _Reader:
    """Puts together what the events or tokens of one document say."""

    def __init__(self, *, in_json: bool) -> None:
        self.document = Document(in_json=in_json)
        self._stack: list[_Open] = []
        self._begin = self._last = 0

    @property
    def wants_key(self) -> bool:
        return bool(self._stack) and self._stack[-1].is_mapping and self._stack[-1].key is None

    @property
    def depth(self) -> int:
        return len(self._stack)

    def key(self, name: str, start: int, end: int) -> None:
        self._stack[-1].key = name
        self._last = end
        if len(self._stack) == 1 and name == METADATA_FIELD:
            self._begin = start

    def open(self, *, is_mapping: bool, in_flow: bool) -> None:
        self._stack.append(_Open(is_mapping, in_flow))

    def close(self, end: int) -> None:
        if self._stack.pop().in_flow:
            self._last = end
        self._ended()

    def leaf(self, start: int, end: int, value: Any, mac: bytes) -> None:
        self._last = end
        if not self._in_metadata():
            place = tuple(one.key for one in self._stack if one.key is not None)
            self.document.leaves.append(Leaf(place, start, end, value, mac))
        self._ended()

    def _in_metadata(self) -> bool:
        return bool(self._stack) and self._stack[0].key == METADATA_FIELD

    def _ended(self) -> None:
        """A value is complete."""
        if not self._stack:
            return
        if len(self._stack) == 1 and self._in_metadata():
            self.document.metadata = (self._begin, self._last)
            self.document.metadata_in_flow = self._stack[0].in_flow
        self._stack[-1].key = None


def yaml_documents(text: str) -> Iterator[Document]:
    """The documents of YAML that the reader of manifests could read. Raises Unsupported, yaml.YAMLError."""
    next_event: Callable[[], Any] = yaml.CBaseLoader(text).get_event
    reader = _Reader(in_json=False)
    while type(event := next_event()) is not StreamEndEvent:
        start, end = event.start_mark.index, event.end_mark.index
        match event:
            case DocumentStartEvent():
                reader = _Reader(in_json=False)
            case MappingStartEvent() | SequenceStartEvent():
                if reader.wants_key:
                    raise Unsupported("a key that is no string")
                reader.open(is_mapping=type(event) is MappingStartEvent, in_flow=bool(event.flow_style))
            case MappingEndEvent() | SequenceEndEvent():
                reader.close(end)
                if not reader.depth:
                    yield reader.document
            case AliasEvent():
                raise Unsupported("an alias")
            case ScalarEvent() if reader.wants_key:
                reader.key(event.value, start, end)
            case ScalarEvent():
                quoted = bool(event.style)
                reader.leaf(start, end, event.value, mac_of_yaml(event.value, tag=event.tag, quoted=quoted))
                if not reader.depth:
                    yield reader.document


def json_document(text: str) -> Document:
    """The document of JSON that the reader of manifests could read, and that is an object."""
    reader = _Reader(in_json=True)
    for token in _JSON_TOKEN.finditer(text):
        start, end = token.span()
        match token[0]:
            case "{" | "[":
                reader.open(is_mapping=token[0] == "{", in_flow=True)
            case "}" | "]":
                reader.close(end)
            case ":" | ",":
                pass
            case word if reader.wants_key:
                reader.key(decode_json(word), start, end)
            case word:
                value: scalars.Scalar = json.loads(word)
                reader.leaf(start, end, value, mac_of_json(value))
    return reader.document


def replaced(text: str, documents: list[Document], plain: dict[int, Plain]) -> str:
    """``text`` without what SOPS has added; ``plain`` has by its start what each leaf that was encrypted holds.

    Raises Unsupported, UnicodeDecodeError.
    """
    edits: list[tuple[int, int, str]] = []
    for document in documents:
        edits += [
            _edit(text, leaf, plain[leaf.start], in_json=document.in_json)
            for leaf in document.leaves
            if leaf.start in plain
        ]
        if document.metadata is not None:
            begin, end = _with_comma(text, *document.metadata) if document.metadata_in_flow else document.metadata
            edits.append((begin, end, ""))
    parts, position = [], 0
    for begin, end, new in sorted(edits):
        parts += [text[position:begin], new, "\n" * text.count("\n", begin, end)]
        position = end
    return "".join([*parts, text[position:]])


def _edit(text: str, leaf: Leaf, plain: Plain, *, in_json: bool) -> tuple[int, int, str]:
    if plain.kind == "comment":
        # SOPS has made an item of a comment that stood between the items of a list.
        dash = _DASH.search(text, max(0, leaf.start - 80), leaf.start)
        if in_json or dash is None:
            raise Unsupported("a comment among values in brackets")
        return dash.start(), leaf.end, "#"
    return leaf.start, leaf.end, _written(plain, in_json=in_json)


def _written(plain: Plain, *, in_json: bool) -> str:
    text = plain.text
    match plain.kind:
        case "int":
            return str(int(text))
        case "float":
            float(text)
            return text
        case "bool":
            return "true" if text.lower() in {"true", "t", "1"} else "false"
    return json.dumps(text) if in_json else f'"{_NOT_ASCII_TEXT.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _with_comma(text: str, begin: int, end: int) -> tuple[int, int]:
    """The span, and one comma before or after it."""
    before = begin
    while before and text[before - 1].isspace():
        before -= 1
    if before and text[before - 1] == ",":
        return before - 1, end
    after = end
    while after < len(text) and text[after].isspace():
        after += 1
    return (begin, after + 1) if text[after : after + 1] == "," else (begin, end)
