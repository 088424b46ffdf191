"""A stream of JSON documents, by JSON's own rules (YAML has others for escapes, and for numbers)."""

from __future__ import annotations

import json
from typing import Any

import orjson

from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source import scalars
from kubectl_gitops.source.document import ParsedDocument


class _Refused(Exception):
    """JSON by its grammar, but not what an API server would take."""


def parse_json(text: str, file: str) -> list[ParsedDocument] | None:
    """The JSON documents of ``text``, one after the other; None if it is not JSON throughout (flow-style YAML)."""
    documents = []
    position = 0
    try:
        while (position := _next_content(text, position)) < len(text):
            value, end = _JSON.raw_decode(text, position)
            # Finds nesting that is too deep and escapes of half a character, which Python would take.
            orjson.dumps(value)
            line = text.count("\n", 0, position) + 1
            documents.append(ParsedDocument(object=value, line=line, item_lines=_item_lines(value, text, position)))
            position = end
    except (_Refused, orjson.JSONEncodeError) as exc:
        raise InvalidManifest(str(exc), file=file, line=text.count("\n", 0, position) + 1) from exc
    except (ValueError, RecursionError):
        return None
    return documents


def decode(text: str) -> Any:
    """The value of a part of what :func:`parse_json` could read."""
    return _JSON.decode(text)


def _item_lines(value: Any, text: str, position: int) -> tuple[int, ...]:
    """Where each element of the top-level ``items`` starts in the document at ``position``."""
    if not (isinstance(value, dict) and isinstance(value.get("items"), list)):
        return ()
    names = iter(value)
    while next(names) != "items":
        position = _after_value(text, _after_name(text, position))
    line, counted, lines = 1, 0, []
    position = _after_name(text, position)
    for _ in value["items"]:
        position = _next_content(text, position + 1)
        line, counted = line + text.count("\n", counted, position), position
        lines.append(line)
        position = _after_value(text, position)
    return tuple(lines)


def _after_name(text: str, position: int) -> int:
    """Where the value of the member starts that follows a bracket or comma at ``position``."""
    _, end = _JSON.raw_decode(text, _next_content(text, position + 1))
    return _next_content(text, _next_content(text, end) + 1)


def _after_value(text: str, position: int) -> int:
    """Where the comma or bracket is that follows the value at ``position``."""
    _, end = _JSON.raw_decode(text, position)
    return _next_content(text, end)


def _next_content(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _Refused(f"the key {next(key for key in keys if keys.count(key) > 1)!r} is set twice in one object")
    return result


def _json_number(text: str) -> scalars.Scalar:
    try:
        return scalars.to_json(float(text) if set(text) & set(".eE") else int(text))
    except ValueError as exc:
        raise _Refused(f"{text[:40]} is beyond the range of numbers") from exc


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


_JSON = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_json_number, parse_float=_json_number, parse_constant=_no_constant
)
