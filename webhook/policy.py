"""The decision about one request: a pure function of the request and of what is known.

Each row of the table of decisions is a branch here, and a test in tests/unit/webhook/test_policy.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from kubectl_gitops.api.gitsync import EnforcementMode
from kubectl_gitops.api.names import ACTOR_EXTRA_KEY, ACTOR_RECONCILER, FIELD_MANAGER, MANAGED_BY_LABEL
from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.compare import FieldChange, compare
from kubectl_gitops.diff.fieldset import FieldSet, our_fields_v1
from kubectl_gitops.diff.path import FieldPath, lookup
from kubectl_gitops.diff.secrets import holds_secret_values, seal
from kubectl_gitops.snapshot.model import Entry, Snapshot
from webhook.changes import disowned, divergences, is_terminating
from webhook.message import (
    OriginOf,
    Refusal,
    differences,
    gitops_command,
    owner_name,
    path_text,
    source_of,
    subject_of,
)
from webhook.review import Operation, Request, managed_by_label
from webhook.verdict import Outcome, Reason, Verdict, allow, refuse
from webhook.view import Owner, View

_LABEL_PATH: FieldPath = ("metadata", "labels", MANAGED_BY_LABEL)

# Where the controller manager does not use an account for each controller, they are all the one user.
_CONTROLLER_MANAGER = "system:kube-controller-manager"
#: Who deletes what is doomed anyway: refusing would leave a namespace or an owner's children behind for ever.
_CLEANERS = frozenset(
    {
        "system:serviceaccount:kube-system:namespace-controller",
        "system:serviceaccount:kube-system:generic-garbage-collector",
        _CONTROLLER_MANAGER,
    }
)
#: Who copies the labels of a Service to objects that have no owner reference. (EndpointSlices have one.)
_LABEL_COPIERS = frozenset({"system:serviceaccount:kube-system:endpoint-controller", _CONTROLLER_MANAGER})

_OUTCOMES = {
    EnforcementMode.ENFORCE: Outcome.DENY,
    EnforcementMode.WARN: Outcome.WARN,
    EnforcementMode.AUDIT: Outcome.AUDIT,
    EnforcementMode.OFF: Outcome.ALLOW,
}


def decide(request: Request, view: View) -> Verdict:
    """Whether the request may pass. No I/O, no clock: the same answer for the same question."""
    if ACTOR_RECONCILER in request.extra.get(ACTOR_EXTRA_KEY, ()):
        return allow(Reason.RECONCILER)
    if request.dry_run and request.field_manager == FIELD_MANAGER:
        # Nothing is stored, and a person who asks `diff` about another revision must get an answer.
        return allow(Reason.PLAN)
    if request.subresource or request.operation is Operation.CONNECT:
        return allow(Reason.NOT_DECLARED_STATE)
    # The owner before the request comes first: a label that changes is a change that it has a word in.
    labels = [label for label in (managed_by_label(request.old), managed_by_label(request.new)) if label]
    if not labels:
        return allow(Reason.NOT_MANAGED)
    verdicts: list[Verdict] = []
    for label in dict.fromkeys(labels):
        verdict = _decide_for(label, request, view)
        if not verdict.allowed:
            return verdict
        verdicts.append(verdict)
    # The first that found fault, if only to warn of it, is the one to record.
    told = next((verdict for verdict in verdicts if verdict.refusal), verdicts[0])
    return replace(told, warnings=tuple(chain.from_iterable(verdict.warnings for verdict in verdicts)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A request as one GitSync sees it. Of a Secret, ``old`` and ``new`` are sealed where the key is known."""

    request: Request
    label: str
    owner: Owner
    snapshot: Snapshot | None
    entry: Entry | None
    old: Object | None
    new: Object | None
    comparable: bool

    @property
    def is_secret(self) -> bool:
        return holds_secret_values(self.request.key.group, self.request.key.kind)

    @property
    def is_claim(self) -> bool:
        """Whether the request puts this GitSync's label on an object that did not have it."""
        return managed_by_label(self.old) != self.label


@dataclass(frozen=True, slots=True)
class _Finding:
    """A reason, and where it is one to refuse, the words for it."""

    reason: Reason
    refusal: Refusal | None = None


def _decide_for(label: str, request: Request, view: View) -> Verdict:
    owner = view.owner_of(label)
    if owner is None:
        return allow(Reason.UNKNOWN_GITSYNC)
    if owner.mode is EnforcementMode.OFF:
        return allow(Reason.ENFORCEMENT_OFF, owner=owner)
    case = _case(label, owner, request, view)
    finding = _JUDGES[request.operation](case)
    revision = case.snapshot.revision.sha if case.snapshot and case.snapshot.revision else ""
    if finding.refusal is None:
        return allow(finding.reason, owner=owner, revision=revision)
    return refuse(finding.reason, finding.refusal, outcome=_OUTCOMES[owner.mode], owner=owner, revision=revision)


def _case(label: str, owner: Owner, request: Request, view: View) -> _Case:
    snapshot = view.snapshots.get(label)
    entry = snapshot.by_key.get(request.key) if snapshot else None
    is_secret = holds_secret_values(request.key.group, request.key.kind)
    key = view.sealing_key if is_secret else None
    return _Case(
        request=request,
        label=label,
        owner=owner,
        snapshot=snapshot,
        entry=entry,
        old=seal(request.old, key) if key and request.old else request.old,
        new=seal(request.new, key) if key and request.new else request.new,
        # A canonical form says nothing about the object in another version, nor a sealed one about open values.
        comparable=entry is not None
        and entry.canonical is not None
        and entry.api_version == request.api_version
        and (not is_secret or key is not None),
    )


def _judge_update(case: _Case) -> _Finding:
    if is_terminating(case.old):  # its finalizers must be able to go, even declared ones
        return _Finding(Reason.TERMINATING)
    if case.is_claim:
        return _judge_claim(case)
    if case.snapshot is not None and case.entry is None:
        return _Finding(Reason.NOT_DECLARED)
    if not case.comparable:
        return _judge_by_managed_fields(case)
    changes = _divergences(case)
    if counted := _counted(case, changes):
        return _diverging(case, counted)
    if lost := disowned(*_both(case)):
        return _disowning(case, lost)
    return _Finding(Reason.IGNORED if changes else Reason.CONVERGES)


def _judge_delete(case: _Case) -> _Finding:
    if is_terminating(case.old):
        return _Finding(Reason.TERMINATING)
    if case.request.user in _CLEANERS:
        return _Finding(Reason.CLEANUP)
    if case.snapshot is not None and case.entry is None:
        return _Finding(Reason.NOT_DECLARED)
    if case.entry is None and _has_copied_label(case):
        return _Finding(Reason.COPIED_LABEL)
    if case.entry is None:
        return _not_known_yet(case, "whether Git declares it is not known")
    headline = f"is declared in Git: GitSync {owner_name(case.owner)} keeps it from being deleted"
    return _refused(case, Reason.DELETES_DECLARED, headline, advice=f"Remove it from Git, then run: {_command(case)}")


def _judge_claim(case: _Case) -> _Finding:
    """The label is new on the object: created with it, or given it."""
    if case.entry is None and _has_copied_label(case):
        return _Finding(Reason.COPIED_LABEL)
    if case.snapshot is None:
        return _not_known_yet(case, "what Git says of it is not known")
    if case.entry is None:
        headline = f"has the label of GitSync {owner_name(case.owner)}, which does not declare it"
        return _refused(
            case,
            Reason.CLAIMS_UNDECLARED,
            headline,
            advice=f"Remove the label {MANAGED_BY_LABEL}, or declare it in Git",
        )
    if not case.comparable:
        return _not_known_yet(case, "its first sync has not ended")
    changes = _divergences(case)
    if counted := _counted(case, changes):
        return _diverging(case, counted)
    return _Finding(Reason.IGNORED if changes else Reason.CONVERGES)


def _judge_by_managed_fields(case: _Case) -> _Finding:
    """Without Git's word: no field may change that our manager owns, and its entry must stay as it is."""
    old, new = _both(case)
    if case.entry is None and _has_copied_label(case):
        return _Finding(Reason.COPIED_LABEL)
    before, after = our_fields_v1(old), our_fields_v1(new)
    changes = _counted(case, list(compare(old, new, FieldSet.parse(before)))) if before else []
    if managed_by_label(new) != case.label and not any(change.path == _LABEL_PATH for change in changes):
        changes.append(FieldChange(_LABEL_PATH, case.label, lookup(new, _LABEL_PATH)))
    if changes:
        return _diverging(case, changes, wanted="is")
    if before != after:
        return _disowning(case, list(disowned(old, new)))
    return _Finding(Reason.KEEPS_FIELDS)


_JUDGES: dict[Operation, Callable[[_Case], _Finding]] = {
    Operation.CREATE: _judge_claim,
    Operation.UPDATE: _judge_update,
    Operation.DELETE: _judge_delete,
}


def _divergences(case: _Case) -> list[FieldChange]:
    assert case.entry is not None
    assert case.new is not None
    return divergences(case.entry, case.old, case.new)


def _counted(case: _Case, changes: list[FieldChange]) -> list[FieldChange]:
    """Those that no ignore rule lets pass."""
    if not changes:
        return []
    declared = case.entry.canonical.tree if case.entry and case.entry.canonical else {}
    rules = case.owner.rules.for_object(case.request.key, case.new or {}, declared)
    return [change for change in changes if not rules.why(change.path, case.request.field_manager)]


def _has_copied_label(case: _Case) -> bool:
    """Whether a controller made this object after another one, labels and all, as EndpointSlices after Services.

    What Git declares has no owner reference (manifests with one are refused) and an entry of ours.
    """
    obj = case.new or case.old or {}
    if our_fields_v1(obj) is not None or our_fields_v1(case.old or {}) is not None:
        return False
    return bool(obj.get("metadata", {}).get("ownerReferences")) or case.request.user in _LABEL_COPIERS


def _both(case: _Case) -> tuple[Object, Object]:
    assert case.old is not None
    assert case.new is not None
    return case.old, case.new


def _diverging(case: _Case, changes: list[FieldChange], *, wanted: str = "Git says") -> _Finding:
    absent = "not given" if case.old is None else "asked to remove it"
    origin_of: OriginOf = case.entry.origin_of if case.entry else lambda _: None
    paths, details = differences(changes, hidden=case.is_secret, wanted=wanted, absent=absent, origin_of=origin_of)
    headline = f"is kept by GitSync {owner_name(case.owner)}"
    return _refused(case, Reason.DIVERGES, headline, paths=paths, details=details)


def _disowning(case: _Case, lost: Sequence[FieldPath]) -> _Finding:
    headline = (
        f"is kept by GitSync {owner_name(case.owner)}, and the entry of field manager {FIELD_MANAGER} "
        "in its managedFields may not be changed by others"
    )
    return _refused(
        case,
        Reason.DISOWNS,
        headline,
        paths=tuple(map(path_text, lost)),
        details=("would no longer be in that entry",) * len(lost),
        advice="Leave metadata.managedFields as it is, and use another field manager",
    )


def _not_known_yet(case: _Case, why: str) -> _Finding:
    headline = f"has the label of GitSync {owner_name(case.owner)}, and {why} yet"
    advice = f"Try again shortly, or see: {gitops_command('status', case.owner)}"
    return _refused(case, Reason.NOT_KNOWN_YET, headline, advice=advice)


def _refused(
    case: _Case,
    reason: Reason,
    headline: str,
    *,
    paths: tuple[str, ...] = (),
    details: tuple[str, ...] = (),
    advice: str = "",
) -> _Finding:
    entry = case.entry
    return _Finding(
        reason,
        Refusal(
            subject=subject_of(case.request.key),
            headline=headline,
            paths=paths,
            details=details,
            source=source_of(entry.origin, entry.commit) if entry else "",
            advice=advice or f"Change it in Git, then run: {_command(case)}",
        ),
    )


def _command(case: _Case) -> str:
    return gitops_command("sync", case.owner)
