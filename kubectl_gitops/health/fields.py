"""Fields of an object as the API of its kind declares them. What is not there or null has Go's zero value.

Whoever may write a custom resource's status may write anything, so each type is checked: another one is Unreadable.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubectl_gitops.api.objects import Object


class Unreadable(ValueError):
    """A field has another type than its kind has there; the message names the field, never its value."""


class Condition(NamedTuple):
    """One of ``status.conditions``."""

    type: str
    status: str
    reason: str
    message: str

    @property
    def words(self) -> str:
        """``MinimumReplicasUnavailable: Deployment does not have minimum availability.``"""
        return ": ".join(part for part in (self.reason, self.message) if part)


def value(obj: Object, *names: str) -> Any:
    """The value at ``names``, or None. Raises Unreadable where the way there leads through something else."""
    found: Any = obj
    for depth, name in enumerate(names):
        if not isinstance(found, dict):
            raise Unreadable(f"{'.'.join(names[:depth])} is no mapping")
        found = found.get(name)
        if found is None:
            return None
    return found


def text(obj: Object, *names: str) -> str:
    found = value(obj, *names)
    if not isinstance(found, str | None):
        raise Unreadable(f"{'.'.join(names)} is no string")
    return found or ""


def number(obj: Object, *names: str) -> int:
    return optional_number(obj, *names) or 0


def optional_number(obj: Object, *names: str) -> int | None:
    found = value(obj, *names)
    if not isinstance(found, int | None) or isinstance(found, bool):
        raise Unreadable(f"{'.'.join(names)} is no whole number")
    return found


def flag(obj: Object, *names: str) -> bool:
    found = value(obj, *names)
    if not isinstance(found, bool | None):
        raise Unreadable(f"{'.'.join(names)} is neither true nor false")
    return bool(found)


def mappings(obj: Object, *names: str) -> list[Object]:
    """A list of mappings."""
    found = value(obj, *names)
    if not isinstance(found, list | None) or not all(isinstance(item, dict) for item in found or ()):
        raise Unreadable(f"{'.'.join(names)} is no list of mappings")
    return found or []


def conditions(obj: Object) -> list[Condition]:
    """``status.conditions``, in their order."""
    return [condition_of(item) for item in mappings(obj, "status", "conditions")]


def condition_of(item: Object) -> Condition:
    return Condition(text(item, "type"), text(item, "status"), text(item, "reason"), text(item, "message"))


def generation_is_observed(obj: Object) -> bool:
    """Whether the controller has seen the spec that is there now, for kinds whose status always says so."""
    return number(obj, "metadata", "generation") <= number(obj, "status", "observedGeneration")
