"""Compares an object with a JSON Schema: each fault by its position, in words without values where it is a Secret."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, NamedTuple

import jsonschema
import orjson

from kubectl_gitops.api.finding import FindingKind, Position
from kubectl_gitops.check.patterns import Patterns

Schema = dict[str, Any]

_SHOWN_NAMES = 12
_SHOWN_LENGTH = 80
_TYPES = {
    "array": "a list", "boolean": "a boolean", "integer": "an integer", "null": "null", "number": "a number",
    "object": "a mapping", "string": "a string",
}  # fmt: skip
_OF_VALUES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
_BOUNDS = {
    "maximum": "at most", "minimum": "at least", "exclusiveMaximum": "less than", "exclusiveMinimum": "more than",
    "maxLength": "at most", "minLength": "at least", "maxItems": "at most", "minItems": "at least",
    "maxProperties": "at most", "minProperties": "at least",
}  # fmt: skip
_UNITS = {"Length": " characters", "Items": " items", "Properties": " keys"}


class Fault(NamedTuple):
    """What is wrong at a position; that of an unknown field is its own, that of a missing one its parent's."""

    kind: FindingKind
    position: Position
    message: str


class Validator:
    """Validates objects against one schema. Patterns are shared, so that a slow one is tried only once."""

    def __init__(self, schema: Schema, patterns: Patterns) -> None:
        def pattern(_: Any, wanted: str, text: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
            if isinstance(text, str) and not patterns.matches(wanted, text):
                yield jsonschema.ValidationError("no match")

        extend: Any = jsonschema.validators.extend
        self._validator = extend(jsonschema.Draft202012Validator, {"pattern": pattern})(schema)

    def faults(self, value: Any, *, is_secret: bool, at: Position = ()) -> list[Fault]:
        """All faults of a value that is ``at`` a position, in the order of the document's fields by name."""
        errors = sorted(self._validator.iter_errors(value), key=lambda one: [str(part) for part in one.absolute_path])
        return [fault for error in errors for fault in _faults(error, (*at, *error.absolute_path), is_secret)]


def _faults(error: Any, position: Position, is_secret: bool) -> Iterator[Fault]:
    match error.validator:
        case "additionalProperties":
            known = sorted(error.schema.get("properties", {}))
            for name in sorted(error.instance.keys() - set(known)):
                yield Fault(FindingKind.UNKNOWN_FIELD, (*position, name), f"unknown field{_suggestion(name, known)}")
        case "required":
            # The validator has an error for each name, and tells it in its words only.
            name = next(name for name in error.validator_value if error.message.startswith(f"{name!r} "))
            yield Fault(FindingKind.MISSING_FIELD, position, f"{name} is missing")
        case _:
            yield Fault(FindingKind.INVALID_VALUE, position, _words(error, is_secret))


def _suggestion(name: str, known: list[str]) -> str:
    if nearest := difflib.get_close_matches(name, known, n=1):
        return f"; did you mean {nearest[0]}?"
    more = f" and {len(known) - _SHOWN_NAMES} more" if len(known) > _SHOWN_NAMES else ""
    return f" (there is {', '.join(known[:_SHOWN_NAMES])}{more})" if known else ""


def _words(error: Any, is_secret: bool) -> str:
    wanted, is_value = error.validator_value, described(error.instance, is_secret=is_secret)
    match error.validator:
        case "type":
            types = [wanted] if isinstance(wanted, str) else [one for one in wanted if one != "null"]
            advice = "; quote it" if types == ["string"] and isinstance(error.instance, bool | int | float) else ""
            return f"must be {' or '.join(_TYPES[one] for one in types)}, not {is_value}{advice}"
        case "enum":
            return f"must be one of {_listed(wanted)}, not {is_value}"
        case "pattern":
            what = error.schema.get("description") or f"what {_shortened(wanted)} describes"
            return f"must be {what}, not {is_value}"
        case "multipleOf":
            return f"must be a multiple of {wanted}, not {is_value}"
        case name if name in _BOUNDS:
            unit = next((words for suffix, words in _UNITS.items() if name.endswith(suffix)), "")
            return f"must {'have' if unit else 'be'} {_BOUNDS[name]} {wanted}{unit}"
        case "not":
            return "has a form that the schema excludes"
    return "has none of the forms that the schema allows, or more than one"


def described(value: Any, *, is_secret: bool) -> str:
    """``'x'``, ``7``, ``a list``; of a Secret only the type."""
    if value is None:
        return "null"
    if is_secret or isinstance(value, list | dict):
        return _TYPES[_OF_VALUES[type(value)]]
    return _shortened(repr(value)) if isinstance(value, str) else orjson.dumps(value).decode()


def _listed(values: list[Any]) -> str:
    shown = ", ".join(str(value) for value in values[:_SHOWN_NAMES] if value is not None)
    return shown + (f" and {len(values) - _SHOWN_NAMES} more" if len(values) > _SHOWN_NAMES else "")


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_LENGTH else f"{text[: _SHOWN_LENGTH - 1]}…"
