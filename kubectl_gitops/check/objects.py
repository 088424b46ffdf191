"""All that is wrong with declared objects: their fields, their metadata, our annotations, two that are one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubectl_gitops.api.finding import FindingKind
from kubectl_gitops.api.gitsync import read_mode
from kubectl_gitops.api.names import (
    API_VERSION,
    ENFORCEMENT_ANNOTATION,
    GROUP,
    IGNORE_ANNOTATION,
    KIND,
    SOURCE_ANNOTATION,
    SYNC_REQUEST_ANNOTATION,
)
from kubectl_gitops.api.objects import Declared, Object, ResourceKey
from kubectl_gitops.api.schema import field_faults
from kubectl_gitops.check import kubernetes
from kubectl_gitops.check.schemas import Schemas
from kubectl_gitops.check.validation import Fault
from kubectl_gitops.diff.ignore import annotated_rule
from kubectl_gitops.sync.prepare import FORBIDDEN_METADATA

_ANNOTATIONS = (ENFORCEMENT_ANNOTATION, IGNORE_ANNOTATION, SOURCE_ANNOTATION, SYNC_REQUEST_ANNOTATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One declared object and its faults. ``has_schema`` is False where nobody could tell what fields it may have."""

    declared: Declared
    faults: tuple[Fault, ...]
    has_schema: bool


def check_objects(declared: Iterable[Declared], schemas: Schemas, *, namespace: str = "") -> Iterator[Checked]:
    """Each object with what is wrong with it, in order.

    ``namespace`` is that of objects which name none; with it two may turn out to be one.
    """
    seen: dict[ResourceKey, Declared] = {}
    for one in declared:
        key = one.key._replace(namespace=one.namespace or namespace)
        faults = list(_faults(one.object, schemas))
        if (first := seen.setdefault(key, one)) is not one:
            message = f"{key.described} is declared already, at {first.origin}"
            faults.insert(0, Fault(FindingKind.DUPLICATE, (), message))
        yield Checked(
            declared=one, faults=tuple(faults), has_schema=schemas.has(one.api_version, one.kind) or _is_unknown(one)
        )


def _is_unknown(one: Declared) -> bool:
    """Whether it is certain that no cluster has such a kind."""
    return kubernetes.is_own_group(one.api_version) and kubernetes.find(one.api_version, one.kind) is None


def _faults(obj: Object, schemas: Schemas) -> Iterator[Fault]:
    yield from _forbidden(obj)
    yield from _annotations(obj)
    if (obj["apiVersion"], obj["kind"]) == (API_VERSION, KIND):
        yield from schemas.metadata_faults(obj)
        yield from (Fault(FindingKind.INVALID_VALUE, path, message) for path, message in field_faults(obj))
        return
    if not schemas.has(obj["apiVersion"], obj["kind"]) and kubernetes.is_own_group(obj["apiVersion"]):
        yield Fault(FindingKind.UNKNOWN_KIND, (), _unknown_kind(obj["apiVersion"], obj["kind"]))
    yield from schemas.faults(obj)


def _unknown_kind(api_version: str, kind: str) -> str:
    known = kubernetes.api_versions_of(kind)
    there = f" (it has {', '.join(known)})" if known else ""
    return f"Kubernetes {kubernetes.version()} has no kind {kind} in {api_version}{there}"


def _forbidden(obj: Object) -> Iterator[Fault]:
    for name in FORBIDDEN_METADATA:
        if obj["metadata"].get(name):
            message = "is set by the cluster and must not be declared"
            yield Fault(FindingKind.FORBIDDEN_FIELD, ("metadata", name), message)


def _annotations(obj: Object) -> Iterator[Fault]:
    for name, value in (obj["metadata"].get("annotations") or {}).items():
        if name.startswith(f"{GROUP}/") and (message := _annotation_fault(name, str(value))):
            yield Fault(FindingKind.INVALID_VALUE, ("metadata", "annotations", name), message)


def _annotation_fault(name: str, value: str) -> str:
    if name not in _ANNOTATIONS:
        return f"no annotation of kubectl-gitops (there is {', '.join(_ANNOTATIONS)})"
    try:
        if name == ENFORCEMENT_ANNOTATION:
            read_mode(value)
        if name == IGNORE_ANNOTATION:
            annotated_rule(value, why="")
    except ValueError as exc:
        return str(exc)
    return ""
