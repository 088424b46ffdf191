"""Objects fit to be printed: values of Secrets masked. Pure."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
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


def without_values(text: str, secret: Object) -> str:
    """What somebody else said about a Secret, such as a webhook that refuses it, without the Secret's values."""
    values = [value for name in ("data", "stringData") for value in _values_in(secret.get(name))]
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, MASKED)
    return text


#: A shorter value is no secret, and is in any sentence.
_LEAST_LENGTH = 4


def _values_in(values: Any) -> Iterator[str]:
    """The values of a map, as they are and as what they encode."""
    for value in values.values() if isinstance(values, dict) else ():
        if isinstance(value, str):
            decoded = b""
            with contextlib.suppress(ValueError):
                decoded = base64.b64decode(value)
            yield from (one for one in (value, decoded.decode(errors="ignore")) if len(one) >= _LEAST_LENGTH)


def _masked(value: Any) -> Any:
    if value is None:
        return None
    return dict.fromkeys(value, MASKED) if isinstance(value, dict) else MASKED
