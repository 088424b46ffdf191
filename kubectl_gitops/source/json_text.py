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
            documents.append(ParsedDocument(object=value, line=text.count("\n", 0, position) + 1))
            position = end
    except (_Refused, orjson.JSONEncodeError) as exc:
        raise InvalidManifest(str(exc), file=file, line=text.count("\n", 0, position) + 1) from exc
    except (ValueError, RecursionError):
        return None
    return documents


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
