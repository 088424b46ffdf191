"""What a JSONPath template picks from the JSON document, as ``kubectl -o jsonpath=…`` prints it.

kubectl's JSONPath is a dialect of its own, so no library reads it. This follows k8s.io/client-go/util/jsonpath, with
missing keys allowed, but for three things: maps are walked in the order of their keys (in Go, in any order); in a
filter, values that cannot be compared are merely different, and an item that is not there does not exist (in Go, both
are errors); and control characters in values, which a terminal might obey, are escaped, but for line feeds and tabs.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.report.document import to_json
from kubectl_gitops.report.gotext import printed
from kubectl_gitops.report.jsonpath_syntax import (
    Descent,
    Field,
    Filter,
    Literal,
    Path,
    Slice,
    Step,
    Text,
    Union,
    Wildcard,
    Word,
    parse,
)
from kubectl_gitops.report.model import Report
from kubectl_gitops.report.style import Style

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def renderer(template: str) -> Callable[[Report, Style], str]:
    """A format that prints by this template. Raises InvalidInput where it is none."""
    if not template:
        raise InvalidInput("jsonpath needs a template", hint="""-o jsonpath='{.objects[*].name}{"\\n"}'""")
    parts = parse(template)
    _check_ends(parts)
    return lambda report, style: evaluate(parts, to_json(report))  # noqa: ARG005 - nothing to dress


def evaluate(parts: Sequence[Path], document: Any) -> str:
    """The text that the parts of a template make from a document."""
    return "".join(_block(parts, document))


def _check_ends(parts: Sequence[Path]) -> None:
    depth = 0
    for path in parts:
        depth += (Word("range") in path) - (Word("end") in path)
        if depth < 0:
            raise InvalidInput("jsonpath: there is an {end} without a {range …} before it")


def _block(parts: Sequence[Path], document: Any) -> Iterator[str]:
    """The text of the parts, in which each range stands for what is between it and its end, over and over."""
    index = 0
    while index < len(parts):
        path = parts[index]
        index += 1
        if Word("end") in path:
            continue
        values = walk(path, [document])
        if Word("range") in path:
            end = _end_of_range(parts, index)
            for value in values:
                yield from _block(parts[index:end], value)
            index = end
        else:
            yield " ".join(map(printed, values)) if not _is_text(path) else str(values[0])


def _is_text(path: Path) -> bool:
    """Whether the part is the template's own text, which needs no escapes."""
    return len(path) == 1 and isinstance(path[0], Text)


def _end_of_range(parts: Sequence[Path], start: int) -> int:
    """Where the range that begins before ``start`` ends: at its own end, else with the template."""
    depth = 1
    for index in range(start, len(parts)):
        depth += (Word("range") in parts[index]) - (Word("end") in parts[index])
        if depth == 0:
            return index
    return len(parts)


def walk(path: Path, values: list[Any]) -> list[Any]:
    """The values that a path leads to, from these."""
    for step in path:
        values = _taken(step, values)
    return values


def _taken(step: Step, values: list[Any]) -> list[Any]:
    match step:
        case Text(text):
            return [text]
        case Literal(value):
            return [value] * len(values)
        case Field(name):
            return [value[name] for value in values if isinstance(value, dict) and name in value]
        case Wildcard():
            return [child for value in values for child in _children(value)]
        case Descent():
            return [below for value in values for below in _descendants(value)]
        case Union(paths):
            return [found for path in paths for found in walk(path, values)]
        case Slice():
            return [item for value in values if value is not None for item in _sliced(value, step)]
        case Filter():
            return [item for value in values for item in _filtered(value, step)]
        case Word():
            return values


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value[name] for name in sorted(value)]
    if isinstance(value, str):
        return list(value.encode(errors="replace"))
    return list(value) if isinstance(value, list) else []


def _descendants(value: Any) -> Iterator[Any]:
    children = _children(value)
    if children:
        yield value
        for child in children:
            yield from _descendants(child)


def _sliced(value: Any, wanted: Slice) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidInput(f"jsonpath: {_kind(value)} is no list and has no [index]")
    start = (wanted.start or 0) + (len(value) if (wanted.start or 0) < 0 else 0)
    stop = (wanted.start or 0) + 1 if wanted.is_index else len(value) if wanted.stop is None else wanted.stop
    if stop < 0 or (stop == 0 and wanted.is_index):
        stop += len(value)
    if start == stop:
        return []
    if not 0 <= start < len(value) or not start < stop <= len(value):
        raise InvalidInput(f"jsonpath: [{start}:{stop}] is not within a list of {len(value)}")
    if wanted.step is not None and wanted.step <= 0:
        raise InvalidInput("jsonpath: the step of a slice must be more than 0")
    return value[start : stop : wanted.step or 1]


def _filtered(value: Any, wanted: Filter) -> Iterator[Any]:
    if not isinstance(value, list):
        raise InvalidInput(f"jsonpath: {_kind(value)} is no list and cannot be filtered")
    holds = _compares if wanted.operator else _exists
    yield from (item for item in value if holds(wanted, item))


def _exists(wanted: Filter, item: Any) -> bool:
    try:
        return bool(walk(wanted.left, [item]))
    except InvalidInput:  # such as an index beyond the end of a list
        return False


def _compares(wanted: Filter, item: Any) -> bool:
    lefts, rights = walk(wanted.left, [item]), walk(wanted.right, [item])
    if not lefts or not rights:
        return False
    if len(lefts) > 1 or len(rights) > 1:
        raise InvalidInput("jsonpath: a filter can compare one value with one value only")
    left, right = lefts[0], rights[0]
    if _kind(left) != _kind(right) or _kind(left) not in {"a string", "a number", "a truth value"}:
        return wanted.operator == "!="
    return _COMPARISONS[wanted.operator](left, right)


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case str():
            return "a string"
    return "a list" if isinstance(value, list) else "a map"
