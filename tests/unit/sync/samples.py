"""Objects as the API server answers them, with the field sets that it would write."""

from __future__ import annotations

from typing import Any

from kubectl_gitops.api.names import FIELD_MANAGER
from kubectl_gitops.api.objects import Declared, Object, Origin
from kubectl_gitops.diff.compare import canonical_of
from kubectl_gitops.diff.secrets import declared_digest, seal
from kubectl_gitops.snapshot.model import Entry

KEY = b"a key"


def fields_of(value: Any) -> dict[str, Any]:
    """FieldsV1 of maps; whatever else there is counts as one value."""
    return {f"f:{name}": fields_of(sub) if isinstance(sub, dict) else {} for name, sub in value.items()}


def declared(data: dict[str, str], *, name: str = "web", kind: str = "ConfigMap", line: int = 1) -> Declared:
    obj = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "data": data}
    return Declared(object=obj, origin=Origin("web.yaml", line))


def applied(one: Declared, *, version: int = 5, by: str = FIELD_MANAGER) -> Object:
    """The API server's answer to the apply of an object, were nobody else there."""
    fields = {name: value for name, value in one.object.items() if name == "data"}
    entry = {"manager": by, "operation": "Apply", "apiVersion": "v1", "fieldsV1": fields_of(fields)}
    metadata = {**one.object["metadata"], "resourceVersion": str(version), "uid": "u", "managedFields": [entry]}
    return {**one.object, "metadata": metadata}


def changed(live: Object, /, *, version: int, by: str = "kubectl-edit", **data: str | None) -> Object:
    """Somebody sets or drops (None) values: they own what they set, and we no longer what they took."""
    ours = {name: value for name, value in live["data"].items() if name not in data}
    theirs = {name: value for name, value in data.items() if value is not None}
    entries = [
        {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields_of({"data": ours} if ours else {})},
        {"manager": by, "operation": "Update", "fieldsV1": fields_of({"data": theirs}), "time": "2026-01-01T00:00:00Z"},
    ]
    metadata = {**live["metadata"], "resourceVersion": str(version), "managedFields": entries}
    return {**live, "metadata": metadata, "data": {**ours, **theirs}}


def entry_of(one: Declared, answer: Object | None = None) -> Entry:
    """What a snapshot keeps of it; without an answer, the canonical form is not known yet."""
    return Entry(
        api_version=one.api_version,
        kind=one.kind,
        namespace=one.namespace,
        name=one.name,
        origin=one.origin,
        declared_digest=declared_digest(one, KEY),
        canonical=canonical_of(seal(answer, KEY)) if answer else None,
    )
