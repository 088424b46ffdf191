"""In which order kinds are applied, and, reversed, pruned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from kubectl_gitops.api.objects import ResourceKey

#: What others need comes first; whatever is not named goes with the rest, in between. Helm and Argo CD order alike.
_RANKS: tuple[tuple[str, ...], ...] = (
    ("CustomResourceDefinition", "Namespace", "PriorityClass", "StorageClass", "RuntimeClass"),
    ("ServiceAccount", "ClusterRole", "Role", "ResourceQuota", "LimitRange", "PersistentVolume"),
    ("ClusterRoleBinding", "RoleBinding", "ConfigMap", "Secret", "PersistentVolumeClaim", "NetworkPolicy"),
    (),  # the rest
    ("APIService", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"),
)
_REST = 3
_RANK_OF = {kind: rank for rank, kinds in enumerate(_RANKS) for kind in kinds}

T = TypeVar("T")


def rank(key: ResourceKey) -> int:
    """The place of a kind in the order, from 0."""
    return _RANK_OF.get(key.kind, _REST)


def in_order(items: Iterable[tuple[ResourceKey, T]]) -> list[list[T]]:
    """Stages, each of which may run in parallel and must end before the next begins."""
    stages: dict[int, list[T]] = defaultdict(list)
    for key, item in items:
        stages[rank(key)].append(item)
    return [stages[number] for number in sorted(stages)]
