"""What a request adds to a declared object that Git does not declare: pure comparisons of before and after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.compare import FieldChange
from kubectl_gitops.diff.fieldset import FieldSet, all_fields, beyond
from kubectl_gitops.diff.path import ABSENT, FieldPath, ItemKey, SetMember, lookup, same

OWNER_REFERENCES: FieldPath = ("metadata", "ownerReferences")
FINALIZERS: FieldPath = ("metadata", "finalizers")
#: Of metadata, what says something about the object; the bindings are minded by themselves.
_METADATA = (("labels",), ("annotations",))
#: Added by the API server itself to whatever anybody creates (its admission plugin StorageObjectInUseProtection).
_ADDED_ON_ADMISSION = frozenset(
    {"kubernetes.io/pvc-protection", "kubernetes.io/pv-protection", "kubernetes.io/vac-protection"}
)


def bindings(old: Object | None, new: Object, declared: FieldSet) -> Iterator[FieldChange]:
    """Owner references and finalizers that are new: with them, others decide when the object goes, or whether.

    Read from the lists themselves, not from managedFields, which the same request may have reset.
    """
    known = {ref.get("uid") for ref in _list(old, OWNER_REFERENCES)}
    for ref in _list(new, OWNER_REFERENCES):
        if ref.get("uid") not in known:
            yield FieldChange((*OWNER_REFERENCES, ItemKey((("uid", str(ref.get("uid"))),))), ABSENT, ref)
    before = _list(old, FINALIZERS)
    for name in _list(new, FINALIZERS):
        path = (*FINALIZERS, SetMember(name))
        if name not in before and name not in _ADDED_ON_ADMISSION and not declared.contains(path):
            yield FieldChange(path, ABSENT, name)


def additions(old: Object, new: Object, declared: FieldSet) -> Iterator[FieldChange]:
    """Every field that is not declared, and that an update sets or changes. What it removes is none.

    Of a creation that cannot be told: what the API server fills in then counts as set by who creates.
    """
    for path in beyond(all_fields(new), declared):
        if path[0] == "status" or (path[0] == "metadata" and path[1:2] not in _METADATA):
            continue
        value = lookup(new, path)
        if value is not ABSENT and not same(value, lookup(old, path)):
            yield FieldChange(path, ABSENT, value)


def described(change: FieldChange) -> str:
    """What to say of one of either. Never its value."""
    match change.path[:2]:
        case ("metadata", "ownerReferences"):
            owner = change.live
            return f"the object would be deleted together with {owner.get('kind')} {owner.get('name')}"
        case ("metadata", "finalizers"):
            return "the object could not be deleted before it is taken off"
    return "Git does not declare it"


def _list(obj: Object | None, path: FieldPath) -> list[Any]:
    found = lookup(obj or {}, path)
    return found if isinstance(found, list) else []
