"""From what a snapshot tells of an object back to one that can be applied, without Git. Pure."""

from __future__ import annotations

from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.secrets import is_secret
from kubectl_gitops.snapshot.model import Entry


def applicable(entry: Entry) -> Object | None:
    """An object to apply from its canonical form alone; None for a Secret, whose values are sealed in it."""
    if entry.canonical is None:
        return None
    obj = {"apiVersion": entry.api_version, "kind": entry.kind, **entry.canonical.tree}
    if is_secret(obj):
        return None
    identity = {"name": entry.name, **({"namespace": entry.namespace} if entry.namespace else {})}
    return {**obj, "metadata": {**(entry.canonical.tree.get("metadata") or {}), **identity}}
