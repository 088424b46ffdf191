"""Rules by which a difference does not count: by place, by field manager, by kind and name.

A place is a JSON pointer (RFC 6901) with additions: ``*`` is any one step, ``[name=web]`` the item of a keyed list,
``[=value]`` the member of a set, ``[*]`` any item or member. A rule holds for everything below its place.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import resources
from typing import Any, Self

from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.diff.path import ABSENT, FieldPath, ItemKey, PathElement, SetMember, lookup

_ITEM = re.compile(r"\[(\*|=[^\]]*|[^=,\]]+=[^,\]]*(,[^=,\]]+=[^,\]]*)*)\]")


@dataclass(frozen=True, slots=True)
class Place:
    """A pattern of paths, as a sequence of steps."""

    steps: tuple[str, ...]

    @classmethod
    def parse(cls, pointer: str) -> Self:
        """Read ``/spec/template/spec/containers/[name=web]/image``. Raises ValueError on what is none."""
        if not pointer.startswith("/") or pointer == "/":
            raise ValueError(f"not a JSON pointer: {pointer!r} (it begins with a slash, as /spec/replicas does)")
        steps = tuple(_split(pointer))
        for step in steps:
            if step.startswith("[") and not _ITEM.fullmatch(step):
                raise ValueError(f"not a list item: {step!r} in {pointer!r} (write [name=web] or [*])")
        return cls(steps)

    def holds(self, path: FieldPath) -> bool:
        """Whether a path is at this place or below it."""
        if len(path) < len(self.steps):
            return False
        return all(_fits(step, element) for step, element in zip(self.steps, path, strict=False))


def _split(pointer: str) -> Iterable[str]:
    """The steps between slashes; a slash inside brackets belongs to its step."""
    for match in re.finditer(r"/((?:\[[^\]]*\]|[^/\[]|\[(?![^\]]*\]))*)", pointer):
        step = match.group(1)
        yield step if step.startswith("[") else step.replace("~1", "/").replace("~0", "~")


def _fits(step: str, element: PathElement) -> bool:
    match element:
        case _ if step == "*":
            return True
        case ItemKey(pairs):
            if not step.startswith("["):
                return False
            wanted = dict(pair.split("=", 1) for pair in step[1:-1].split(",")) if step != "[*]" else {}
            found = {name: _text(value) for name, value in pairs}
            return all(found.get(name) == value for name, value in wanted.items())
        case SetMember(value):
            return step in {"[*]", f"[={_text(value)}]"}
        case int():
            return step in {"[*]", str(element)}
        case str():
            return step == element
    return False


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreRule:
    """What is ignored, and ``why``. Empty selectors match everything; group, kind, name and namespace are globs.

    With both places and managers, both must fit. ``only_if`` is a pointer that must be set in the live object.
    """

    why: str
    group: str = "*"
    kind: str = "*"
    name: str = "*"
    namespace: str = "*"
    places: tuple[Place, ...] = ()
    managers: tuple[str, ...] = ()
    only_if: FieldPath = ()

    def is_for(self, key: ResourceKey, live: dict[str, Any]) -> bool:
        """Whether the rule says anything about this object."""
        pairs = ((self.group, key.group), (self.kind, key.kind), (self.name, key.name), (self.namespace, key.namespace))
        if not all(fnmatchcase(value, glob) for glob, value in pairs):
            return False
        return not self.only_if or lookup(live, self.only_if) is not ABSENT

    def ignores(self, path: FieldPath, manager: str) -> bool:
        """Whether a difference at ``path``, made by ``manager``, does not count."""
        in_place = not self.places or any(place.holds(path) for place in self.places)
        by_manager = not self.managers or any(fnmatchcase(manager, glob) for glob in self.managers)
        return in_place and by_manager


def why_ignored(rules: Sequence[IgnoreRule], path: FieldPath, manager: str) -> str:
    """The reason of the first rule that ignores a difference, or ""."""
    return next((rule.why for rule in rules if rule.ignores(path, manager)), "")


def rules_of(items: Iterable[dict[str, Any]], *, why: str) -> tuple[IgnoreRule, ...]:
    """The rules in a GitSync's ``ignoreDifferences``. Raises ValueError that names what is wrong."""
    rules = []
    for item in items:
        if not item.get("jsonPointers") and not item.get("managers"):
            raise ValueError("a rule needs jsonPointers or managers, or it would ignore everything")
        rules.append(
            IgnoreRule(
                why=item.get("why") or why,
                group=item.get("group", "*"),
                kind=item.get("kind", "*"),
                name=item.get("name", "*"),
                namespace=item.get("namespace", "*"),
                places=tuple(Place.parse(pointer) for pointer in item.get("jsonPointers") or ()),
                managers=tuple(item.get("managers") or ()),
                only_if=tuple(_split(item["onlyIf"])) if item.get("onlyIf") else (),
            )
        )
    return tuple(rules)


def annotated_rule(value: str, *, why: str) -> IgnoreRule:
    """The rule in an object's ``ignore`` annotation: pointers, separated by commas outside brackets or by spaces."""
    pointers = [part for part in re.split(r"\s+|,(?![^\[]*\])", value) if part]
    if not pointers:
        raise ValueError("no JSON pointer in it")
    return IgnoreRule(why=why, places=tuple(Place.parse(pointer) for pointer in pointers))


@functools.cache
def default_rules() -> tuple[IgnoreRule, ...]:
    """The rules of ignored_by_default.json: what clusters do to objects that is nobody's drift."""
    text = resources.files("kubectl_gitops.diff").joinpath("ignored_by_default.json").read_text()
    return rules_of(json.loads(text), why="by default")
