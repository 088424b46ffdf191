"""Health checks of a GitSync (``spec.healthChecks``): what people know of their kinds, and no general rule can.

A check is for some objects; its rules are tried in order, and the first whose condition holds decides. Where none
does, an object of a check that says when it is Healthy is Progressing; of any other, the ordinary rules decide.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.diff.ignore import Place
from kubectl_gitops.health.model import Health, HealthStatus


class Operator(StrEnum):
    """Each ``Not`` holds exactly where the other one does not, so also where the field is not there."""

    EQUALS = "Equals"
    NOT_EQUALS = "NotEquals"
    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"
    GREATER_THAN = "GreaterThan"
    LESS_THAN = "LessThan"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRule:
    """``status`` where the condition on the field at ``place`` holds. ``operands`` are texts, as in a label selector.

    Where ``place`` has a ``*``, a condition (but not its negation) holds if it does for one of several values.
    """

    status: HealthStatus
    place: Place
    operator: Operator
    operands: tuple[str, ...]
    message: str

    def holds(self, obj: Object) -> bool:
        values = list(_values(obj, self.place.steps))
        match self.operator:
            case Operator.EXISTS:
                return bool(values)
            case Operator.DOES_NOT_EXIST:
                return not values
            case Operator.EQUALS | Operator.IN:
                return any(_text(value) in self.operands for value in values)
            case Operator.NOT_EQUALS | Operator.NOT_IN:
                return not any(_text(value) in self.operands for value in values)
            case Operator.GREATER_THAN:
                return any(_number(value) > float(self.operands[0]) for value in values)
            case Operator.LESS_THAN:
                return any(_number(value) < float(self.operands[0]) for value in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """Rules for the objects that group, kind, namespace and name (all globs) select."""

    group: str
    kind: str
    namespace: str
    name: str
    rules: tuple[HealthRule, ...]

    def is_for(self, key: ResourceKey) -> bool:
        pairs = ((self.group, key.group), (self.kind, key.kind), (self.name, key.name), (self.namespace, key.namespace))
        return all(fnmatchcase(value, glob) for glob, value in pairs)

    def health(self, obj: Object) -> Health | None:
        """What the rules say; None where they say nothing."""
        for rule in self.rules:
            if rule.holds(obj):
                return Health(rule.status, rule.message)
        if any(rule.status is HealthStatus.HEALTHY for rule in self.rules):
            return Health(HealthStatus.PROGRESSING, "no rule of its health check holds yet")
        return None


def checks_of(items: Iterable[Object]) -> tuple[HealthCheck, ...]:
    """The checks in a valid GitSync's ``healthChecks``. Raises ValueError for a pointer that is none."""
    return tuple(
        HealthCheck(
            group=item.get("group", "*"),
            kind=item["kind"],
            namespace=item.get("namespace", "*"),
            name=item.get("name", "*"),
            rules=tuple(_rule(rule) for rule in item["rules"]),
        )
        for item in items
    )


def check_for(checks: Sequence[HealthCheck], key: ResourceKey) -> HealthCheck | None:
    """The first check for an object."""
    return next((check for check in checks if check.is_for(key)), None)


def _rule(rule: Object) -> HealthRule:
    operator = Operator(rule.get("operator", Operator.EQUALS))
    operands = tuple(rule.get("values") or ([rule["value"]] if "value" in rule else []))
    condition = " ".join([rule["jsonPointer"], operator, ", ".join(operands)]).rstrip()
    return HealthRule(
        status=HealthStatus(rule["status"]),
        place=Place.parse(rule["jsonPointer"]),
        operator=operator,
        operands=operands,
        message=rule.get("message") or condition,
    )


def _values(value: Any, steps: Sequence[str]) -> Iterator[Any]:
    """The values at a place, none of them null."""
    if not steps:
        if value is not None:
            yield value
        return
    for child in _children(value, steps[0]):
        yield from _values(child, steps[1:])


def _children(value: Any, step: str) -> list[Any]:
    match value:
        case dict():
            return list(value.values()) if step == "*" else [value[step]] if step in value else []
        case list() if step in {"*", "[*]"}:
            return value
        case list() if step.startswith("[="):
            return [item for item in value if _text(item) == step[2:-1]]
        case list() if step.startswith("["):
            wanted = [pair.split("=", 1) for pair in step[1:-1].split(",")]
            return [
                item
                for item in value
                if isinstance(item, dict) and all(_text(item.get(name)) == text for name, text in wanted)
            ]
        case list() if step.isdecimal() and step.isascii() and len(step) < 10:
            return value[int(step) : int(step) + 1]
    return []


def _text(value: Any) -> str | None:
    """A scalar as people write it (``true``, ``3``); None for null, and for what is no scalar."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int | float) else None


def _number(value: Any) -> float:
    """A number, or a text that is one; else NaN, to which nothing compares."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan
