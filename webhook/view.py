"""What the policy knows at one moment: which GitSyncs there are, and what each of them declares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from kubectl_gitops.api.breakglass import BreakGlass
from kubectl_gitops.api.gitsync import EnforcementMode
from kubectl_gitops.api.names import ENFORCEMENT_ANNOTATION
from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.snapshot.model import Entry, Snapshot
from webhook.requester import Exemption
from webhook.review import GroupResource
from webhook.scales import BUILT_IN_SCALES, Scale

_MODES = {mode.value.lower(): mode for mode in EnforcementMode}


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A GitSync, as much of it as decides.

    ``published`` is the sequence of the newest snapshot that its status tells of; 0 where it tells of none.
    """

    namespace: str
    name: str
    mode: EnforcementMode
    rules: Rules = field(default_factory=Rules)
    exempt: tuple[Exemption, ...] = ()
    deny_additions: bool = False
    uid: str = ""
    published: int = 0

    def is_ahead_of(self, snapshot: Snapshot) -> bool:
        """Whether there is a newer snapshot, which has not come here (yet)."""
        return snapshot.sequence < self.published

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    def mode_for(self, entry: Entry | None) -> EnforcementMode:
        """The mode for one object: its own annotation in Git says another, except that Off is off for all.

        A value that is none counts for nothing: a slip must open nothing.
        """
        if self.mode is EnforcementMode.OFF or entry is None or entry.canonical is None:
            return self.mode
        annotations = (entry.canonical.tree.get("metadata") or {}).get("annotations") or {}
        return _MODES.get(str(annotations.get(ENFORCEMENT_ANNOTATION) or "").lower(), self.mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Immutable; a change makes a new one. Keys are values of the managed-by label.

    ``synced`` says that all GitSyncs and snapshots are known: until then, one that is not here may well exist.
    ``sealing_key`` is None until it is known, or where no snapshot has ever held a Secret. ``labels_in`` tells which
    snapshots declare anything in a namespace (:func:`labels_by_namespace`). ``autoscaled`` holds, for what a
    HorizontalPodAutoscaler scales, which one does. ``scales`` tells what ``*/scale`` sets, by resource.
    ``open_glass`` holds the break-glasses that are open at this moment.
    """

    owners: Mapping[str, Owner] = field(default_factory=_nothing)
    snapshots: Mapping[str, Snapshot] = field(default_factory=_nothing)
    labels_in: Mapping[str, tuple[str, ...]] = field(default_factory=_nothing)
    sealing_key: bytes | None = None
    autoscaled: Mapping[ResourceKey, str] = field(default_factory=_nothing)
    open_glass: Mapping[str, tuple[BreakGlass, ...]] = field(default_factory=_nothing)
    scales: Mapping[GroupResource, Scale] = field(default_factory=lambda: BUILT_IN_SCALES)
    synced: bool = False

    def owner_of(self, label: str) -> Owner | None:
        """The GitSync that a label names, or None where there is none.

        Before all are known, the label is taken at its word: nothing passes for want of knowledge.
        """
        known = self.owners.get(label)
        if known is not None or self.synced:
            return known
        namespace, _, name = label.partition(".")
        return Owner(namespace=namespace, name=name, mode=EnforcementMode.ENFORCE)

    def glass_for(self, label: str, key: ResourceKey) -> BreakGlass | None:
        """The break-glass that is open for an object, of several the one that ends last."""
        covering = (one for one in self.open_glass.get(label, ()) if one.covers(key))
        return max(covering, key=lambda one: one.until, default=None)

    def declaring(self, namespace: str) -> Iterator[tuple[str, Snapshot]]:
        """The snapshots that declare anything in a namespace, with the label on what they declare."""
        for label in self.labels_in.get(namespace, ()):
            yield label, self.snapshots[label]


def labels_by_namespace(snapshots: Mapping[str, Snapshot]) -> Mapping[str, tuple[str, ...]]:
    """For ``View.labels_in``: made when snapshots change, so that no request has to search all of them."""
    found: dict[str, list[str]] = defaultdict(list)
    for label, snapshot in sorted(snapshots.items()):
        for namespace in snapshot.namespaces:
            found[namespace].append(label)
    return MappingProxyType({namespace: tuple(labels) for namespace, labels in found.items()})
