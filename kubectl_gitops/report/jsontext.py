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
    text = _HALF_PAIR.sub("\ufffd", json.dumps(value, ensure_ascii=False, indent=2))
    # Outside of strings JSON holds no characters that need an escape but line feeds, which stay.
    return printable_lines(text, _escaped) + "\n"


def _escaped(line: str) -> str:
    return line if line.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)
