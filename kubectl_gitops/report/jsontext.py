"""JSON for people and programs to read: nothing in it that a terminal would obey."""

from __future__ import annotations

import json
import re
from typing import Any

from kubectl_gitops.report.text import printable_lines

_HALF_PAIR = re.compile("[\ud800-\udfff]")


def to_json_text(value: Any) -> str:
    """Indented JSON that reads back as ``value``; what a terminal would obey or hide is escaped.

    Half a surrogate pair is no text in any encoding and becomes U+FFFD.
    """
    # Outside of strings JSON holds no characters that need an escape but line feeds, which stay.
    return printable_lines(_whole_characters(json.dumps(value, ensure_ascii=False, indent=2)), _escaped) + "\n"


def to_json_line(value: Any) -> str:
    """The same on one line, for streams of JSON documents."""
    return _escaped(_whole_characters(json.dumps(value, ensure_ascii=False, separators=(",", ":")))) + "\n"


def _whole_characters(text: str) -> str:
    return _HALF_PAIR.sub("\ufffd", text)


def _escaped(line: str) -> str:
    return line if line.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)
