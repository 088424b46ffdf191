"""Which declared objects a write of ``*/scale`` is about."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.snapshot.model import Entry, Snapshot
from webhook.case import Case
from webhook.review import Request
from webhook.scales import Scale
from webhook.view import View


def scaled_cases(request: Request, view: View) -> Iterator[Case]:
    """One for each GitSync that declares the object; none where Git does not declare it.

    Only what the API server has accepted once counts: whoever may write a GitSync could otherwise forbid others to
    scale what is theirs, by declaring it without being able to apply it.
    """
    scale = view.scales.get(request.resource)
    for label, snapshot in view.declaring(request.namespace):
        owner = view.owner_of(label)
        if owner is None:
            continue
        for entry in _entries(request, scale, snapshot):
            if entry.canonical is not None:
                yield Case(
                    request=request,
                    key=entry.key,
                    label=label,
                    owner=owner,
                    snapshot=snapshot,
                    entry=entry,
                    old=request.old,
                    new=request.new,
                    comparable=True,
                    replicas=(scale.path_in(entry.api_version) if scale else None) or (),
                    is_autoscaled=entry.key in view.autoscaled,
                    glass=view.glass_for(label, entry.key),
                    is_stale=owner.is_ahead_of(snapshot),
                )


def _entries(request: Request, scale: Scale | None, snapshot: Snapshot) -> list[Entry]:
    """The object of that kind; where the kind is not known (yet), all of that group and name."""
    group, namespace, name = request.resource.group, request.namespace, request.name
    if scale is not None:
        entry = snapshot.by_key.get(ResourceKey(group, scale.kind, namespace, name))
        return [entry] if entry else []
    return [one for one in snapshot.in_namespace(namespace) if (one.key.group, one.name) == (group, name)]
