"""Verdicts: what was decided about a request, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kubectl_gitops.api.breakglass import BreakGlass
from kubectl_gitops.api.gitsync import EnforcementMode
from kubectl_gitops.errors import GitOpsError
from webhook.message import MAX_WARNING, Refusal, as_text, as_warnings, plain
from webhook.view import Owner

#: Audit annotations are for machines that search; a few KiB of paths are enough to find the request.
_MAX_AUDIT_FIELDS = 32
_MAX_AUDIT_PATH = 120
_MAX_AUDIT_GLASS = 512


class Reason(StrEnum):
    # Allowed
    RECONCILER = "Reconciler"  # our own write
    PLAN = "Plan"  # a dry-run under our field manager: how a plan asks what an apply would do
    NOT_DECLARED_STATE = "NotDeclaredState"  # a subresource: exec, ephemeral containers, status
    NOT_MANAGED = "NotManaged"  # no label of ours, before or after
    UNKNOWN_GITSYNC = "UnknownGitSync"  # the label names a GitSync that does not exist
    ENFORCEMENT_OFF = "EnforcementOff"
    NOT_DECLARED = "NotDeclared"  # Git declares no such object (any more)
    TERMINATING = "Terminating"  # it is being deleted already
    CLEANUP = "Cleanup"  # the namespace or garbage collection controller deletes
    COPIED_LABEL = "CopiedLabel"  # a controller copied the label from its parent
    CONVERGES = "Converges"  # every declared field that changes ends at Git's value
    IGNORED = "Ignored"  # every declared field that diverges may, by an ignore rule
    AUTOSCALER = "Autoscaler"  # what scales on behalf of HorizontalPodAutoscalers
    EXEMPT = "Exempt"  # would be refused, but whoever asks is exempt
    BREAK_GLASS = "BreakGlass"  # would be refused, but break-glass is open
    KEEPS_FIELDS = "KeepsFields"  # what Git says is not known here, but no field of ours changes
    # Refused, where enforced
    DIVERGES = "Diverges"  # a declared field ends elsewhere than Git says and than it was
    DISOWNS = "Disowns"  # our entry in managedFields is dropped or doctored
    ADDS = "Adds"  # a person adds what hands the object to others, or what Git does not declare
    DELETES_DECLARED = "DeletesDeclared"
    CLAIMS_UNDECLARED = "ClaimsUndeclared"  # our label on something that Git does not declare
    DELETES_NAMESPACE = "DeletesNamespace"  # and with it what Git declares there
    UNREADABLE = "Unreadable"  # nested too deeply
    PROBE = "Probe"  # asked whether the webhook is there; always refused, and never of what is stored
    NOT_KNOWN_YET = "NotKnownYet"  # whether it diverges cannot be told yet


class Undecided(GitOpsError):
    """Whether the request touches what is managed cannot be told: the failurePolicy decides."""


class Outcome(StrEnum):
    ALLOW = "Allow"
    WARN = "Warn"  # would be refused, allowed with warnings
    AUDIT = "Audit"  # would be refused, allowed and recorded
    DENY = "Deny"


#: What a mode makes of a request that is wrong.
OUTCOMES = {
    EnforcementMode.ENFORCE: Outcome.DENY,
    EnforcementMode.WARN: Outcome.WARN,
    EnforcementMode.AUDIT: Outcome.AUDIT,
    EnforcementMode.OFF: Outcome.ALLOW,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``refusal`` says what is wrong with the request, also where a mode, an exemption or ``glass`` lets it pass."""

    outcome: Outcome
    reason: Reason
    owner: Owner | None = None
    revision: str = ""
    refusal: Refusal | None = None
    warnings: tuple[str, ...] = ()
    glass: BreakGlass | None = None

    @property
    def allowed(self) -> bool:
        return self.outcome is not Outcome.DENY

    @property
    def gitsync(self) -> str:
        return str(self.owner) if self.owner else ""

    @property
    def fields(self) -> tuple[str, ...]:
        """The paths of the fields at fault."""
        return self.refusal.paths if self.refusal else ()

    @property
    def message(self) -> str:
        """For the person whose request is denied; "" where it is not."""
        return as_text(self.refusal) if self.refusal and not self.allowed else ""

    def audit_annotations(self) -> dict[str, str]:
        """For the API server's audit log. Paths only, never values."""
        shown = [plain(path, _MAX_AUDIT_PATH) for path in self.fields[:_MAX_AUDIT_FIELDS]]
        if len(self.fields) > len(shown):
            shown.append(f"and {len(self.fields) - len(shown)} more")
        annotations = {
            "verdict": self.outcome.value,
            "reason": self.reason.value,
            "gitsync": self.gitsync,
            "commit": self.revision,
            "fields": ", ".join(shown),
            "break-glass": plain(f"{self.glass.by}: {self.glass.reason}", _MAX_AUDIT_GLASS) if self.glass else "",
        }
        return {name: value for name, value in annotations.items() if value}


def allow(reason: Reason, *, owner: Owner | None = None, revision: str = "") -> Verdict:
    return Verdict(outcome=Outcome.ALLOW, reason=reason, owner=owner, revision=revision)


def refuse(reason: Reason, refusal: Refusal, *, outcome: Outcome, owner: Owner, revision: str) -> Verdict:
    """A request that is wrong, with what the mode of its GitSync makes of that."""
    warnings = as_warnings(refusal) if outcome is Outcome.WARN else ()
    return Verdict(outcome=outcome, reason=reason, owner=owner, revision=revision, refusal=refusal, warnings=warnings)


def let_through(refusal: Refusal, glass: BreakGlass, *, owner: Owner, revision: str) -> Verdict:
    """A request that is wrong, under an open break-glass: allowed, with a warning, and to be recorded."""
    then = "Git's state is restored" if glass.restores else "the drift is reported"
    warning = (
        f"break-glass of {plain(glass.by, 60)} is open until {glass.until_text}; then {then}. "
        f"{plain(glass.reason, 110)}"
    )
    return Verdict(
        outcome=Outcome.ALLOW,
        reason=Reason.BREAK_GLASS,
        owner=owner,
        revision=revision,
        refusal=refusal,
        warnings=(plain(warning, MAX_WARNING),),
        glass=glass,
    )
