"""What a request does to declared state: pure comparisons of the object before and after it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson

from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.compare import FieldChange, compare
from kubectl_gitops.diff.fieldset import EMPTY, FieldSet, our_fields_v1
from kubectl_gitops.diff.path import ABSENT, FieldPath, lookup, same, step
from kubectl_gitops.snapshot.model import Entry

_QUANTITY = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?", re.ASCII)


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


def disowned(old: Object, new: Object, *, asked_by: str) -> Sequence[FieldPath]:
    """Paths that leave our entry in managedFields though their values stay: it was reset or doctored.

    A path whose value changes leaves our entry by itself; its value is what counts then. So does a quantity that
    another manager applies by force in other words, as ``cpu: 1000m`` where the API server keeps ``1``: then it is in
    the entry of that manager, ``asked_by``, and the reconciler takes it over again. Nothing else is excused by being in
    another's entry: a review does not tell an apply from a request that brings managedFields of its own making.
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
    if not lost or not asked_by:
        return lost
    theirs, taken = _applied(old, asked_by), _applied(new, asked_by)
    return [
        path
        for path in lost
        if not (_is_quantity(lookup(new, path)) and taken.contains(path) and not theirs.contains(path))
    ]


def _is_quantity(value: Any) -> bool:
    """Whether there are other words for it (k8s.io/apimachinery, api/resource)."""
    return isinstance(value, str) and _QUANTITY.fullmatch(value) is not None


def _applied(obj: Object, manager: str) -> FieldSet:
    """What a manager owns by server-side apply. An entry that cannot be read holds nothing, and so excuses nothing."""
    with suppress(ValueError, TypeError, AttributeError):
        fields_v1 = our_fields_v1(obj, manager)
        return FieldSet.parse(fields_v1) if fields_v1 else EMPTY
    return EMPTY


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
