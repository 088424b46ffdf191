"""Survey the cluster: many LISTs at once, of which any may fail without spoiling the others."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.reading import PARALLEL_LISTS, list_objects
from kubectl_gitops.errors import ClusterError, NotFound, Unauthorized


class Part(NamedTuple):
    """A kind in one namespace; "" for a kind of the cluster."""

    resource: Resource
    namespace: str


@dataclass(frozen=True, slots=True)
class Unseen:
    """What could not be listed (``pods in namespace shop``), and why, in the API server's words."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was found of each part that could be listed, and which parts could not."""

    found: dict[Part, list[Object]]
    failed: dict[Part, ClusterError]

    @property
    def unseen(self) -> list[Unseen]:
        """What could not be listed, in a fixed order."""
        return sorted(
            (Unseen(described(part), str(error)) for part, error in self.failed.items()), key=lambda one: one.what
        )


def survey(
    cluster: Cluster,
    parts: Collection[Part],
    *,
    metadata_only: Collection[Part] = (),
    label_selector: str | None = None,
) -> Survey:
    """One LIST for each part, eight at once. A kind that is served no longer has no objects.

    Of ``metadata_only`` nothing but metadata is read. Raises Unauthorized, with which nothing could be listed.
    """

    def listed(part: Part) -> list[Object] | ClusterError:
        try:
            return list_objects(
                cluster,
                part.resource,
                namespace=part.namespace,
                label_selector=label_selector,
                metadata_only=part in metadata_only,
            ).items
        except Unauthorized:
            raise
        except NotFound:
            return []
        except ClusterError as exc:
            return exc

    ordered = sorted(parts, key=described)
    with ThreadPoolExecutor(PARALLEL_LISTS) as pool:
        results = list(zip(ordered, pool.map(listed, ordered), strict=True))
    return Survey(
        found={part: result for part, result in results if isinstance(result, list)},
        failed={part: result for part, result in results if isinstance(result, ClusterError)},
    )


def described(part: Part) -> str:
    """``deployments.apps in namespace shop``, for messages."""
    resource = part.resource
    kind = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
    return f"{kind} in namespace {part.namespace}" if part.namespace else kind
