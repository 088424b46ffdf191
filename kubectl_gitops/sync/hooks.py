"""Hooks: objects that a sync makes, waits for and removes, rather than keeps. Jobs, mostly.

As in Argo CD (gitops-engine pkg/sync/hook), which maps Helm's hooks to its own; but an unknown kind of hook in our own
or Argo CD's annotation is refused, where Argo CD would never run it and never say so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from kubectl_gitops.api.names import (
    ARGOCD_HOOK_ANNOTATION,
    ARGOCD_HOOK_DELETE_POLICY_ANNOTATION,
    HELM_HOOK_ANNOTATION,
    HELM_HOOK_DELETE_POLICY_ANNOTATION,
    HOOK_ANNOTATION,
    HOOK_DELETE_POLICY_ANNOTATION,
)
from kubectl_gitops.api.objects import Declared, Object, digest
from kubectl_gitops.health.model import Health, HealthStatus
from kubectl_gitops.sync.annotations import annotation_of, first_annotation
from kubectl_gitops.sync.waves import Phase

#: A Job's name becomes a label of its pods.
_MAX_NAME_LENGTH = 63


class HookType(StrEnum):
    PRE_SYNC = "PreSync"
    SYNC = "Sync"
    POST_SYNC = "PostSync"
    SYNC_FAIL = "SyncFail"
    PRE_DELETE = "PreDelete"  # of the GitSync itself
    POST_DELETE = "PostDelete"  # likewise
    SKIP = "Skip"  # never applied, unless it is another type of hook as well


class DeletePolicy(StrEnum):
    HOOK_SUCCEEDED = "HookSucceeded"
    HOOK_FAILED = "HookFailed"
    BEFORE_HOOK_CREATION = "BeforeHookCreation"


# A sync cannot know whether it is an install or an upgrade, so both are PreSync. Other hooks of Helm (tests, rollbacks)
# have no counterpart: those objects are never applied.
_HELM_TYPES = {
    "pre-install": HookType.PRE_SYNC,
    "pre-upgrade": HookType.PRE_SYNC,
    "post-install": HookType.POST_SYNC,
    "post-upgrade": HookType.POST_SYNC,
    "pre-delete": HookType.PRE_DELETE,
    "post-delete": HookType.POST_DELETE,
}
_HELM_POLICIES = {
    "hook-succeeded": DeletePolicy.HOOK_SUCCEEDED,
    "hook-failed": DeletePolicy.HOOK_FAILED,
    "before-hook-creation": DeletePolicy.BEFORE_HOOK_CREATION,
}
#: Helm 2 applied CRDs so; they are ordinary objects.
_CRD_INSTALL = "crd-install"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """When an object that is a hook runs, and when it is removed. Both in the order of their enums."""

    types: tuple[HookType, ...]
    delete_policies: tuple[DeletePolicy, ...]

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases of a sync in which it runs: () for one that a sync never applies."""
        return tuple(phase for phase in Phase if phase.value in self.types)


def hook_in(obj: Object) -> Hook | None:
    """The hook that an object's annotations make it, or None for an ordinary object. Raises InvalidAnnotation."""
    types = _types(obj)
    return None if types is None else Hook(types=types, delete_policies=_delete_policies(obj))


def _types(obj: Object) -> tuple[HookType, ...] | None:
    own = first_annotation(obj, (HOOK_ANNOTATION, ARGOCD_HOOK_ANNOTATION))
    if own is not None:
        return _in_order(own.members(HookType))
    helm = annotation_of(obj, HELM_HOOK_ANNOTATION)
    if helm is None or helm.items == (_CRD_INSTALL,):
        return None
    return _in_order(_HELM_TYPES[item] for item in helm.items if item in _HELM_TYPES)


def _in_order(types: Iterable[HookType]) -> tuple[HookType, ...]:
    given = set(types)
    return tuple(one for one in HookType if one in given)


def _delete_policies(obj: Object) -> tuple[DeletePolicy, ...]:
    own = first_annotation(obj, (HOOK_DELETE_POLICY_ANNOTATION, ARGOCD_HOOK_DELETE_POLICY_ANNOTATION))
    policies = set(own.members(DeletePolicy)) if own else set()
    helm = annotation_of(obj, HELM_HOOK_DELETE_POLICY_ANNOTATION)
    if helm is not None and (own is None or own.name != HOOK_DELETE_POLICY_ANNOTATION):
        policies |= {_HELM_POLICIES[item] for item in helm.items if item in _HELM_POLICIES}
    return tuple(policy for policy in DeletePolicy if policy in policies) or (DeletePolicy.BEFORE_HOOK_CREATION,)


def named_hook(declared: Declared, phase: Phase, revision: str) -> Declared:
    """A hook with a name: its own, or one made from ``generateName``, the revision and the phase.

    The same sync makes the same name again, so that one that was interrupted finds the hook that it had started.
    ``revision`` is "" where there is none: the hook's metadata stands for it then (never the rest, which may be a
    Secret's values).
    """
    metadata = declared.object["metadata"]
    if metadata.get("name"):
        return declared
    suffix = f"{(revision or digest(metadata))[:7]}-{phase.lower()}"
    name = metadata["generateName"][: _MAX_NAME_LENGTH - len(suffix)] + suffix
    rest = {field: value for field, value in metadata.items() if field != "generateName"}
    return Declared(object={**declared.object, "metadata": {**rest, "name": name}}, origin=declared.origin)


class HookState(StrEnum):
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


def hook_state(health: Health) -> HookState:
    """What became of a hook that was applied, by its health. One that is gone was deleted before it had ended."""
    match health.status:
        case HealthStatus.HEALTHY:
            return HookState.SUCCEEDED
        case HealthStatus.PROGRESSING | HealthStatus.SUSPENDED:
            return HookState.RUNNING
    return HookState.FAILED
