"""YAML or JSON text becomes plain objects, exactly as kubectl reads it, each with the line where it starts."""

from __future__ import annotations

import codecs
import gc
from collections.abc import Iterator
from contextlib import contextmanager

from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source.document import ParsedDocument
from kubectl_gitops.source.json_text import parse_json
from kubectl_gitops.source.yaml_text import parse_yaml

__all__ = ["ParsedDocument", "parse"]

_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def parse(text: bytes, *, file: str) -> Iterator[ParsedDocument]:
    """The documents of ``text`` in order; InvalidManifest with file, line and column where it cannot be read."""
    decoded = decode(text, file)
    try:
        with paused_gc():
            documents = _documents(decoded, file)
    except InvalidManifest as exc:
        if "{{" in decoded:
            exc.hint = exc.hint or "this looks like a template, which has to be rendered first"
        raise
    yield from documents


def _documents(text: str, file: str) -> list[ParsedDocument]:
    # kubectl too tries JSON first, and only where the text begins like it.
    documents = parse_json(text, file) if text.lstrip().startswith("{") else None
    return parse_yaml(text, file) if documents is None else documents


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
