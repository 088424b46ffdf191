"""What a controller has around it: what all of them share, and how it asks for its turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.cluster.breakglasses import ByLabel
from kubectl_gitops.cluster.connection import Cluster, Impersonation
from kubectl_gitops.cluster.discovery import Discovery, Resource
from kubectl_gitops.diff.ignore import IgnoreRule
from kubectl_gitops.reconciler.changes import Change
from kubectl_gitops.reconciler.claims import Claims, GitSyncName
from kubectl_gitops.reconciler.identity import writer_for
from kubectl_gitops.reconciler.metrics import Metrics
from kubectl_gitops.reconciler.repositories import Repositories
from kubectl_gitops.snapshot.store import SnapshotStore
from kubectl_gitops.source.limits import Limits
from kubectl_gitops.source.rendercache import RenderCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all controllers share.

    ``resource`` is GitSync's own, ``self_identity`` the reconciler's user. ``holder_of`` tells which GitSync has that
    label value on its objects and declares that object, if any, ``other_declarer_of`` which one declares an object
    besides a given one, and ``claims`` which lay claim to another's; ``sync`` gives one of them a turn.
    ``autoscaler_rules`` leave replicas to what scales them; ``break_glasses`` are all there are.
    ``limits``, ``remote_bases`` and ``rendered`` are those of rendering. ``tell`` tells others what has become of a
    GitSync.
    """

    cluster: Cluster
    discovery: Discovery
    store: SnapshotStore
    sealing_key: bytes
    resource: Resource
    system_namespace: str
    self_identity: Impersonation
    repositories: Repositories
    holder_of: Callable[[str, ResourceKey], GitSyncName | None]
    other_declarer_of: Callable[[ResourceKey, GitSyncName], GitSyncName | None]
    claims: Claims
    sync: Callable[[GitSyncName], None]
    autoscaler_rules: Callable[[], tuple[IgnoreRule, ...]]
    break_glasses: Callable[[], ByLabel] = dict
    limits: Limits = field(default_factory=Limits)
    remote_bases: bool = False
    rendered: RenderCache = field(default_factory=RenderCache)
    metrics: Metrics = field(default_factory=Metrics)
    tell: Callable[[GitSync, list[Change]], None] = lambda _gitsync, _changes: None
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time

    def writer(self, gitsync: GitSync) -> Cluster:
        """As whom the GitSync's objects are written. Raises AccountMissing."""
        return writer_for(
            gitsync, self.cluster, system_namespace=self.system_namespace, self_identity=self.self_identity
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """How one controller asks for its turns.

    ``status`` for its status to be written, ``restore`` for an object to be restored after so many seconds, ``adopted``
    for its objects to be watched: they are others now. While it is inside ``aside()``, others have its turn.
    """

    status: Callable[[], None]
    restore: Callable[[ResourceKey, float], None]
    adopted: Callable[[], None]
    aside: Callable[[], AbstractContextManager[None]] = nullcontext


def now() -> str:
    """The wall clock in RFC 3339, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
