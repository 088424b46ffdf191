"""Take over what already runs as Git says: the objects become ours, and nothing else about them changes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from kubectl_gitops.api.names import MANAGED_BY_LABEL
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.reading import get_object
from kubectl_gitops.cluster.writing import apply_object
from kubectl_gitops.diff.compare import FieldChange
from kubectl_gitops.diff.path import ABSENT
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.errors import Conflict, GitOpsError, NotFound
from kubectl_gitops.sync.dryrun import PARALLEL_REQUESTS
from kubectl_gitops.sync.inventory import Outcome
from kubectl_gitops.sync.judge import differences
from kubectl_gitops.sync.steps import HeldByAnother, Plan, Step

_ATTEMPTS: Final = 5
_LABEL_PATH: Final = ("metadata", "labels", MANAGED_BY_LABEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What of a plan is to be taken over, and what there is besides: nothing of that is touched.

    ``differing`` run otherwise than Git says, or the API server refuses what Git says, or another GitSync has them
    (``error`` tells). ``missing`` and ``undeclared`` are only counted; ``ours`` are ours already.
    """

    steps: tuple[Step, ...]
    differing: tuple[Step, ...]
    missing: int
    undeclared: int
    ours: int


def adoption_of(plan: Plan) -> Adoption:
    """Sort out a plan. Pure."""
    steps: list[Step] = []
    differing: list[Step] = []
    for step in plan.of_kind(ActionKind.CHANGE, ActionKind.TAKE_OVER):
        held = _held_by_another(step, plan)
        if held is not None:
            differing.append(replace(step, error=held))
        elif step.error is None and _only_label(step.changes):
            steps.append(replace(step, kind=ActionKind.TAKE_OVER))
        else:
            differing.append(step)
    return Adoption(
        steps=tuple(steps),
        differing=tuple(differing),
        missing=len(plan.of_kind(ActionKind.CREATE)),
        undeclared=len(plan.of_kind(ActionKind.PRUNE, ActionKind.ORPHAN)),
        ours=len(plan.of_kind(ActionKind.UNCHANGED)),
    )


def adopt(writer: Cluster, discovery: Discovery, steps: Sequence[Step]) -> list[Outcome]:
    """Carry it out, each step in its turn on the same terms: what has changed since it was planned is left alone."""
    if not steps:
        return []
    with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
        return list(pool.map(lambda step: _adopted(writer, discovery, step), steps))


def _adopted(writer: Cluster, discovery: Discovery, step: Step) -> Outcome:
    assert step.live is not None
    key = step.key
    try:
        resource = discovery.need(step.api_version, key.kind)
        live: Object | None = step.live
        for attempt in range(_ATTEMPTS):
            if live is None or live["metadata"]["uid"] != step.live["metadata"]["uid"]:
                raise NotFound(f"{key.described} has been deleted meanwhile")
            wanted = _exactly(replace(step, live=live).to_apply, live)
            try:
                if attempt and (why := _why_not(apply_object(writer, resource, wanted, dry_run=True), live, step)):
                    return Outcome(step=step, error=why)
                return Outcome(step=step, answer=apply_object(writer, resource, wanted))
            except Conflict:
                live = get_object(writer, resource, key.namespace, key.name)  # a controller wrote its status, say
    except GitOpsError as exc:
        return Outcome(step=step, error=exc)
    return Outcome(step=step, error=Conflict(f"{key.described} changes all the time", hint="try again"))


def _exactly(declared: Object, live: Object) -> Object:
    """What to apply, to this very object as it is now: one that is gone is not made anew, nor a newer one changed."""
    precondition = {name: live["metadata"][name] for name in ("uid", "resourceVersion")}
    return {**declared, "metadata": {**declared["metadata"], **precondition}}


def _why_not(answer: Object, live: Object, step: Step) -> Conflict | None:
    """Why ``live`` is left alone, if the apply that ``answer`` answers would do more than take it over."""
    assert step.declared is not None
    wanted, label = step.declared.object["metadata"]["labels"][MANAGED_BY_LABEL], _label(live)
    if label not in {None, wanted}:
        return _held(step, label)
    if not _only_label(differences(answer, live)):
        return Conflict(f"{step.key.described} was changed meanwhile, and is not as Git says any more")
    return None


def _only_label(changes: Sequence[FieldChange]) -> bool:
    """Whether nothing would change but that the object gets our label."""
    for change in changes:
        if change.path == _LABEL_PATH:
            continue
        is_first_label = change.path == _LABEL_PATH[:2] and change.live is ABSENT
        if not (is_first_label and isinstance(change.desired, dict) and change.desired.keys() == {MANAGED_BY_LABEL}):
            return False
    return True


def _held_by_another(step: Step, plan: Plan) -> HeldByAnother | None:
    label = _label(step.live) if step.live else None
    return _held(step, label) if label not in {None, plan.target.label} else None


def _held(step: Step, label: str | None) -> HeldByAnother:
    return HeldByAnother(
        f"{step.key.described} is labelled as managed by {label}",
        hint="declare it in one place only; kubectl gitops delete lets a GitSync's objects go",
    )


def _label(live: Object) -> str | None:
    label: str | None = (live["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL)
    return label
