"""The deletion of a Namespace: it takes along all that is in it, whatever is said about each object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kubectl_gitops.api.breakglass import BreakGlass
from kubectl_gitops.api.gitsync import EnforcementMode
from webhook.changes import is_terminating
from webhook.message import Refusal, object_line, owner_name, release_command, subject_of
from webhook.requester import CLEANERS
from webhook.review import Operation, Request
from webhook.verdict import OUTCOMES, Outcome, Reason, Undecided, Verdict, allow, let_through, refuse
from webhook.view import Owner, View

#: How many of the objects in it a message names; it tells the number of all.
MAX_NAMED = 10

_SEVERITY = (EnforcementMode.ENFORCE, EnforcementMode.WARN, EnforcementMode.AUDIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A declared object in the namespace, as a message names it, and how it is guarded."""

    owner: Owner
    mode: EnforcementMode
    glass: BreakGlass | None
    name: str
    place: str


def deletes_namespace(request: Request) -> bool:
    return request.operation is Operation.DELETE and request.key[:2] == ("", "Namespace")


def decide_deletion(request: Request, view: View) -> Verdict:
    """Whether a Namespace may go, for what is in it. Raises Undecided while that is not known."""
    if is_terminating(request.old):
        return allow(Reason.TERMINATING)
    if request.user in CLEANERS:
        return allow(Reason.CLEANUP)
    if not view.synced:
        raise Undecided("whether Git declares anything in the namespace is not known yet")
    held = list(_held_in(request.key.name, view))
    if not held:
        return allow(Reason.NOT_MANAGED)
    guarding = [one for one in held if not _is_exempt(one.owner, request)]
    opened = [one for one in guarding if one.glass is not None and one.mode is EnforcementMode.ENFORCE]
    guarding = [one for one in guarding if one not in opened]
    mode = min((one.mode for one in guarding), key=_SEVERITY.index, default=None)
    if opened and mode is not EnforcementMode.ENFORCE:
        assert opened[0].glass is not None
        return let_through(_refusal(request, opened), opened[0].glass, owner=opened[0].owner, revision="")
    told = [one for one in guarding if one.mode is mode] or held
    outcome = OUTCOMES[mode] if mode else Outcome.ALLOW
    reason = Reason.DELETES_NAMESPACE if mode else Reason.EXEMPT
    return refuse(reason, _refusal(request, told), outcome=outcome, owner=told[0].owner, revision="")


def _held_in(namespace: str, view: View) -> Iterator[_Held]:
    """What is declared there and guarded, in the order of the GitSyncs' labels and of their declarations.

    Only what the API server has accepted once counts: nobody shall be able to keep others' namespaces by
    declaring what may not be applied.
    """
    for label, snapshot in view.declaring(namespace):
        owner = view.owner_of(label)
        if owner is None or owner.mode is EnforcementMode.OFF:
            continue
        for entry in snapshot.in_namespace(namespace):
            mode = owner.mode_for(entry)
            if entry.canonical is not None and mode is not EnforcementMode.OFF:
                yield _Held(
                    owner=owner,
                    mode=mode,
                    glass=view.glass_for(label, entry.key),
                    name=str(entry.key),
                    place=str(entry.origin),
                )


def _is_exempt(owner: Owner, request: Request) -> bool:
    return any(not one.places and one.is_for(request) for one in owner.exempt)


def _refusal(request: Request, held: Sequence[_Held]) -> Refusal:
    owners = list(dict.fromkeys(one.owner for one in held))
    others = f" and {len(owners) - 1} more" if len(owners) > 1 else ""
    objects = "1 object" if len(held) == 1 else f"{len(held)} objects"
    lines = [object_line(one.name, one.place) for one in held[:MAX_NAMED]]
    return Refusal(
        subject=subject_of(request.key),
        headline=f"holds {objects} that Git declares: GitSync {owner_name(owners[0])}{others} keeps it",
        paths=tuple(name for name, _ in lines),
        details=tuple(place for _, place in lines),
        unnamed=len(held) - len(lines),
        advice=f"Remove them from Git and sync; or, to let all go: {release_command(owners[0])}",
    )
