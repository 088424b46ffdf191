"""What two GitSyncs that declare the same object do: the one leaves it to the other, and lets go of it in the end."""

from __future__ import annotations

import logging
from dataclasses import replace

from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.api.names import MANAGED_BY_LABEL
from kubectl_gitops.reconciler.claims import GitSyncName
from kubectl_gitops.reconciler.surroundings import Surroundings
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.sync.steps import HeldByAnother, Plan, Step

_log = logging.getLogger(__name__)


def without_others(plan: Plan, gitsync: GitSync, around: Surroundings) -> Plan:
    """The plan, with an error in each step that would take an object from another GitSync: it would take it back.

    What another declares is not pruned: it is let go, for the other to take over as it is.
    """
    me = (gitsync.namespace, gitsync.name)
    held = {step.key: holder for step in plan.steps if (holder := _holder_of(step, gitsync, around)) is not None}
    around.claims.lay(me, held)
    steps = []
    for step in plan.steps:
        if step.key in held:
            error = HeldByAnother(f"GitSync {'/'.join(held[step.key])} declares it, too, and had it first")
            steps.append(replace(step, error=error))
        elif step.declared is None and (other := around.other_declarer_of(step.key, me)) is not None:
            _log.info("%s: lets go of %s, which GitSync %s/%s declares", gitsync, step.key.described, *other)
        else:
            steps.append(step)
    return replace(plan, steps=tuple(steps))


def hand_over(gitsync: GitSync, synced: Snapshot, around: Surroundings) -> None:
    """Give a turn to those that claim what a GitSync no longer declares: it is theirs now."""
    kept = {entry.key for entry in synced.entries}
    for claim in around.claims.on((gitsync.namespace, gitsync.name)):
        if claim.key not in kept:
            around.sync(claim.by)


def _holder_of(step: Step, gitsync: GitSync, around: Surroundings) -> GitSyncName | None:
    """The other GitSync whose object a declared one is, if any."""
    if step.declared is None or step.live is None:
        return None
    label = (step.live["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL, gitsync.label)
    return around.holder_of(label, step.key) if label != gitsync.label else None
