"""Judge one object: is the cluster as Git says, as far as can be told without asking the API server? Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto

from kubectl_gitops.api.objects import Declared, Object
from kubectl_gitops.diff.compare import (
    Canonical,
    FieldChange,
    canonical_of,
    compare,
    covers,
    differing,
    is_subset,
    without_identity,
)
from kubectl_gitops.diff.fieldset import EMPTY, FieldSet, all_fields, beyond, our_fields_v1, project
from kubectl_gitops.diff.path import ABSENT, FieldPath, lookup, same
from kubectl_gitops.diff.secrets import declared_digest, seal
from kubectl_gitops.snapshot.model import Entry


class Standing(Enum):
    MISSING = auto()  # not in the cluster
    SAME = auto()  # as declared, and ours
    SUSPECT = auto()  # only a dry-run can tell


@dataclass(frozen=True, slots=True)
class Judgement:
    """``canonical`` is the declared object's canonical form, sealed, where it is known."""

    standing: Standing
    canonical: Canonical | None = None


def judge(declared: Declared, live: Object | None, entry: Entry | None, sealing_key: bytes) -> Judgement:
    """Compare without asking. Equal values are the same only if our manager holds them as well.

    ``entry`` is what the last sync learned about the object; it counts only for the same declaration.
    """
    known = entry.canonical if entry and entry.declared_digest == declared_digest(declared, sealing_key) else None
    if live is None:
        return Judgement(Standing.MISSING, known)
    if known is not None:
        is_same = not any(compare(known.tree, seal(live, sealing_key), known.fields))
        if is_same and our_fields_v1(live) == known.fields_v1:
            return Judgement(Standing.SAME, known)
        return Judgement(Standing.SUSPECT, known)
    wanted = without_identity(declared.object)
    schema = all_fields(live)
    if not is_subset(wanted, live, schema):
        return Judgement(Standing.SUSPECT)
    ours = our_fields_v1(live)
    if ours is not None and covers(FieldSet.parse(ours), wanted, schema):
        return Judgement(Standing.SAME, canonical_of(seal(live, sealing_key)))
    return Judgement(Standing.SUSPECT)


def is_held(live: Object, canonical: Canonical, but: Collection[FieldPath] = ()) -> bool:
    """Whether our manager owns exactly what is declared in ``live``, leaving aside what is left to others."""
    ours = our_fields_v1(live)
    if ours is None or ours == canonical.fields_v1:
        return ours is not None
    held, declared = FieldSet.parse(ours), canonical.fields
    return bool(but) and not any(beyond(held, declared)) and all(path in but for path in beyond(declared, held))


def differences(answer: Object, live: Object) -> list[FieldChange]:
    """What the apply that ``answer`` answers changes in ``live``: declared fields, then those that it drops.

    A field is dropped when our manager owned it in ``live`` and declares it no longer, and nobody else holds it.
    Its desired value is ABSENT, whether it is gone then or the API server's default takes its place.
    """
    before, after = our_fields_v1(live), our_fields_v1(answer)
    declared = FieldSet.parse(after) if after else EMPTY
    changes = list(differing(project(answer, declared), live, declared))
    if before and before != after:
        reported = {change.path for change in changes}
        dropped = _dropped(FieldSet.parse(before), declared, answer, live)
        changes += [one for one in dropped if not any(one.path[:n] in reported for n in range(len(one.path)))]
    return changes


def _dropped(before: FieldSet, after: FieldSet, answer: Object, live: Object) -> list[FieldChange]:
    dropped: dict[FieldPath, FieldChange] = {}
    for leaf in before.leaves():
        if after.at(leaf) is not None:
            continue
        path = _highest_gone(leaf, answer) or leaf
        then, now = lookup(answer, path), lookup(live, path)
        if now is not ABSENT and not same(then, now):
            dropped.setdefault(path, FieldChange(path, ABSENT, now))
    return list(dropped.values())


def _highest_gone(leaf: FieldPath, answer: Object) -> FieldPath | None:
    """The shortest prefix of a path that the answer no longer has, or None if all of it is still there."""
    for length in range(1, len(leaf) + 1):
        if lookup(answer, leaf[:length]) is ABSENT:
            return leaf[:length]
    return None
