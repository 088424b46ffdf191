"""What a request does to declared state: pure comparisons of the object before and after it."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.compare import FieldChange, compare
from kubectl_gitops.diff.fieldset import EMPTY, FieldSet, our_fields_v1
from kubectl_gitops.diff.path import ABSENT, FieldPath, lookup, same
from kubectl_gitops.snapshot.model import Entry


def divergences(entry: Entry, old: Object | None, new: Object) -> list[FieldChange]:
    """Declared fields that the request moves away from Git's value. ``entry`` has a canonical form.

    What differs from Git but is as it was had drifted before: not this request's doing, and no reason to refuse it.
    """
    assert entry.canonical is not None
    found = compare(entry.canonical.tree, new, entry.fields)
    if old is None:
        return list(found)
    return [change for change in found if not same(lookup(old, change.path), change.live)]


def disowned(old: Object, new: Object) -> Sequence[FieldPath]:
    """Paths that leave our entry in managedFields though their values stay: it was reset or doctored.

    A path whose value changes leaves our entry by itself; its value is what counts then.
    """
    before, after = our_fields_v1(old), our_fields_v1(new)
    if not before or before == after:
        return ()
    kept = FieldSet.parse(after) if after else EMPTY
    return [
        path
        for path in FieldSet.parse(before).leaves()
        if (value := lookup(old, path)) is not ABSENT and same(value, lookup(new, path)) and not _holds(kept, path)
    ]


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
