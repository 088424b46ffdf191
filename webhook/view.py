"""What the policy knows at one moment: which GitSyncs there are, and what each of them declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from kubectl_gitops.api.gitsync import EnforcementMode
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.snapshot.model import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A GitSync, as much of it as decides."""

    namespace: str
    name: str
    mode: EnforcementMode
    rules: Rules = field(default_factory=Rules)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Immutable; a change makes a new one. Keys are values of the managed-by label.

    ``synced`` says that all GitSyncs and snapshots are known: until then, one that is not here may well exist.
    ``sealing_key`` is None until it is known, or where no snapshot has ever held a Secret.
    """

    owners: Mapping[str, Owner] = field(default_factory=lambda: MappingProxyType({}))
    snapshots: Mapping[str, Snapshot] = field(default_factory=lambda: MappingProxyType({}))
    sealing_key: bytes | None = None
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
