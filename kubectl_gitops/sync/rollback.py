"""Plan a rollback: what a sync to an older snapshot would do, with Git or without."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from kubectl_gitops.api.objects import Declared, ResourceKey
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.diff.secrets import declared_digest
from kubectl_gitops.errors import GitOpsError, InvalidInput
from kubectl_gitops.snapshot.applicable import applicable
from kubectl_gitops.snapshot.model import Entry, Snapshot
from kubectl_gitops.sync.observing import scopes
from kubectl_gitops.sync.planning import Planner
from kubectl_gitops.sync.prepare import prepare
from kubectl_gitops.sync.steps import Plan, Step, Target


class OnlyInGit(GitOpsError):
    """What an object should be is known only by its digest, and Git does not give it (any more)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackPlan:
    """``plan`` leads to the older snapshot. ``left_alone`` are objects that should be otherwise, and stay."""

    plan: Plan
    left_alone: tuple[ResourceKey, ...]


def plan_rollback(
    planner: Planner,
    discovery: Discovery,
    old: Snapshot,
    *,
    current: Snapshot | None,
    target: Target,
    from_git: Iterable[Declared],
    sealing_key: bytes,
) -> RollbackPlan:
    """What brings the cluster from ``current`` back to ``old``.

    ``from_git`` is what Git declares at the commit of ``old``, as far as it can be read. A declaration counts only
    where it has the digest that ``old`` holds; else an object is applied from its canonical form. A Secret has none
    that could be applied, and is left as it is. Raises ClusterError, InvalidInput.
    """
    given = _by_key(from_git, discovery, target)
    wanted: list[Declared] = []
    held: list[Entry] = []
    for entry in old.entries:
        declared = given.get(entry.key)
        if declared is not None and declared_digest(declared, sealing_key) == entry.declared_digest:
            wanted.append(declared)
        elif (obj := applicable(entry)) is not None:
            wanted.append(Declared(object=obj, origin=entry.origin))
        else:
            held.append(entry)
    if not wanted and not held:
        raise InvalidInput(f"snapshot {old.sequence} tells of no object at all, which cannot be rolled back to")
    plan = planner.plan(wanted, target, previous=current, file_commits={})
    held_keys = {entry.key for entry in held}
    steps = [_as_in(step, old) for step in plan.steps if step.key not in held_keys]
    steps += [_held(entry) for entry in held]
    now = current.by_key if current else {}
    changed = [e.key for e in held if e.key not in now or now[e.key].declared_digest != e.declared_digest]
    return RollbackPlan(plan=replace(plan, steps=tuple(steps)), left_alone=tuple(changed))


def _by_key(from_git: Iterable[Declared], discovery: Discovery, target: Target) -> Mapping[ResourceKey, Declared]:
    listed = list(from_git)
    try:
        ready = prepare(
            listed,
            is_namespaced=scopes(listed, discovery),
            namespace=target.default_namespace,
            label=target.label,
        )
    except InvalidInput:  # a kind that is gone since: the snapshot tells as much
        return {}
    return {one.key: one for one in ready}


def _as_in(step: Step, old: Snapshot) -> Step:
    """The step, with what the snapshot of then tells of its declaration."""
    entry = old.by_key.get(step.key)
    if step.declared is None or entry is None:
        return step
    return replace(step, declared_digest=entry.declared_digest, commit=entry.commit)


def _held(entry: Entry) -> Step:
    """A step that writes nothing, and by its error has the object stay in the snapshot as it is there now."""
    metadata = {"name": entry.name, **({"namespace": entry.namespace} if entry.namespace else {})}
    stub = {"apiVersion": entry.api_version, "kind": entry.kind, "metadata": metadata}
    return Step(
        kind=ActionKind.UNCHANGED,
        key=entry.key,
        api_version=entry.api_version,
        declared=Declared(object=stub, origin=entry.origin),
        declared_digest=entry.declared_digest,
        commit=entry.commit,
        error=OnlyInGit("its values are only in Git"),
    )
