"""Values as Go prints them: fmt.Print for scalars, encoding/json for maps and lists."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any

from kubectl_gitops.report.text import printable

_UNSAFE = re.compile(r"[^\n\t]+")
# encoding/json makes its output safe to embed in HTML.
_HTML = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


def printed(value: Any) -> str:
    """A string bare, a number and a truth value as such, nothing as ``null``, all else as compact JSON."""
    match value:
        case str():
            return _UNSAFE.sub(lambda match: printable(match[0]), value)
        case bool() | None | dict() | list():
            return _UNSAFE.sub(lambda match: printable(match[0]), compact_json(value))
        case float():
            return _float(value, -4, 6)
    return str(value)


def compact_json(value: Any) -> str:
    """JSON without white space, keys in order, numbers as encoding/json writes them."""
    match value:
        case dict():
            items = (f"{compact_json(str(name))}:{compact_json(value[name])}" for name in sorted(value))
            return "{" + ",".join(items) + "}"
        case list():
            return "[" + ",".join(map(compact_json, value)) + "]"
        case float():
            return _float(value, -6, 21).replace("e-0", "e-")
        case str():
            return json.dumps(value, ensure_ascii=False).translate(_HTML)
    return json.dumps(value)


def _float(value: float, lowest: int, highest: int) -> str:
    """The shortest digits that read back; with an exponent below 1e``lowest`` and from 1e``highest``."""
    if not value or not math.isfinite(value):
        return "-0" if math.copysign(1, value) < 0 else "0"
    sign, digits, _ = Decimal(repr(value)).normalize().as_tuple()
    magnitude = Decimal(repr(value)).adjusted()
    if lowest <= magnitude < highest:
        return format(Decimal(repr(value)).normalize(), "f")
    mantissa = "".join(map(str, digits))
    fraction = f".{mantissa[1:]}" if len(mantissa) > 1 else ""
    return f"{'-' if sign else ''}{mantissa[0]}{fraction}e{magnitude:+03d}"
