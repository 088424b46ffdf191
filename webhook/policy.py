"""The decision about one request: a pure function of the request and of what is known.

Each row of the table of decisions is a branch here, and a test in tests/unit/webhook/test_policy.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain

from kubectl_gitops.api.gitsync import EnforcementMode
from kubectl_gitops.api.names import FIELD_MANAGER, MANAGED_BY_LABEL
from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.compare import FieldChange, compare
from kubectl_gitops.diff.fieldset import EMPTY, FieldSet, beyond, our_fields_v1
from kubectl_gitops.diff.path import ABSENT, FieldPath, lookup, same
from webhook.additions import additions, bindings, described
from webhook.case import Case, Finding, case_of, refused
from webhook.changes import disowned, divergences, is_terminating
from webhook.message import OriginOf, differences, gitops_command, owner_name, path_text
from webhook.namespaces import decide_deletion, deletes_namespace
from webhook.probe import PROBED, is_probe
from webhook.requester import AUTOSCALERS, CLEANERS, is_reconciler
from webhook.review import Operation, Request, managed_by_label
from webhook.scales import SUBRESOURCE as SCALE
from webhook.scales import replicas_in
from webhook.scaling import scaled_cases
from webhook.verdict import OUTCOMES, Outcome, Reason, Undecided, Verdict, allow, let_through, refuse
from webhook.view import View

_LABEL_PATH: FieldPath = ("metadata", "labels", MANAGED_BY_LABEL)


def decide(request: Request, view: View) -> Verdict:
    """Whether the request may pass. No I/O, no clock: the same answer for the same question.

    Raises Undecided where it cannot be told whether it touches what is managed.
    """
    if is_probe(request):
        return PROBED
    if is_reconciler(request):
        return allow(Reason.RECONCILER)
    if request.dry_run and request.field_manager == FIELD_MANAGER:
        # Nothing is stored, and a person who asks `diff` about another revision must get an answer.
        return allow(Reason.PLAN)
    if request.subresource == SCALE and request.operation is Operation.UPDATE:
        return _decide_scale(request, view)
    if request.subresource or request.operation is Operation.CONNECT:
        return allow(Reason.NOT_DECLARED_STATE)
    verdict = _decide_labelled(request, view)
    if deletes_namespace(request) and verdict.allowed:
        return _strictest([decide_deletion(request, view), verdict])
    return verdict


def _decide_labelled(request: Request, view: View) -> Verdict:
    # The owner before the request comes first: a label that changes is a change that it has a word in.
    labels = [label for label in (managed_by_label(request.old), managed_by_label(request.new)) if label]
    if not labels:
        return allow(Reason.NOT_MANAGED)
    return _strictest(_decide_for(label, request, view) for label in dict.fromkeys(labels))


def _decide_for(label: str, request: Request, view: View) -> Verdict:
    owner = view.owner_of(label)
    if owner is None:
        return allow(Reason.UNKNOWN_GITSYNC)
    if owner.mode is EnforcementMode.OFF:
        return allow(Reason.ENFORCEMENT_OFF, owner=owner)
    case = case_of(label, owner, request, view)
    return _verdict(case, _JUDGES[request.operation])


def _decide_scale(request: Request, view: View) -> Verdict:
    """A Scale carries no labels: which object it is about, and who declares that, must be known."""
    if request.user in AUTOSCALERS:
        return allow(Reason.AUTOSCALER)
    if not view.synced:
        raise Undecided("whether Git declares what is scaled is not known yet")
    cases = list(scaled_cases(request, view))
    return _strictest(_verdict(case, _judge_scale) for case in cases) if cases else allow(Reason.NOT_MANAGED)


def _verdict(case: Case, judge: Callable[[Case], Finding]) -> Verdict:
    """What the mode for this object makes of what is found."""
    owner, mode = case.owner, case.owner.mode_for(case.entry)
    revision = case.snapshot.revision.sha if case.snapshot and case.snapshot.revision else ""
    if mode is EnforcementMode.OFF:
        return allow(Reason.ENFORCEMENT_OFF, owner=owner, revision=revision)
    finding = judge(case)
    if finding.refusal is not None and case.is_exempt:
        finding = finding.excused()
    if finding.refusal is None:
        return allow(finding.reason, owner=owner, revision=revision)
    outcome = Outcome.ALLOW if finding.reason is Reason.EXEMPT else OUTCOMES[mode]
    if outcome is Outcome.DENY and case.glass is not None:
        return let_through(finding.refusal, case.glass, owner=owner, revision=revision)
    return refuse(finding.reason, finding.refusal, outcome=outcome, owner=owner, revision=revision)


def _strictest(verdicts: Iterable[Verdict]) -> Verdict:
    """The first denial; else the first that found fault, if only to warn of it, with the warnings of all."""
    passed: list[Verdict] = []
    for verdict in verdicts:
        if not verdict.allowed:
            return verdict
        passed.append(verdict)
    told = next((verdict for verdict in passed if verdict.refusal), passed[0])
    return replace(told, warnings=tuple(chain.from_iterable(verdict.warnings for verdict in passed)))


def _judge_update(case: Case) -> Finding:
    if is_terminating(case.old):  # its finalizers must be able to go, even declared ones
        return Finding(Reason.TERMINATING)
    if case.is_claim:
        return _judge_claim(case)
    if case.snapshot is not None and case.entry is None:
        return Finding(Reason.NOT_DECLARED)
    if not case.comparable:
        return _judge_by_managed_fields(case)
    changes = _divergences(case)
    counted, exempt = case.sorted_out(changes)
    if counted:
        return _diverging(case, counted)
    if lost := disowned(*_both(case), asked_by=case.request.field_manager):
        return _disowning(case, lost)
    if grown := _grown(case):
        return _disowning(case, (), grown)
    return _judge_additions(case, exempt, otherwise=Reason.IGNORED if changes else Reason.CONVERGES)


def _judge_delete(case: Case) -> Finding:
    if is_terminating(case.old):
        return Finding(Reason.TERMINATING)
    if case.request.user in CLEANERS:
        return Finding(Reason.CLEANUP)
    if case.snapshot is not None and case.entry is None:
        return Finding(Reason.NOT_DECLARED)
    if case.entry is None and case.has_copied_label:
        return Finding(Reason.COPIED_LABEL)
    if case.entry is None:
        return _not_known_yet(case, "whether Git declares it is not known")
    headline = f"is declared in Git: GitSync {owner_name(case.owner)} keeps it from being deleted"
    advice = f"Remove it from Git, then run: {case.sync_command}"
    return refused(case, Reason.DELETES_DECLARED, headline, advice=advice)


def _judge_claim(case: Case) -> Finding:
    """The label is new on the object: created with it, or given it."""
    if case.entry is None and case.has_copied_label and not case.is_by_person:
        return Finding(Reason.COPIED_LABEL)
    if case.snapshot is None:
        return _not_known_yet(case, "what Git says of it is not known")
    if case.entry is None:
        headline = f"has the label of GitSync {owner_name(case.owner)}, which does not declare it"
        advice = f"Remove the label {MANAGED_BY_LABEL}, or declare it in Git"
        return refused(case, Reason.CLAIMS_UNDECLARED, headline, advice=advice)
    if not case.comparable:
        return _not_known_yet(case, "its first sync has not ended")
    changes = _divergences(case)
    counted, exempt = case.sorted_out(changes)
    if counted:
        return _diverging(case, counted)
    return _judge_additions(case, exempt, otherwise=Reason.IGNORED if changes else Reason.CONVERGES)


def _judge_by_managed_fields(case: Case) -> Finding:
    """Without Git's word: no field may change that our manager owns, and its entry must stay as it is."""
    old, new = _both(case)
    if case.entry is None and case.has_copied_label:
        return Finding(Reason.COPIED_LABEL)
    before, after = our_fields_v1(old), our_fields_v1(new)
    changes = list(compare(old, new, FieldSet.parse(before))) if before else []
    if managed_by_label(new) != case.label and not any(change.path == _LABEL_PATH for change in changes):
        changes.append(FieldChange(_LABEL_PATH, case.label, lookup(new, _LABEL_PATH)))
    counted, exempt = case.sorted_out(changes)
    if counted:
        return _diverging(case, counted, wanted="is")
    if before != after:
        # To the letter: a leaf above a path is another claim than the path. What may change leaves our entry thereby.
        held, kept = dict.fromkeys(_set(before).leaves()), dict.fromkeys(_set(after).leaves())
        grown = [path for path in kept if path not in held]
        lost = [path for path in held if path not in kept and not _is_below(path, changes)]
        if grown or lost or not changes:
            return _disowning(case, lost, grown)
    return _judge_additions(case, exempt, otherwise=Reason.IGNORED if changes else Reason.KEEPS_FIELDS, wanted="is")


def _judge_scale(case: Case) -> Finding:
    """``old`` and ``new`` are Scales: of what is declared, they tell the replicas and nothing else."""
    assert case.entry is not None
    assert case.entry.canonical is not None
    asked = replicas_in(case.new)
    if asked == replicas_in(case.old):
        return Finding(Reason.CONVERGES)
    if case.is_stale and not case.is_autoscaled:
        return _not_known_yet(case, "what Git says of it now is not known")
    if not case.replicas:
        return _not_known_yet(case, "which of its fields holds the replicas is not known")
    desired = lookup(case.entry.canonical.tree, case.replicas)
    if desired is ABSENT or same(desired, asked):
        return Finding(Reason.CONVERGES)
    counted, exempt = case.sorted_out([FieldChange(case.replicas, desired, asked)])
    if counted:
        return _diverging(case, counted)
    return _diverging(case, exempt).excused() if exempt else Finding(Reason.IGNORED)


def _judge_additions(
    case: Case, diverging: list[FieldChange], *, otherwise: Reason, wanted: str = "Git says"
) -> Finding:
    """What is left to judge where nothing diverges but what the requester is exempt for."""
    found = list(_additions(case)) if case.is_by_person else []
    counted, exempt = case.sorted_out(found)
    if counted:
        return _adding(case, counted)
    if diverging:
        return _diverging(case, diverging, wanted=wanted).excused()
    return _adding(case, exempt).excused() if exempt else Finding(otherwise)


_JUDGES: dict[Operation, Callable[[Case], Finding]] = {
    Operation.CREATE: _judge_claim,
    Operation.UPDATE: _judge_update,
    Operation.DELETE: _judge_delete,
}


def _divergences(case: Case) -> list[FieldChange]:
    assert case.entry is not None
    assert case.new is not None
    return divergences(case.entry, case.old, case.new)


def _additions(case: Case) -> Iterable[FieldChange]:
    assert case.new is not None
    yield from bindings(case.old, case.new, case.declared)
    if case.owner.deny_additions and case.old is not None:
        yield from additions(case.old, case.new, case.declared)


def _grown(case: Case) -> list[FieldPath]:
    """Paths that enter our entry though Git does not declare them: somebody uses our field manager's name."""
    old, new = _both(case)
    before, after = our_fields_v1(old), our_fields_v1(new)
    return [] if before == after else list(beyond(_set(after), case.declared.union(_set(before))))


def _set(fields_v1: Object | None) -> FieldSet:
    return FieldSet.parse(fields_v1) if fields_v1 else EMPTY


def _is_below(path: FieldPath, changes: Iterable[FieldChange]) -> bool:
    return any(path[: len(change.path)] == change.path for change in changes)


def _both(case: Case) -> tuple[Object, Object]:
    assert case.old is not None
    assert case.new is not None
    return case.old, case.new


def _diverging(case: Case, changes: list[FieldChange], *, wanted: str = "Git says") -> Finding:
    absent = "not given" if case.old is None else "asked to remove it"
    origin_of: OriginOf = case.entry.origin_of if case.entry else lambda _: None
    paths, details = differences(changes, hidden=case.is_secret, wanted=wanted, absent=absent, origin_of=origin_of)
    stale = ", whose newest snapshot has not reached the webhook yet," if case.is_stale else ""
    headline = f"is kept by GitSync {owner_name(case.owner)}{stale}"
    return refused(case, Reason.DIVERGES, headline, paths=paths, details=details)


def _disowning(case: Case, lost: Sequence[FieldPath], grown: Sequence[FieldPath] = ()) -> Finding:
    headline = (
        f"is kept by GitSync {owner_name(case.owner)}, and the entry of field manager {FIELD_MANAGER} "
        "in its managedFields may not be changed by others"
    )
    return refused(
        case,
        Reason.DISOWNS,
        headline,
        paths=tuple(map(path_text, [*lost, *grown])),
        details=("would no longer be in that entry",) * len(lost) + ("would be in that entry",) * len(grown),
        advice="Leave metadata.managedFields as it is, and use another field manager",
    )


def _adding(case: Case, found: Sequence[FieldChange]) -> Finding:
    headline = f"is kept by GitSync {owner_name(case.owner)}, which lets nobody but controllers add this"
    return refused(
        case,
        Reason.ADDS,
        headline,
        paths=tuple(path_text(change.path) for change in found),
        details=tuple(described(change) for change in found),
        advice=f"Leave it out, or declare it in Git, then run: {case.sync_command}",
    )


def _not_known_yet(case: Case, why: str) -> Finding:
    headline = f"has the label of GitSync {owner_name(case.owner)}, and {why} yet"
    advice = f"Try again shortly, or see: {gitops_command('status', case.owner)}"
    return refused(case, Reason.NOT_KNOWN_YET, headline, advice=advice)
