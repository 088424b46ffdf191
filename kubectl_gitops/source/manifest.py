"""YAML or JSON text becomes plain objects, exactly as kubectl reads it, each with the line where it starts."""

from __future__ import annotations

import codecs
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source.document import ParsedDocument
from kubectl_gitops.source.json_text import parse_json
from kubectl_gitops.source.variables import BadReference, SecretText, UnknownVariable
from kubectl_gitops.source.yaml_text import Substitute, parse_yaml

__all__ = ["ParsedDocument", "parse"]

_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def parse(text: bytes, *, file: str, substitute: Substitute | None = None) -> Iterator[ParsedDocument]:
    """The documents of ``text`` in order; InvalidManifest with file, line and column where it cannot be read.

    ``substitute`` gives each string with its variables replaced, see kubectl_gitops.source.variables.
    """
    decoded = decode(text, file)
    try:
        with paused_gc():
            documents = _documents(decoded, file, substitute)
    except InvalidManifest as exc:
        if "{{" in decoded:
            exc.hint = exc.hint or "this looks like a template, which has to be rendered first"
        raise
    yield from documents


def _documents(text: str, file: str, substitute: Substitute | None) -> list[ParsedDocument]:
    # kubectl too tries JSON first, and only where the text begins like it.
    documents = parse_json(text, file) if text.lstrip().startswith("{") else None
    if documents is None:
        return parse_yaml(text, file, substitute)
    return documents if substitute is None else [_substituted(one, file, substitute) for one in documents]


def _substituted(document: ParsedDocument, file: str, substitute: Substitute) -> ParsedDocument:
    """A document of JSON, in which a string stays a string."""

    def walk(value: Any) -> Any:
        match value:
            case dict():
                return {_as_key(substitute(key)): walk(one) for key, one in value.items()}
            case list():
                return [walk(one) for one in value]
            case str():
                return substitute(value)
        return value

    try:
        return replace(document, object=walk(document.object))
    except BadReference as exc:
        raise UnknownVariable(str(exc), reference=exc.reference, file=file, line=document.line) from exc


def _as_key(key: str) -> str:
    if isinstance(key, SecretText):
        raise BadReference(f"the variable {key.variable} comes from a Secret: it is no key", "", 0)
    return key


def decode(text: bytes, file: str) -> str:
    """``text`` in the encoding that it says; InvalidManifest where it is not in that."""
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if text.startswith(mark)), "utf-8")
    try:
        return text.decode(encoding)
    except UnicodeDecodeError as exc:
        line = text.count(b"\n", 0, exc.start) + 1
        raise InvalidManifest(f"this is not {exc.encoding.upper()} text: {exc.reason}", file=file, line=line) from exc


@contextmanager
def paused_gc() -> Iterator[None]:
    """Building makes many containers and no garbage, so collections would only cost time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
