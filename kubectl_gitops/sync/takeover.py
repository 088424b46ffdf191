"""Take an object over from the tool that applied it before us: from then on we own what it had set. Pure.

Without this the other tool stays the co-owner of every field that it applied, so that one that Git declares no longer
would never go (client-go, util/csaupgrade, does the same for kubectl).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubectl_gitops.api.names import FIELD_MANAGER
from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.fieldset import managed_fields, our_fields_v1

#: Field managers under which tools apply whole manifests, by operation. A person's edits are nobody's manifest.
_APPLIERS = {
    "Update": {
        *("kubectl-client-side-apply", "kubectl-create", "before-first-apply"),
        *("helm", "helm-controller", "argocd-controller", "kustomize-controller"),
    },
    "Apply": {"kubectl", "helm", "helm-controller", "argocd-controller", "kustomize-controller", "flux"},
}


class Takeover(NamedTuple):
    """``managers`` lose what they own, and ``managed_fields`` say whose everything is then."""

    managers: tuple[str, ...]
    managed_fields: list[dict[str, Any]]


def takeover_of(live: Object) -> Takeover | None:
    """How to take ``live`` over; None where we have applied it before, or no such tool has.

    What another served version of the object says of its fields cannot be merged: that is left to nobody.
    """
    if our_fields_v1(live) is not None:
        return None
    theirs = [entry for entry in managed_fields(live) if _is_applier(entry)]
    mergeable = [entry for entry in theirs if entry.get("apiVersion") == live["apiVersion"]]
    if not mergeable:
        return None
    fields: dict[str, Any] = {}
    for entry in mergeable:
        fields = _merged(fields, entry["fieldsV1"])
    ours = {
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "apiVersion": live["apiVersion"],
        "time": max(str(entry.get("time") or "") for entry in mergeable) or None,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    kept = [entry for entry in live["metadata"]["managedFields"] if entry not in theirs]
    managers = tuple(dict.fromkeys(str(entry["manager"]) for entry in theirs))
    return Takeover(managers, [ours, *kept])


def _is_applier(entry: dict[str, Any]) -> bool:
    is_of_object = not entry.get("subresource")
    return is_of_object and entry.get("manager") in _APPLIERS.get(str(entry.get("operation")), ())


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The union of two FieldsV1 trees."""
    merged = dict(one)
    for name, sub in other.items():
        merged[name] = _merged(merged[name], sub) if name in merged else sub
    return merged
