"""From what Git declares to what is sent to the API server. Pure."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any

from kubectl_gitops.api.gitsync import read_mode
from kubectl_gitops.api.names import ENFORCEMENT_ANNOTATION, IGNORE_ANNOTATION, MANAGED_BY_LABEL
from kubectl_gitops.api.objects import Declared, Object, ResourceKey
from kubectl_gitops.diff.ignore import annotated_rule
from kubectl_gitops.diff.secrets import is_secret
from kubectl_gitops.errors import InvalidManifest

#: What only the API server or a controller may set (k8s.io/apimachinery, meta/v1 ObjectMeta); in Git it is a mistake.
FORBIDDEN_METADATA = ("uid", "resourceVersion", "managedFields", "ownerReferences", "selfLink", "deletionTimestamp")
_DROPPED_METADATA = ("creationTimestamp", "generation")

Scope = Callable[[str, str], bool]


def prepare(
    declared: Iterable[Declared], *, is_namespaced: Scope, namespace: str, label: str | None
) -> tuple[Declared, ...]:
    """What to apply: namespaces filled in, the managed-by label set (where given), noise dropped.

    ``is_namespaced(api_version, kind)`` tells a kind's scope and raises InvalidInput for an unknown one.
    Raises InvalidManifest for metadata that Git must not set, and for two declarations of one object.
    """
    seen: dict[ResourceKey, Declared] = {}
    for one in declared:
        ready = _prepare_one(one, is_namespaced(one.api_version, one.kind), namespace, label)
        other = seen.setdefault(ready.key, ready)
        if other is not ready:
            raise InvalidManifest(
                f"{ready.key.described} is declared twice, first at {other.origin}",
                file=ready.origin.path,
                line=ready.origin.line,
            )
    return tuple(seen.values())


def _prepare_one(declared: Declared, namespaced: bool, namespace: str, label: str | None) -> Declared:
    obj = {name: value for name, value in declared.object.items() if name != "status"}
    metadata = _metadata(declared, namespaced, namespace, label)
    obj["metadata"] = metadata
    if is_secret(obj):
        _encode_string_data(obj)
    if _is_builtin(declared.api_version):
        obj = _without_nulls(obj)
    return Declared(object=obj, origin=declared.origin, written=declared.written)


def _metadata(declared: Declared, namespaced: bool, namespace: str, label: str | None) -> Object:
    metadata = dict(declared.object["metadata"])
    for name in FORBIDDEN_METADATA:
        if metadata.get(name):
            raise InvalidManifest(
                f"{declared.kind}/{declared.name}: metadata.{name} is set by the cluster and must not be declared",
                file=declared.origin.path,
                line=declared.origin.line,
            )
    metadata = {
        n: v for n, v in metadata.items() if n not in {*FORBIDDEN_METADATA, *_DROPPED_METADATA} and v is not None
    }
    metadata.pop("namespace", None)
    if namespaced:
        metadata["namespace"] = declared.namespace or namespace
    _check_annotations(metadata, declared)
    if label is not None:
        metadata["labels"] = {**(metadata.get("labels") or {}), MANAGED_BY_LABEL: label}
    return metadata


def _check_annotations(metadata: Object, declared: Declared) -> None:
    """Those of ours that say how drift and the webhook treat the object: a slip in one would go unnoticed."""
    annotations = metadata.get("annotations") or {}
    name = IGNORE_ANNOTATION
    try:
        if (pointers := annotations.get(name)) is not None:
            annotated_rule(str(pointers), why="")
        name = ENFORCEMENT_ANNOTATION
        if (mode := annotations.get(name)) is not None:
            read_mode(str(mode))
    except ValueError as exc:
        raise InvalidManifest(
            f"{declared.kind}/{declared.name}: annotation {name}: {exc}",
            file=declared.origin.path,
            line=declared.origin.line,
        ) from exc


def _encode_string_data(secret: Object) -> None:
    """A Secret's stringData is write-only: the API server stores it as data, and never gives it back."""
    strings = secret.pop("stringData", None)
    if isinstance(strings, dict):
        given = {name: value for name, value in strings.items() if value is not None}
        encoded = {name: base64.b64encode(value.encode()).decode() for name, value in given.items()}
        secret["data"] = {**(secret.get("data") or {}), **encoded}


def _is_builtin(api_version: str) -> bool:
    """Whether the kind is Kubernetes' own. There a null means "not set"; in a CRD it can be a value."""
    group = api_version.rpartition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(sub) for name, sub in value.items() if sub is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
