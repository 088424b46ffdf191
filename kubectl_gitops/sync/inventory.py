"""What a snapshot says of a plan: before the first write, and when the sync has ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.compare import Canonical, canonical_of
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.diff.secrets import seal
from kubectl_gitops.errors import GitOpsError
from kubectl_gitops.snapshot.model import Entry, Snapshot
from kubectl_gitops.snapshot.store import next_sequence
from kubectl_gitops.source.written import lines_of_fields
from kubectl_gitops.sync.steps import Plan, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one step. ``answer`` is the object as the API server has it now; None for a pruned one.

    ``note`` says why a pruned one is still there.
    """

    step: Step
    answer: Object | None = None
    error: GitOpsError | None = None
    note: str = ""


def planned_snapshot(plan: Plan, *, revision: Commit | None, repo_url: str, path: str) -> Snapshot:
    """What counts from before the first write: all objects, and canonical forms as far as they are known."""
    return Snapshot(
        namespace=plan.target.namespace,
        name=plan.target.name,
        uid=plan.target.uid,
        revision=revision,
        repo_url=repo_url,
        path=path,
        sequence=next_sequence(plan.previous),
        complete=False,
        hooks=plan.previous.hooks if plan.previous else (),
        entries=tuple(
            _refused(step, plan) if step.error else _planned_entry(step, plan.previous, revision)
            for step in plan.steps
            if step.declared
        ),
        owed=(
            *((step.api_version, step.key) for step in plan.of_kind(ActionKind.PRUNE, ActionKind.ORPHAN)),
            *plan.unseen,
        ),
    )


def ended_snapshot(
    planned: Snapshot, plan: Plan, outcomes: Iterable[Outcome], sealing_key: bytes, *, unreached: Iterable[Step] = ()
) -> Snapshot:
    """The planned snapshot with every canonical form that the sync has learned, and without what was pruned.

    Of what was ``unreached``, as of what was refused, that stays in force which was before.
    """
    not_begun = {step.key: step for step in unreached}
    by_key = {outcome.step.key: outcome for outcome in outcomes}
    pruned = {key for key, o in by_key.items() if o.step.kind is ActionKind.PRUNE and not o.error}

    def entry_now(entry: Entry) -> Entry:
        outcome = by_key.get(entry.key)
        if outcome is None:
            return _refused(not_begun[entry.key], plan) if entry.key in not_begun else entry
        return _refused(outcome.step, plan) if outcome.error else learned_entry(outcome, sealing_key)

    return replace(
        planned,
        complete=not not_begun,
        entries=tuple(entry_now(entry) for entry in planned.entries),
        owed=tuple(owed for owed in planned.owed if owed[1] not in pruned),
    )


def learned_entry(outcome: Outcome, sealing_key: bytes) -> Entry:
    """The entry of an applied object, its canonical form taken from the API server's answer.

    Where some of it was left to others, from the plan's dry-run of all that is declared.
    """
    assert outcome.answer is not None
    if outcome.step.ignored:
        return _entry(outcome.step, outcome.step.canonical)
    return _entry(outcome.step, canonical_of(seal(outcome.answer, sealing_key)))


def says_the_same(snapshot: Snapshot, other: Snapshot | None) -> bool:
    """Whether two snapshots differ in nothing but when they were published."""
    return other is not None and replace(snapshot, sequence=other.sequence) == other


def _planned_entry(step: Step, previous: Snapshot | None, revision: Commit | None) -> Entry:
    before = previous.by_key.get(step.key) if previous and revision else None
    if before and before.field_lines and before.canonical is step.canonical and _is_in_the_same_place(before, step):
        return step.entry(step.canonical, before.field_lines)
    return _entry(step, step.canonical)


def _is_in_the_same_place(before: Entry, step: Step) -> bool:
    """Whether the file is the same, too: no commit has touched it."""
    assert step.declared is not None
    return before.commit is not None and (before.commit, before.origin) == (step.commit, step.declared.origin)


def _entry(step: Step, canonical: Canonical | None) -> Entry:
    assert step.declared is not None
    written, first = step.declared.written, step.declared.origin.line
    lines = lines_of_fields(canonical.fields_v1, written, first) if canonical and written else ()
    return step.entry(canonical, lines)


def _refused(step: Step, plan: Plan) -> Entry:
    """The entry of an object whose declaration the API server refuses: what it was before stays in force."""
    before = plan.previous.by_key.get(step.key) if plan.previous else None
    return before if before and before.canonical else step.entry(None)
