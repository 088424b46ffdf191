"""Fields that a person's client put there and Git does not declare: an env var, a sidecar, a label.

Controllers, mutating webhooks and defaulting add fields all the time, and that is no drift. Who is a person's
client is told by the field manager's name; the list is data (human_managers.json) and can be changed.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import resources
from typing import Any

from kubectl_gitops.api.names import FIELD_MANAGER
from kubectl_gitops.diff.attribution import FieldOwner
from kubectl_gitops.diff.fieldset import FieldSet, managed_fields
from kubectl_gitops.diff.path import ABSENT, FieldPath, ItemKey, PathElement, lookup

#: Of metadata, what says something about the object; the rest is identity or the API server's own.
_METADATA = frozenset({"labels", "annotations", "finalizers", "ownerReferences"})


@dataclass(frozen=True, slots=True)
class AddedField:
    """One undeclared field, its value, and the person's client that set it."""

    path: FieldPath
    value: Any
    owner: FieldOwner


@functools.cache
def default_human_managers() -> tuple[str, ...]:
    """The globs of human_managers.json."""
    text = resources.files("kubectl_gitops.diff").joinpath("human_managers.json").read_text()
    return tuple(entry["manager"] for entry in json.loads(text))


def is_human(manager: str, globs: Iterable[str]) -> bool:
    """Whether a field manager is a person's client. A glob that begins with ``!`` takes back earlier ones."""
    human = False
    for glob in globs:
        if fnmatchcase(manager, glob.removeprefix("!")):
            human = not glob.startswith("!")
    return human


def added_fields(live: dict[str, Any], declared: FieldSet, humans: Iterable[str]) -> Iterator[AddedField]:
    """Every field that only people's clients own and ``declared`` does not hold, in the order of the field sets.

    A list item that was added as a whole is one field. What a controller owns as well is the controller's.
    """
    globs = tuple(humans)
    entries = [entry for entry in managed_fields(live) if entry.get("subresource") != "status"]
    theirs = [e for e in entries if is_human(str(e.get("manager")), globs) and e.get("manager") != FIELD_MANAGER]
    others = [FieldSet.parse(e["fieldsV1"]) for e in entries if e not in theirs]
    seen: set[FieldPath] = set()
    for entry in sorted(theirs, key=lambda e: str(e.get("time") or ""), reverse=True):
        for path in _undeclared(FieldSet.parse(entry["fieldsV1"]), declared, ()):
            value = lookup(live, path)
            if path in seen or value is ABSENT or not _counts(path) or any(o.contains(path) for o in others):
                continue
            seen.add(path)
            yield AddedField(path, value, _owner(entry))


def _undeclared(fields: FieldSet, declared: FieldSet | None, prefix: FieldPath) -> Iterator[FieldPath]:
    for element, child in fields.children.items():
        path = (*prefix, element)
        ours = declared.children.get(element) if declared is not None else None
        if ours is not None and ours.is_leaf:
            continue  # declared whole: if it differs, it is Modified
        if ours is None and (child.is_leaf or _is_whole_item(element, child)):
            yield path
        elif not child.is_leaf:
            yield from _undeclared(child, ours, path)


def _is_whole_item(element: PathElement, fields: FieldSet) -> bool:
    return isinstance(element, ItemKey) and fields.owned


def _counts(path: FieldPath) -> bool:
    """Whether a path is desired state at all."""
    if path[0] == "metadata":
        return len(path) > 1 and path[1] in _METADATA
    return path[0] not in {"status", "apiVersion", "kind"}


def _owner(entry: dict[str, Any]) -> FieldOwner:
    return FieldOwner(
        manager=str(entry.get("manager") or "unknown"),
        operation=str(entry.get("operation") or ""),
        subresource=str(entry.get("subresource") or ""),
        time=str(entry.get("time") or ""),
    )
