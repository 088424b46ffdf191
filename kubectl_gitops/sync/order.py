"""In which order objects are applied, and, reversed, pruned: by phase, wave and kind. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, TypeVar

from kubectl_gitops.api.objects import Declared, Object, ResourceKey, group_of
from kubectl_gitops.sync.annotations import InvalidAnnotation
from kubectl_gitops.sync.directives import directives_of
from kubectl_gitops.sync.waves import Phase, Wave, wave_number

#: What others need comes first; whatever is not named goes with the rest, in between. Helm and Argo CD order alike.
KIND_ORDER: tuple[tuple[str, ...], ...] = (
    ("CustomResourceDefinition", "Namespace", "PriorityClass", "StorageClass", "RuntimeClass", "IngressClass"),
    ("ServiceAccount", "ClusterRole", "Role", "ResourceQuota", "LimitRange", "PersistentVolume"),
    (
        *("ClusterRoleBinding", "RoleBinding", "ConfigMap", "Secret", "PersistentVolumeClaim"),
        *("NetworkPolicy", "PodDisruptionBudget", "Service"),
    ),
    (),  # the rest
    (
        *("APIService", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"),
        *("ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicyBinding"),
    ),
)
_REST = 3
_RANK_OF = {kind: rank for rank, kinds in enumerate(KIND_ORDER) for kind in kinds}

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(Generic[T]):
    """Objects that may be written at the same time. It must end before the next begins.

    Between two waves, what the first one applied must be healthy as well.
    """

    wave: Wave
    rank: int
    items: tuple[T, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed(Generic[T]):
    wave: Wave
    obj: Object
    item: T

    @property
    def key(self) -> ResourceKey:
        metadata = self.obj["metadata"]
        name = metadata.get("name") or metadata.get("generateName") or ""
        return ResourceKey(group_of(self.obj["apiVersion"]), self.obj["kind"], metadata.get("namespace") or "", name)


def rank(key: ResourceKey) -> int:
    """The place of a kind in the order, from 0. A custom resource goes with the rest, whatever its kind is called."""
    is_builtin = "." not in key.group or key.group.endswith(".k8s.io")
    return _RANK_OF.get(key.kind, _REST) if is_builtin else _REST


def stages(items: Iterable[tuple[Declared, T]]) -> list[Stage[T]]:
    """The stages that apply ``items``; one that is a hook of several phases is in several, of none in none.

    Objects are as prepared, with their namespaces. The order is total: it does not depend on that of ``items``.
    Raises InvalidManifest.
    """
    return stages_of((wave, one.object, item) for one, item in items for wave in directives_of(one).waves)


def stages_of(items: Iterable[tuple[Wave, Object, T]]) -> list[Stage[T]]:
    """The stages of objects whose waves are known."""
    return list(_staged([_Placed(wave=wave, obj=obj, item=item) for wave, obj, item in items]))


def prune_stages(items: Iterable[tuple[Object, T]]) -> list[Stage[T]]:
    """The stages that prune live objects: those that would apply them, backwards. Never raises.

    Their annotations are those in the cluster: a wave that is no number there is 0.
    """
    placed = [_Placed(wave=Wave(Phase.SYNC, _number_or_zero(obj)), obj=obj, item=item) for obj, item in items]
    forwards = list(_staged(placed))
    return [Stage(wave=one.wave, rank=one.rank, items=one.items[::-1]) for one in reversed(forwards)]


def _staged(placed: list[_Placed[T]]) -> Iterator[Stage[T]]:
    earliest = _earliest_need(placed)

    def place(one: _Placed[T]) -> tuple[Wave, int]:
        """Namespaces and CRDs come no later than what is in them, as in Argo CD."""
        return min(one.wave, earliest.get(_provided(one.obj), one.wave)), rank(one.key)

    ordered = sorted(placed, key=lambda one: (*place(one), one.key))
    for (wave, number), members in groupby(ordered, key=place):
        yield Stage(wave=wave, rank=number, items=tuple(one.item for one in members))


def _earliest_need(placed: Iterable[_Placed[T]]) -> dict[str, Wave]:
    """By what objects need (see :func:`_provided`), the first wave in which one of them does."""
    earliest: dict[str, Wave] = {}
    for one in placed:
        for need in (f"namespace {one.key.namespace}", f"kind {one.key.kind}.{one.key.group}"):
            earliest[need] = min(one.wave, earliest.get(need, one.wave))
    return earliest


def _provided(obj: Object) -> str:
    """``namespace shop`` or ``kind Lamp.example.com``; "" for an object that others do not need to be made."""
    match obj:
        case {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": str(name)}}:
            return f"namespace {name}"
        case {"kind": "CustomResourceDefinition", "spec": {"group": str(group), "names": {"kind": str(kind)}}}:
            return f"kind {kind}.{group}"
    return ""


def _number_or_zero(obj: Object) -> int:
    with suppress(InvalidAnnotation):
        return wave_number(obj)
    return 0
