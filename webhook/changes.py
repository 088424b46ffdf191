"""What a request does to declared state: pure comparisons of the object before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson

from kubectl_gitops.api.names import FIELD_MANAGER
from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.compare import FieldChange, compare
from kubectl_gitops.diff.fieldset import EMPTY, FieldSet, managed_fields, our_fields_v1
from kubectl_gitops.diff.path import ABSENT, FieldPath, lookup, same, step
from kubectl_gitops.snapshot.model import Entry


def divergences(entry: Entry, old: Object | None, new: Object) -> list[FieldChange]:
    """Declared fields that the request moves away from Git's value. ``entry`` has a canonical form.

    What differs from Git but is as it was had drifted before: not this request's doing, and no reason to refuse it.
    """
    assert entry.canonical is not None
    if old is None:
        return list(compare(entry.canonical.tree, new, entry.fields))
    found = compare(entry.canonical.tree, new, _where_changed(old, new, entry.fields))
    return [change for change in found if not same(lookup(old, change.path), change.live)]


def _where_changed(old: Object, new: Object, fields: FieldSet) -> FieldSet:
    """The part of a field set in which a request changes anything: of most objects, next to nothing."""
    children = {}
    for element, sub in fields.children.items():
        before, after = step(old, element), step(new, element)
        if _is_identical(before, after):
            continue
        is_deeper = isinstance(before, dict) and isinstance(after, dict) and not sub.is_leaf
        children[element] = _where_changed(before, after, sub) if is_deeper else sub
    return replace(fields, children=children)


def _is_identical(before: Any, after: Any) -> bool:
    """Whether two JSON values are the same to the letter: at once, where ``==`` would take true for 1."""
    if before is ABSENT or after is ABSENT:
        return before is after
    try:
        return orjson.dumps(before) == orjson.dumps(after)
    except TypeError:  # nested too deeply to be written: let it be compared
        return False


def disowned(old: Object, new: Object) -> Sequence[FieldPath]:
    """Paths that leave our entry in managedFields though their values stay: it was reset or doctored.

    A path whose value changes leaves our entry by itself; its value is what counts then. So does one that another
    manager has just written in other words, as server-side apply does ``cpu: 1000m`` where the API server keeps ``1``:
    then it is in that manager's entry instead. The reconciler takes it over again.
    """
    before, after = our_fields_v1(old), our_fields_v1(new)
    if not before or before == after:
        return ()
    kept = FieldSet.parse(after) if after else EMPTY
    lost = [
        path
        for path in FieldSet.parse(before).leaves()
        if (value := lookup(old, path)) is not ABSENT and same(value, lookup(new, path)) and not _holds(kept, path)
    ]
    if not lost:
        return ()
    theirs, taken = _others(old), _others(new)
    return [
        path
        for path in lost
        if not any(fields.contains(path) and not theirs.get(who, EMPTY).contains(path) for who, fields in taken.items())
    ]


def _others(obj: Object) -> dict[tuple[str, str], FieldSet]:
    """What each manager but ours owns, by its name and operation."""
    found: dict[tuple[str, str], FieldSet] = {}
    for entry in managed_fields(obj):
        if entry.get("manager") != FIELD_MANAGER:
            # One that cannot be read holds nothing, and so excuses nothing.
            with suppress(ValueError, TypeError, AttributeError):
                found[str(entry.get("manager")), str(entry.get("operation"))] = FieldSet.parse(entry["fieldsV1"])
    return found


def is_terminating(obj: Object | None) -> bool:
    return bool((obj or {}).get("metadata", {}).get("deletionTimestamp"))


def _holds(fields: FieldSet, path: FieldPath) -> bool:
    """Whether the set has the path, something above it whole, or something below it.

    Below counts too: when the schema of a custom resource makes an atomic list one with keys, the API server
    writes the path that was a leaf as a branch.
    """
    for depth, element in enumerate(path):
        if fields.is_leaf and depth:
            return True
        child = fields.children.get(element)
        if child is None:
            return False
        fields = child
    return True
