"""YAML text becomes plain values, exactly as kubectl reads it.

The tree is built here from the events of libyaml, not by PyYAML's constructors (which read other
values than kubectl does) nor by its C composer (which recurses, so that deep nesting crashes the
process). Depth and aliases are bounded while building, so hostile text costs no more than its size.

Stricter than kubectl on purpose: a key that is set twice is refused, and so is a document that kubectl
would pass over in silence (one that follows ``...`` without ``---``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

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
from kubectl_gitops.source.document import ParsedDocument
from kubectl_gitops.source.lines import Lines
from kubectl_gitops.source.variables import BadReference, SecretText, UnknownVariable

_T = TypeVar("_T")
#: Gives a scalar's text with its variables replaced; raises BadReference.
Substitute = Callable[[str], str]

#: Deeper than any manifest; less than what orjson writes (254) and what Python's stack holds.
MAX_DEPTH = 128
#: How many values aliases may stand for in one file; go-yaml stops in the same region.
MAX_ALIASED_VALUES = 400_000

_UNFINISHED = object()
#: The document itself is at depth 1, the values of its keys at 2.
_ITEMS_DEPTH = 2


def parse_yaml(text: str, file: str, substitute: Substitute | None = None) -> list[ParsedDocument]:
    """The documents of ``text`` that are not empty; ``substitute`` sees each scalar before it has a type."""
    try:
        return list(_Builder(text, file, substitute).documents())
    except yaml.reader.ReaderError as exc:
        line = text.encode().count(b"\n", 0, exc.position) + 1
        raise InvalidManifest(f"{exc.reason} (#x{exc.character:04x})", file=file, line=line) from exc


class _Builder:
    """Builds the values of one text from the events of libyaml's parser, which itself does not recurse."""

    def __init__(self, text: str, file: str, substitute: Substitute | None) -> None:
        self._file = file
        self._substitute = substitute
        self._text_lines = Lines(text)
        self._next: Callable[[], Any] = yaml.CBaseLoader(text).get_event
        self._depth = 0
        self._aliased = 0
        #: What each anchor stands for; _UNFINISHED while that is being built.
        self._anchors: dict[str, Any] = {}
        #: The lines of the elements of each sequence that may be the items of a List, by its id.
        self._lines: dict[int, list[int]] = {}
        #: The lines of all keys and elements of the document in the order of its values, counted from 0.
        self._all_lines: list[int] = []
        #: Where in them the lines of what each anchor stands for are, and where those of each of these elements begin.
        self._anchored: dict[str, slice] = {}
        self._starts: dict[int, list[int]] = {}
        self._has_merges = False

    def documents(self) -> Iterator[ParsedDocument]:
        try:
            yield from self._documents()
        except yaml.MarkedYAMLError as exc:
            raise self._error(exc.problem_mark or exc.context_mark, self._words(exc)) from exc

    def _documents(self) -> Iterator[ParsedDocument]:
        count = 0
        while type(event := self._next()) is not StreamEndEvent:
            if type(event) is not DocumentStartEvent:
                continue
            if count and not event.explicit:
                raise self._error(event.start_mark, "what follows '...' must begin with '---', or kubectl ignores it")
            count += 1
            self._anchors.clear()
            self._lines.clear()
            self._all_lines = []
            self._has_merges = False
            root = self._next()
            if (value := self._value(root)) is not None:
                line = self._text_lines.of(root.start_mark)
                yield self._with_items(ParsedDocument(object=value, line=line, lines=self._known_lines()))

    def _known_lines(self) -> Sequence[int]:
        """Merges change the order; and where libyaml has other lines than git, they are not worth the time."""
        return self._all_lines if self._text_lines.as_yaml_counts and not self._has_merges else ()

    def _with_items(self, document: ParsedDocument) -> ParsedDocument:
        items = document.object.get("items") if isinstance(document.object, dict) else None
        lines = self._lines.get(id(items), [])
        # The id of a sequence that a merge replaced may be that of another now.
        if not lines or not isinstance(items, list) or len(items) != len(lines):
            return document
        return replace(document, item_lines=tuple(lines), item_starts=tuple(self._starts[id(items)]))

    def _value(self, event: Any) -> Any:
        kind, anchor = type(event), event.anchor
        if kind is AliasEvent:
            return self._alias(event)
        if anchor is not None:
            self._anchors[anchor] = _UNFINISHED
            begin = len(self._all_lines)
        value: Any
        if kind is ScalarEvent:
            value = self._scalar(event, scalars.to_json)
        else:
            self._descend(event)
            value = self._mapping() if kind is MappingStartEvent else self._sequence()
            self._depth -= 1
        if anchor is not None:
            self._anchors[anchor] = value
            self._anchored[anchor] = slice(begin, len(self._all_lines))
        return value

    def _descend(self, event: Any) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(event.start_mark, f"nested more than {MAX_DEPTH} levels deep")

    def _scalar(self, event: Any, convert: Callable[[scalars.Scalar], _T]) -> _T:
        try:
            if self._substitute is not None and (text := self._substitute(event.value)) != event.value:
                if isinstance(text, SecretText):
                    return convert(text)
                return convert(resolve(_with_text(event, text)))
            return convert(resolve(event))
        except BadReference as exc:
            raise self._bad_reference(event, exc) from exc
        except ValueError as exc:
            raise self._error(event.start_mark, str(exc)) from exc

    def _bad_reference(self, event: Any, exc: BadReference) -> UnknownVariable:
        """With its own line in a literal block, whose lines are those of the file."""
        line = self._text_lines.of(event.start_mark)
        if event.style == "|":
            line += 1 + event.value.count("\n", 0, exc.position)
        return UnknownVariable(str(exc), reference=exc.reference, file=self._file, line=line)

    def _sequence(self) -> list[Any]:
        result: list[Any] = []
        note_line = self._all_lines.append
        may_be_items = self._depth == _ITEMS_DEPTH
        if may_be_items:
            self._lines[id(result)], self._starts[id(result)] = [], []
        while type(event := self._next()) is not SequenceEndEvent:
            note_line(event.start_mark.line)
            if may_be_items:
                self._lines[id(result)].append(self._text_lines.of(event.start_mark))
                self._starts[id(result)].append(len(self._all_lines))
            result.append(self._value(event))
        return result

    def _mapping(self) -> dict[str, Any]:
        result: dict[str, Any] = {}
        keys: dict[str, Any] = {}
        note_line = self._all_lines.append
        while type(event := self._next()) is not MappingEndEvent:
            if is_merge(event):
                self._merge(result)
                continue
            key = self._key(event)
            if key in keys:
                first = self._text_lines.of(keys[key].start_mark)
                raise self._error(event.start_mark, f"the key {key!r} is already set in line {first}")
            keys[key] = event
            note_line(event.start_mark.line)
            result[key] = self._value(self._next())
        return result

    def _key(self, event: Any) -> str:
        if type(event) is ScalarEvent:
            if event.anchor is not None:
                self._anchors[event.anchor] = self._scalar(event, scalars.to_json)
                self._anchored[event.anchor] = slice(0, 0)
            key = self._scalar(event, scalars.to_key)
            if isinstance(key, SecretText):
                raise self._error(event.start_mark, f"the variable {key.variable} comes from a Secret: it is no key")
            return key
        if not isinstance(value := self._value(event), str):
            raise self._error(event.start_mark, "a key must be a string, a number or a boolean")
        return value

    def _merge(self, into: dict[str, Any]) -> None:
        """``<<: *defaults``. As in go-yaml v2 this overrides the keys before it and yields to those after it."""
        self._has_merges = True
        event = self._next()
        value = self._value(event)
        sources = value if type(event) is SequenceStartEvent else [value]
        if not all(isinstance(source, dict) for source in sources):
            raise self._error(event.start_mark, "map merge requires map or sequence of maps as the value")
        for source in reversed(sources):
            into.update(source)

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            raise self._error(event.start_mark, f"unknown anchor {event.anchor!r} referenced")
        value = self._anchors[event.anchor]
        if value is _UNFINISHED:
            raise self._error(event.start_mark, f"anchor {event.anchor!r} value contains itself")
        self._all_lines += self._all_lines[self._anchored[event.anchor]]
        return self._copy(value, event, self._depth)

    def _copy(self, value: Any, event: Any, depth: int) -> Any:
        """A copy, because labels and a selector often share one anchor, and a change of one must not change both."""
        self._aliased += 1
        if self._aliased > MAX_ALIASED_VALUES:
            raise self._error(event.start_mark, f"aliases stand for more than {MAX_ALIASED_VALUES:,} values")
        if depth > MAX_DEPTH:
            raise self._error(event.start_mark, f"nested more than {MAX_DEPTH} levels deep")
        if isinstance(value, dict):
            return {key: self._copy(item, event, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self._copy(item, event, depth + 1) for item in value]
        return value

    def _error(self, mark: Any, message: str) -> InvalidManifest:
        return InvalidManifest(message, file=self._file, line=self._text_lines.of(mark), column=mark.column + 1)

    def _words(self, error: yaml.MarkedYAMLError) -> str:
        if not (error.context and error.context_mark):
            return str(error.problem)
        return f"{error.context} from line {self._text_lines.of(error.context_mark)} on: {error.problem}"


def _with_text(event: Any, text: str) -> Any:
    return ScalarEvent(
        event.anchor, event.tag, event.implicit, text, event.start_mark, event.end_mark, style=event.style
    )


def resolve(event: Any) -> scalars.Scalar:
    """The value of a scalar event."""
    if event.tag is not None:
        return scalars.tagged(event.tag, event.value)
    # libyaml names no style for a plain scalar.
    return event.value if event.style else scalars.plain(event.value)


def is_merge(event: Any) -> bool:
    """Whether an event is the key of a merge: ``<<``."""
    return (
        type(event) is ScalarEvent
        and event.value == "<<"
        and (event.tag == scalars.MERGE_TAG if event.tag else not event.style)
    )
