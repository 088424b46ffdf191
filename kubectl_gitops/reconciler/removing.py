"""Take away from one object what people added to it and Git does not declare (``spec.sync.additions: remove``)."""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_gitops.api.names import CONTROLLER_FIELD_MANAGER
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.writing import json_patch
from kubectl_gitops.diff.drift import DriftedField, DriftKind, ObjectDrift
from kubectl_gitops.diff.path import format_path
from kubectl_gitops.diff.removal import removal_patch
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.snapshot.model import Entry
from kubectl_gitops.sync.drift import drift_of


@dataclass(frozen=True, slots=True)
class Removed:
    """The object as it is without what people had added, and what that was."""

    answer: Object
    fields: tuple[DriftedField, ...]

    def __str__(self) -> str:
        """``data.extra (kubectl-edit), metadata.labels.tier (k9s)``: names and authors, never values."""
        return ", ".join(
            format_path(one.path) + (f" ({one.owner.manager})" if one.owner else "") for one in self.fields
        )


def additions_in(drift: ObjectDrift | None) -> tuple[DriftedField, ...]:
    """Those fields of an object's drift that people added."""
    return tuple(one for one in drift.fields if one.kind is DriftKind.ADDED) if drift else ()


def remove_additions(
    live: Object, entry: Entry, *, sealing_key: bytes, rules: Rules, writer: Cluster, discovery: Discovery
) -> Removed | None:
    """Remove what counts as added in ``live``; None where there is nothing that may be removed. Raises ClusterError.

    Under another field manager than ours: what the API server fills in instead is nothing that Git declares.
    """
    if live["metadata"].get("deletionTimestamp"):
        return None
    added = additions_in(drift_of(entry, live, sealing_key, rules).drift)
    operations = removal_patch(live, [one.path for one in added], entry.fields, rules.humans) if added else []
    if not operations:
        return None
    resource = discovery.need(entry.api_version, entry.kind)
    answer = json_patch(writer, resource, entry.namespace, entry.name, operations, manager=CONTROLLER_FIELD_MANAGER)
    return Removed(answer, added)
