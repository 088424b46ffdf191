"""What a YAML scalar means to kubectl: the resolution of go-yaml v2, then the conversion to JSON of sigs.k8s.io/yaml.

YAML 1.1 with changes: ``yes``, ``on`` and ``y`` are booleans and ``0777`` is octal, but ``22:22`` is no
base 60 number, and a timestamp or ``=`` is a string. See resolve.go of go.yaml.in/yaml/v2 and
convertToJSONableObject in sigs.k8s.io/yaml; tests/unit/source/test_scalars.py holds what those give.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from decimal import Decimal

#: What a scalar may be before it becomes JSON. An int may be a uint64 here.
Scalar = str | int | float | bool | None

STANDARD_TAG = "tag:yaml.org,2002:"
MERGE_TAG = STANDARD_TAG + "merge"

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_NUMBER_START = frozenset("+-.0123456789")
_NUMBER = re.compile(
    r"""(?P<sign>[+-]?)(?:
        0[xX](?P<hexadecimal>[0-9a-fA-F]+) | 0[bB](?P<binary>[01]+) |
        0[oO]?(?P<octal>[0-7]+) | (?P<decimal>0|[1-9][0-9]*)
    )""",
    re.VERBOSE,
)
# After "0b", go-yaml hands what follows to a parser that takes a sign of its own.
_SIGNED_BINARY = re.compile(r"0b([+-][01]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
# A leading point leads straight to Go's float parser, which takes underscores between digits only.
_POINT_FLOAT = re.compile(r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?")
_BASES = {"hexadecimal": 16, "binary": 2, "octal": 8, "decimal": 10}

_INT64_MIN, _INT64_MAX, _UINT64_MAX = -(2**63), 2**63 - 1, 2**64 - 1


def plain(text: str) -> Scalar:
    """The value of an unquoted scalar without a tag."""
    if text in _WORDS:
        return _WORDS[text]
    return _number(text) if text[0] in _NUMBER_START else text


def tagged(tag: str, text: str) -> Scalar:
    """The value of a scalar with an explicit tag; ValueError where go-yaml refuses the combination.

    A tag of an application (``!vault``) makes a string of its scalar, as it does for kubectl.
    """
    name = tag.removeprefix(STANDARD_TAG) if tag.startswith(STANDARD_TAG) else ""
    if name == "binary":
        return _decoded(text)
    if name not in {"null", "bool", "int", "float"}:
        return text
    value = plain(text)
    if name == "float" and type(value) is int and _fits(value):
        return float(value)
    if (found := _type_name(value)) != name:
        raise ValueError(f"cannot decode !!{found} `{text}` as a !!{name}")
    return value


def to_json(value: Scalar) -> Scalar:
    """The JSON value that a Go client sends for ``value``; ValueError where JSON has none.

    Go writes a whole float without a point and reads it back as an integer if it fits in 64 bits, so
    ``1e3`` and ``1000.0`` are the integer 1000; what does not fit becomes a float.
    """
    if type(value) is float:
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a JSON number")
        # Go writes the shortest digits that name this float, padded with zeros: 2.0**60 ends in 7000, not 6976.
        return whole if value.is_integer() and _fits(whole := int(Decimal(repr(value)))) else value
    if type(value) is int and not _fits(value):
        return float(value)
    return value


def to_key(value: Scalar) -> str:
    """``value`` as a key of a JSON object; ValueError where sigs.k8s.io/yaml has no string for it."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() if _fits(value):
            return str(value)
        case float():
            return _float_key(value)
    raise ValueError(f"{'null' if value is None else value} cannot be a key")


def _number(text: str) -> Scalar:
    """What strconv makes of ``text``, in the order in which go-yaml tries; ``text`` itself if it is no number."""
    if text[0] == ".":
        return number if _POINT_FLOAT.fullmatch(text) and math.isfinite(number := float(text)) else text
    digits = text.replace("_", "")
    if match := _NUMBER.fullmatch(digits):
        base = str(match.lastgroup)
        value = int(match["sign"] + match[base], _BASES[base])
        if _fits(value) or (not match["sign"] and value <= _UINT64_MAX):
            return value
    if _FLOAT.fullmatch(digits) and math.isfinite(number := float(digits)):
        return number
    if (match := _SIGNED_BINARY.fullmatch(digits)) and _fits(value := int(match[1], 2)):
        return value
    return text


def _decoded(text: str) -> str:
    try:
        content = base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except binascii.Error as exc:
        raise ValueError("!!binary value contains invalid base64 data") from exc
    return content.decode(errors="replace")


def _type_name(value: Scalar) -> str:
    return {bool: "bool", int: "int", float: "float", str: "str"}.get(type(value), "null")


def _float_key(value: float) -> str:
    """``strconv.FormatFloat(value, 'g', -1, 32)``: the shortest digits that name the same 32-bit float."""
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    try:
        single = struct.pack("<f", value)
    except OverflowError:
        return ".inf" if value > 0 else "-.inf"
    if struct.unpack("<f", single)[0] == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    digits = next(text for n in range(9) if struct.pack("<f", float(text := f"{value:.{n}e}")) == single)
    mantissa, _, exponent = digits.partition("e")
    if not -4 <= int(exponent) < 6:
        return digits
    decimals = len(mantissa.partition(".")[2]) - int(exponent)
    return f"{float(digits):.{max(0, decimals)}f}"


def _fits(number: float) -> bool:
    return _INT64_MIN <= number <= _INT64_MAX
