"""Objects fit to be printed: values of Secrets masked. Pure."""

from __future__ import annotations

from typing import Any

from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.secrets import LAST_APPLIED_ANNOTATION, MASKED

#: What a Secret may show: all that is no value, nor a misspelt place for one.
_SHOWN_OF_SECRETS = {"apiVersion", "kind", "metadata", "type", "immutable"}


def shown(obj: Object) -> Object:
    """An object fit to be printed: values of a Secret masked."""
    if obj.get("kind") != "Secret":
        return obj
    masked_values = {name: _masked(value) for name, value in obj.items() if name not in _SHOWN_OF_SECRETS}
    metadata = obj.get("metadata") or {}
    if LAST_APPLIED_ANNOTATION in (metadata.get("annotations") or {}):
        metadata = {**metadata, "annotations": {**metadata["annotations"], LAST_APPLIED_ANNOTATION: MASKED}}
        masked_values["metadata"] = metadata
    return {**obj, **masked_values}


def _masked(value: Any) -> Any:
    if value is None:
        return None
    return dict.fromkeys(value, MASKED) if isinstance(value, dict) else MASKED
