"""Values of Secrets: sealed as keyed digests where they are stored, masked where they are shown."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from kubectl_gitops.api.objects import Declared, Object, digest
from kubectl_gitops.diff.compare import FieldChange
from kubectl_gitops.diff.path import ABSENT

_PREFIX = "hmac-sha256:"
_SEALED_FIELDS = ("data", "stringData")
MASKED = "***"
#: Git's value, and what somebody made of it: all that may be said is that they differ.
MASKED_BEFORE = "*** (before)"
MASKED_AFTER = "*** (after)"
#: kubectl's client-side apply keeps a copy of the whole object here, values included.
LAST_APPLIED_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


def holds_secret_values(group: str, kind: str) -> bool:
    """Whether objects of this kind have values that must never be stored, printed or logged."""
    return kind == "Secret" and not group


def is_secret(obj: Object) -> bool:
    return obj.get("kind") == "Secret" and obj.get("apiVersion") == "v1"


def seal(obj: Object, key: bytes) -> Object:
    """A Secret with each value replaced by its keyed digest; anything else as it is.

    Equal values have equal digests, so a sealed object still shows whether and which keys differ.
    """
    if not is_secret(obj):
        return obj
    sealed = dict(obj)
    for name in _SEALED_FIELDS:
        values = obj.get(name)
        if isinstance(values, dict):
            sealed[name] = {k: _digest(v, key) for k, v in values.items()}
    annotations = obj.get("metadata", {}).get("annotations") or {}
    if LAST_APPLIED_ANNOTATION in annotations:
        kept = {**annotations, LAST_APPLIED_ANNOTATION: _digest(annotations[LAST_APPLIED_ANNOTATION], key)}
        sealed["metadata"] = {**obj["metadata"], "annotations": kept}
    return sealed


def declared_digest(declared: Declared, key: bytes) -> str:
    """A hash of what is declared: equal content, equal digest, whatever the order of keys.

    Values of Secrets count sealed. From a hash of them as they are, whoever reads a snapshot could try out guesses.
    """
    return digest(seal(declared.object, key))


def _digest(value: Any, key: bytes) -> str:
    text = str(value)
    if text.startswith(_PREFIX):  # sealed already
        return text
    return _PREFIX + hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def masked(change: FieldChange) -> FieldChange:
    """A change of a Secret with its values hidden: only that and where it changed is left."""
    if change.path[:1] not in {("data",), ("stringData",)} and LAST_APPLIED_ANNOTATION not in change.path:
        return change
    return FieldChange(change.path, _mask(change.desired, MASKED_BEFORE), _mask(change.live, MASKED_AFTER))


def _mask(value: Any, mask: str) -> Any:
    if value is ABSENT:
        return ABSENT
    if isinstance(value, dict):
        return dict.fromkeys(value, mask)
    return mask
