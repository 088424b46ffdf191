"""One request as one GitSync sees it, and what is found about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kubectl_gitops.api.breakglass import BreakGlass
from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.diff.compare import FieldChange
from kubectl_gitops.diff.fieldset import EMPTY, FieldSet, our_fields_v1
from kubectl_gitops.diff.path import FieldPath
from kubectl_gitops.diff.rules import REPLICAS
from kubectl_gitops.diff.secrets import holds_secret_values, seal
from kubectl_gitops.snapshot.model import Entry, Snapshot
from webhook.message import Refusal, gitops_command, source_of, subject_of
from webhook.requester import LABEL_COPIERS, is_person
from webhook.review import Request, managed_by_label
from webhook.verdict import Reason
from webhook.view import Owner, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Of a Secret, ``old`` and ``new`` are sealed where the key is known.

    ``key`` is the object that is judged. ``replicas`` is where it has its replicas; ``is_autoscaled`` says that a
    HorizontalPodAutoscaler sets them. ``glass`` is the break-glass that is open for it. ``snapshot`` is None,
    too, where there is a newer one that has not come here (``is_stale``); ``entry`` is then what was declared before.
    """

    request: Request
    key: ResourceKey
    label: str
    owner: Owner
    snapshot: Snapshot | None
    entry: Entry | None
    old: Object | None
    new: Object | None
    comparable: bool
    replicas: FieldPath = REPLICAS
    is_autoscaled: bool = False
    glass: BreakGlass | None = None
    is_stale: bool = False

    @property
    def is_secret(self) -> bool:
        return holds_secret_values(self.key.group, self.key.kind)

    @property
    def is_claim(self) -> bool:
        """Whether the request puts this GitSync's label on an object that did not have it."""
        return managed_by_label(self.old) != self.label

    @property
    def is_by_person(self) -> bool:
        return is_person(self.request, self.owner.rules.humans)

    @property
    def declared(self) -> FieldSet:
        """What Git declares of it; where that cannot be told for this version, what our field manager owns."""
        if self.comparable and self.entry is not None:
            return self.entry.fields
        ours = our_fields_v1(self.old or {})
        return FieldSet.parse(ours) if ours else EMPTY

    @property
    def has_copied_label(self) -> bool:
        """Whether a controller made this object after another one, labels and all, as EndpointSlices after Services.

        What Git declares has no owner reference (manifests with one are refused) and an entry of ours.
        """
        obj = self.new or self.old or {}
        if our_fields_v1(obj) is not None or our_fields_v1(self.old or {}) is not None:
            return False
        return bool(obj.get("metadata", {}).get("ownerReferences")) or self.request.user in LABEL_COPIERS

    @property
    def is_exempt(self) -> bool:
        """Whether the requester may do everything here."""
        return any(not one.places and one.is_for(self.request) for one in self.owner.exempt)

    @property
    def sync_command(self) -> str:
        return gitops_command("sync", self.owner)

    def sorted_out(self, changes: list[FieldChange]) -> tuple[list[FieldChange], list[FieldChange]]:
        """Those that count, and those that the requester is exempt for; the rest is ignored by a rule."""
        if not changes:
            return [], []
        tree = self.entry.canonical.tree if self.entry and self.entry.canonical else {}
        rules = self.owner.rules.for_object(self.key, self.new or {}, tree)
        exemptions = [one for one in self.owner.exempt if one.places and one.is_for(self.request)]
        counted: list[FieldChange] = []
        exempt: list[FieldChange] = []
        for change in changes:
            if rules.why(change.path, self.request.field_manager):
                continue
            if self.is_autoscaled and change.path == self.replicas:
                continue
            is_exempt = not rules.is_our_label(change.path) and any(one.holds(change.path) for one in exemptions)
            (exempt if is_exempt else counted).append(change)
        return counted, exempt


@dataclass(frozen=True, slots=True)
class Finding:
    """A reason, and where there is something to refuse or to record, the words for it."""

    reason: Reason
    refusal: Refusal | None = None

    def excused(self) -> Finding:
        """The same, by somebody who is exempt."""
        return replace(self, reason=Reason.EXEMPT)


def case_of(label: str, owner: Owner, request: Request, view: View) -> Case:
    """The case of an object that has this label, before or after the request."""
    snapshot = view.snapshots.get(label)
    is_stale = snapshot is not None and owner.is_ahead_of(snapshot)
    entry = snapshot.by_key.get(request.key) if snapshot else None
    is_secret = holds_secret_values(request.key.group, request.key.kind)
    key = view.sealing_key if is_secret else None
    scale = view.scales.get(request.resource)
    return Case(
        request=request,
        key=request.key,
        label=label,
        owner=owner,
        snapshot=None if is_stale else snapshot,
        entry=entry,
        old=seal(request.old, key) if key and request.old else request.old,
        new=seal(request.new, key) if key and request.new else request.new,
        # A canonical form says nothing about the object in another version, nor a sealed one about open values.
        comparable=not is_stale
        and entry is not None
        and entry.canonical is not None
        and entry.api_version == request.api_version
        and (not is_secret or key is not None),
        replicas=(scale.path_in(request.api_version) if scale else None) or REPLICAS,
        is_autoscaled=request.key in view.autoscaled,
        glass=view.glass_for(label, request.key),
        is_stale=is_stale,
    )


def refused(
    case: Case,
    reason: Reason,
    headline: str,
    *,
    paths: tuple[str, ...] = (),
    details: tuple[str, ...] = (),
    advice: str = "",
) -> Finding:
    """Something to refuse, with where Git declares the object."""
    entry = case.entry
    return Finding(
        reason,
        Refusal(
            subject=subject_of(case.key),
            headline=headline,
            paths=paths,
            details=details,
            source=source_of(entry.origin, entry.commit) if entry else "",
            advice=advice or f"Change it in Git, then run: {case.sync_command}",
            emergency=gitops_command("break-glass", case.owner),
        ),
    )
