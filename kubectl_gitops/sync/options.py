"""How one object is synced, pruned and deleted: our own annotations, and Argo CD's sync-options. Pure.

As in Argo CD (docs/user-guide/sync-options.md); but a misspelt value of an option that protects an object is refused,
where Argo CD would go on without the option.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from kubectl_gitops.api.names import (
    ARGOCD_SYNC_OPTIONS_ANNOTATION,
    FORCE_ANNOTATION,
    HELM_RESOURCE_POLICY_ANNOTATION,
    PRUNE_ANNOTATION,
)
from kubectl_gitops.api.objects import Object
from kubectl_gitops.sync.annotations import Annotation, InvalidAnnotation, annotation_of

T = TypeVar("T")


class Removal(StrEnum):
    """Whether an object may be removed, where its GitSync would."""

    ALLOWED = "allowed"
    CONFIRM = "confirm"  # when a person has said so
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOptions:
    """What an object in Git says on its own syncing.

    ``prune`` is about Git no longer declaring it (``prune_is_said``: it is no default), ``delete`` about the deletion
    of its GitSync. ``recreate``: delete
    and create it again where the API server refuses a change because a field is immutable. ``unsupported`` are options
    of Argo CD that have no effect here, as they are written.
    """

    prune: Removal = Removal.ALLOWED
    prune_is_said: bool = False
    delete: Removal = Removal.ALLOWED
    recreate: bool = False
    skip_dry_run_on_missing_kind: bool = False
    unsupported: tuple[str, ...] = ()


_REMOVALS = {"true": Removal.ALLOWED, "confirm": Removal.CONFIRM, "false": Removal.DISABLED}
_FLAGS = {"true": True, "false": False}
_PRUNE, _DELETE, _FORCE, _SKIP_DRY_RUN = "Prune", "Delete", "Force", "SkipDryRunOnMissingResource"
# What every sync here does anyway, so that it needs no word.
_ALWAYS_SO = {
    "ApplyOutOfSyncOnly=true",
    "FailOnSharedResource=true",
    "PruneLast=true",
    "Replace=false",
    "RespectIgnoreDifferences=true",
    "ServerSideApply=true",
    "Validate=true",
}
#: Recreating one of them would delete all that is in it.
_NEVER_RECREATED = {"Namespace", "CustomResourceDefinition", "PersistentVolumeClaim"}


def options_in(obj: Object) -> SyncOptions:
    """The options of an object; our own annotations win. Raises InvalidAnnotation."""
    argocd = annotation_of(obj, ARGOCD_SYNC_OPTIONS_ANNOTATION) or Annotation(ARGOCD_SYNC_OPTIONS_ANNOTATION, "")
    given = dict(_split(item) for item in argocd.items)
    keep = annotation_of(obj, HELM_RESOURCE_POLICY_ANNOTATION)
    delete = _option(argocd, given, _DELETE, _REMOVALS)
    if delete is None and keep is not None and keep.value.strip() == "keep":
        delete = Removal.DISABLED
    prune = _own_prune(obj) or _option(argocd, given, _PRUNE, _REMOVALS)
    return SyncOptions(
        prune=prune or Removal.ALLOWED,
        prune_is_said=prune is not None,
        delete=delete or Removal.ALLOWED,
        recreate=_own_recreate(obj) or (bool(_option(argocd, given, _FORCE, _FLAGS)) and _may_be_recreated(obj)),
        skip_dry_run_on_missing_kind=bool(_option(argocd, given, _SKIP_DRY_RUN, _FLAGS)),
        unsupported=tuple(item for item in argocd.items if not _is_met(item)),
    )


def _split(item: str) -> tuple[str, str]:
    name, _, value = item.partition("=")
    return name, value


def _is_met(item: str) -> bool:
    return item in _ALWAYS_SO or _split(item)[0] in {_PRUNE, _DELETE, _FORCE, _SKIP_DRY_RUN}


def _option(annotation: Annotation, given: Mapping[str, str], name: str, values: Mapping[str, T]) -> T | None:
    if name not in given:
        return None
    if given[name] not in values:
        known = ", ".join(f"{name}={value}" for value in values)
        raise InvalidAnnotation(annotation, f"{name}={given[name]} (there is {known})")
    return values[given[name]]


def _own_prune(obj: Object) -> Removal | None:
    annotation = annotation_of(obj, PRUNE_ANNOTATION)
    if annotation is None:
        return None
    if annotation.value not in set(Removal):
        raise InvalidAnnotation(annotation, f"{annotation.value!r} (there is {', '.join(Removal)})")
    return Removal(annotation.value)


def _own_recreate(obj: Object) -> bool:
    annotation = annotation_of(obj, FORCE_ANNOTATION)
    if annotation is None:
        return False
    if annotation.value != "recreate":
        raise InvalidAnnotation(annotation, f"{annotation.value!r} (there is recreate)")
    if not _may_be_recreated(obj):
        raise InvalidAnnotation(annotation, f"a {obj['kind']} is never recreated: all that is in it would be deleted")
    return True


def _may_be_recreated(obj: Object) -> bool:
    return obj["kind"] not in _NEVER_RECREATED
