"""The drift that a plan reveals: what the cluster has otherwise than the declared objects say. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.attribution import owner_of
from kubectl_gitops.diff.compare import FieldChange
from kubectl_gitops.diff.drift import DriftedField, DriftKind, ObjectDrift, attribute, gravest
from kubectl_gitops.diff.fieldset import FieldSet, all_fields, project
from kubectl_gitops.diff.path import ABSENT
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.diff.raw import declared_fields
from kubectl_gitops.diff.secrets import holds_secret_values, masked
from kubectl_gitops.sync.drift import Judged
from kubectl_gitops.sync.showing import shown, without_values
from kubectl_gitops.sync.steps import Plan, Step, trees_of


def drift_in(plan: Plan) -> list[Judged]:
    """The drift of the steps of a plan, and what of it does not count. Values of Secrets are masked."""
    return [Judged(_drift_of(step), _ignored_of(step)) for step in plan.steps]


def _ignored_of(step: Step) -> ObjectDrift | None:
    fields = tuple(
        DriftedField(
            path=change.path,
            desired=change.desired,
            live=change.live,
            owner=owner_of(step.live or {}, change.path),
            kind=DriftKind.ADDED if change.desired is ABSENT else DriftKind.MODIFIED,
            ignored=why,
        )
        for change, why in ((_discreet(step, change), why) for change, why in step.ignored)
    )
    if not fields:
        return None
    return ObjectDrift(
        kind=gravest(fields),
        key=step.key,
        api_version=step.api_version,
        origin=step.declared.origin if step.declared else None,
        commit=step.commit,
        fields=fields,
    )


def _drift_of(step: Step) -> ObjectDrift | None:
    fields = (*_modified(step), *_added(step))
    note = _note(step)
    kind = _kind_of(step, fields, note)
    if kind is None:
        return None
    desired, live = _trees(step)
    return ObjectDrift(
        kind=kind,
        key=step.key,
        api_version=step.api_version,
        origin=step.declared.origin if step.declared else None,
        commit=step.commit,
        fields=fields,
        desired=desired,
        live=live,
        note=note,
    )


_WHOLE = {
    ActionKind.CREATE: DriftKind.MISSING,
    ActionKind.PRUNE: DriftKind.ORPHANED,
    ActionKind.ORPHAN: DriftKind.ORPHANED,
}


def _kind_of(step: Step, fields: tuple[DriftedField, ...], note: str) -> DriftKind | None:
    """The gravest kind, or None where the object is as declared. One that cannot be judged does differ."""
    if step.kind in _WHOLE:
        return _WHOLE[step.kind]
    if step.kind is ActionKind.CHANGE and (note or any(field.kind is DriftKind.MODIFIED for field in fields)):
        return DriftKind.MODIFIED
    return DriftKind.ADDED if fields else None


def _modified(step: Step) -> Iterator[DriftedField]:
    """What is declared and is otherwise. What only our manager's field set would lose is no drift."""
    changes = [_discreet(step, change) for change in step.changes if change.desired is not ABSENT]
    for field in attribute(changes, step.live or {}):
        yield field if step.confirmed else replace(field, confirmed=False)


def _added(step: Step) -> Iterator[DriftedField]:
    for one in step.added:
        change = _discreet(step, FieldChange(one.path, ABSENT, one.value))
        yield DriftedField(
            path=one.path,
            desired=ABSENT,
            live=change.live,
            owner=one.owner,
            kind=DriftKind.ADDED,
            confirmed=one.confirmed,
        )


def _note(step: Step) -> str:
    note = step.note or (str(step.error) if step.error else "")
    if holds_secret_values(step.key.group, step.key.kind):
        for secret in (step.live, step.declared.object if step.declared else None):
            note = without_values(note, secret or {})
    return note


def _discreet(step: Step, change: FieldChange) -> FieldChange:
    return masked(change) if holds_secret_values(step.key.group, step.key.kind) else change


def _trees(step: Step) -> tuple[Object | None, Object | None]:
    """Both sides, at the declared fields and at what was added beside them."""
    if step.live is None or step.declared is None:
        return trees_of(step)
    if step.kind is ActionKind.UNCHANGED and not step.added:
        return None, None
    identity = {"apiVersion": step.api_version, "kind": step.key.kind}
    if step.confirmed and step.canonical is not None:
        desired, fields = {**identity, **step.canonical.tree}, step.canonical.fields
    else:
        desired = step.declared.object
        fields = declared_fields(desired, all_fields(step.live))
    wide = fields.union(FieldSet.of(one.path for one in step.added)) if step.added else fields
    return shown(desired), shown({**project(step.live, wide), **identity})
