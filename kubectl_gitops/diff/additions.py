"""Fields that a person's client put there and Git does not declare: an env var, a sidecar, a label.

Controllers, mutating webhooks and defaulting add fields all the time, and that is no drift. Who is a person's
client is told by the field manager's name; the list is data (human_managers.json) and can be changed.

What is filled in while a person's client creates an object counts as that client's, defaults and all. What such
defaults are, a reference tells: the same declaration as the API server would create it (:func:`beyond`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from importlib import resources
from typing import Any

import orjson

from kubectl_gitops.api.names import FIELD_MANAGER
from kubectl_gitops.diff import fieldset
from kubectl_gitops.diff.attribution import FieldOwner, owner_in
from kubectl_gitops.diff.fieldset import FieldSet, managed_fields
from kubectl_gitops.diff.path import ABSENT, FieldPath, ItemKey, lookup, same
from kubectl_gitops.diff.secrets import LAST_APPLIED_ANNOTATION

#: Of metadata, what says something about the object; the rest is identity or the API server's own.
_METADATA = frozenset({"labels", "annotations", "finalizers", "ownerReferences"})


@dataclass(frozen=True, slots=True)
class AddedField:
    """One undeclared field, its value, and the person's client that set it.

    ``confirmed`` is False where the value may be a default that the API server filled in.
    """

    path: FieldPath
    value: Any
    owner: FieldOwner
    confirmed: bool = True

    @property
    def is_plain(self) -> bool:
        """Whether it is certainly the client's own: who applies server-side owns no defaults."""
        return self.owner.operation == "Apply"


@functools.cache
def default_human_managers() -> tuple[str, ...]:
    """The globs of human_managers.json."""
    text = resources.files("kubectl_gitops.diff").joinpath("human_managers.json").read_text()
    return tuple(entry["manager"] for entry in json.loads(text))


def is_human(manager: str, globs: Iterable[str]) -> bool:
    """Whether a field manager is a person's client. A glob that begins with ``!`` takes back earlier ones."""
    return _is_human(manager, tuple(globs))


@functools.lru_cache(maxsize=1024)  # the same few managers have written every object
def _is_human(manager: str, globs: tuple[str, ...]) -> bool:
    human = False
    for glob in globs:
        if fnmatchcase(manager, glob.removeprefix("!")):
            human = not glob.startswith("!")
    return human


def has_human_manager(live: dict[str, Any], humans: tuple[str, ...]) -> bool:
    """Whether a person's client owns anything of an object at all."""
    return any(_is_human(str(entry.get("manager")), humans) for entry in managed_fields(live))


def added_fields(live: dict[str, Any], declared: FieldSet, humans: Iterable[str]) -> Iterator[AddedField]:
    """Every field that only people's clients own and ``declared`` does not hold, in the order of the field sets.

    A list item that was added as a whole is one field. What a controller owns as well is the controller's.
    """
    globs = tuple(humans)
    entries = [entry for entry in managed_fields(live) if entry.get("subresource") != "status"]
    theirs = [e for e in entries if is_human(str(e.get("manager")), globs) and e.get("manager") != FIELD_MANAGER]
    if not theirs:
        return
    others = [FieldSet.parse(e["fieldsV1"]) for e in entries if e not in theirs]
    seen: set[FieldPath] = set()
    for entry in sorted(theirs, key=lambda e: str(e.get("time") or ""), reverse=True):
        for path in fieldset.beyond(FieldSet.parse(entry["fieldsV1"]), declared):
            value = lookup(live, path)
            if path in seen or value is ABSENT or not _counts(path) or any(o.contains(path) for o in others):
                continue
            seen.add(path)
            yield AddedField(path, value, owner_in(entry))


def beyond(added: Iterable[AddedField], live: dict[str, Any], reference: dict[str, Any]) -> Iterator[AddedField]:
    """Of what seems added, what the declaration alone does not bring about.

    ``reference`` is the declared object as the API server would create it. Of an item or a map that is there too, only
    what differs in it was added.
    """
    for one in added:
        if one.is_plain:
            yield one
            continue
        for path, value in _beyond(one.path, one.value, lookup(reference, one.path)):
            yield replace(one, path=path, value=value, confirmed=not _may_be_renamed(path, live, reference))


def _beyond(path: FieldPath, value: Any, default: Any) -> Iterator[tuple[FieldPath, Any]]:
    if isinstance(value, dict) and isinstance(default, dict):
        for name, sub in value.items():
            yield from _beyond((*path, name), sub, default.get(name, ABSENT))
    elif not same(value, default):
        yield path, value


def _may_be_renamed(path: FieldPath, live: dict[str, Any], reference: dict[str, Any]) -> bool:
    """Whether admission may have added a list item that it names otherwise each time (``kube-api-access-x7k2p``)."""
    if not isinstance(path[-1], ItemKey):
        return False
    names = [name for name, _ in path[-1].pairs]
    ours, theirs = lookup(reference, path[:-1]), lookup(live, path[:-1])
    if not isinstance(ours, list) or not isinstance(theirs, list):
        return False
    there = [[item.get(name) for name in names] for item in theirs if isinstance(item, dict)]
    return any(isinstance(item, dict) and [item.get(name) for name in names] not in there for item in ours)


def without_reference(
    added: Iterable[AddedField], live: dict[str, Any], declared: FieldSet | None = None
) -> tuple[list[AddedField], bool]:
    """What of it can be told without a reference, and whether anything is left that cannot.

    Who changes an object that exists owns what changes, and no more. Only to who creates it, do defaults count as
    well; and of what kubectl's client-side apply created, its own annotation says what was given to it. Whoever owns
    nothing of ``declared`` did not create the object.
    """
    listed = tuple(added)
    told = [
        replace(one, confirmed=one.is_plain)
        for one in listed
        if one.is_plain
        or one.path[0] == "metadata"
        or not _may_have_created(one.owner, live, declared)
        or _was_given(one, live)
    ]
    return told, len(told) < len(listed)


#: Those of kubectl's commands that create objects; all others only change what exists.
_CREATORS = frozenset(
    f"kubectl-{command}"
    for command in ("create", "client-side-apply", "replace", "run", "expose", "autoscale", "debug")
)


def came_later(owner: FieldOwner, live: dict[str, Any], declared: FieldSet) -> bool:
    """Whether a client certainly changed an object that was there, and did not create it."""
    return owner.operation == "Apply" or not _may_have_created(owner, live, declared)


def _may_have_created(owner: FieldOwner, live: dict[str, Any], declared: FieldSet | None) -> bool:
    if owner.subresource:
        return False
    if owner.manager.startswith("kubectl-"):
        return owner.manager in _CREATORS
    if owner.time and owner.time != live["metadata"].get("creationTimestamp"):
        return False
    return declared is None or any(
        declared.contains(leaf)
        for entry in managed_fields(live)
        if owner_in(entry) == owner
        for leaf in FieldSet.parse(entry["fieldsV1"]).leaves()
    )


def _was_given(one: AddedField, live: dict[str, Any]) -> bool:
    annotation = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED_ANNOTATION)
    try:
        return lookup(orjson.loads(annotation), one.path) is not ABSENT if annotation else False
    except ValueError:  # anybody may write anything there
        return False


def _counts(path: FieldPath) -> bool:
    """Whether a path is desired state at all."""
    if LAST_APPLIED_ANNOTATION in path:  # kubectl's own note of what it was given
        return False
    if path[0] == "metadata":
        return len(path) > 1 and path[1] in _METADATA
    return path[0] not in {"status", "apiVersion", "kind"}
