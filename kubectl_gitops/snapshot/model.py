"""A snapshot: what one GitSync's objects are, at one revision, as the API server understands them.

The reconciler writes it, the webhook enforces it, and both know it again after a restart without Git.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Origin, ResourceKey, group_of
from kubectl_gitops.diff.compare import Canonical
from kubectl_gitops.diff.fieldset import FieldSet
from kubectl_gitops.diff.path import FieldPath


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One declared object.

    ``declared_digest`` is the hash of what was applied, so that an unchanged declaration keeps its canonical form.
    ``canonical`` is None until the API server has told it. Values of Secrets are sealed in both (diff/secrets.py).
    ``commit`` is the last one that touched the file. ``field_lines`` say for each path of the canonical form's field
    set, in its order, how many lines after the object's own the file sets it: None where no line does, all of it empty
    where that is not known.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    origin: Origin
    declared_digest: str
    commit: Commit | None = None
    canonical: Canonical | None = None
    field_lines: tuple[int | None, ...] = ()

    @cached_property
    def key(self) -> ResourceKey:
        return ResourceKey(group_of(self.api_version), self.kind, self.namespace, self.name)

    @cached_property
    def fields(self) -> FieldSet:
        """The field set of the canonical form, parsed once. Raises AttributeError where there is none yet."""
        assert self.canonical is not None
        return self.canonical.fields

    def origin_of(self, path: FieldPath) -> Origin | None:
        """Where Git sets the field at ``path``; None where no line does, or none is known."""
        if self.canonical is None or not self.field_lines:
            return None
        known = (line for other, line in zip(self.fields.paths(), self.field_lines, strict=False) if other == path)
        line = next(known, None)
        return None if line is None else Origin(self.origin.path, self.origin.line + line)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Everything that GitSync ``namespace``/``name`` declares at ``revision``.

    ``sequence`` grows with every publication; the highest one counts. ``complete`` says that the sync to this
    revision has ended, with all canonical forms learned that could be; an object whose declaration was refused
    keeps its entry of before. ``owed`` holds the keys of objects that Git no longer declares and that are still to be
    pruned. ``hooks`` say which hooks have ended well, and in which run. ``uid`` is the GitSync's, so that one
    that is created anew under the same name does not take over what another declared; "" where no GitSync stands
    behind it.
    """

    namespace: str
    name: str
    revision: Commit | None
    repo_url: str
    path: str
    sequence: int
    complete: bool
    entries: Sequence[Entry]
    owed: tuple[tuple[str, ResourceKey], ...] = ()  # (apiVersion, key)
    hooks: tuple[tuple[str, str], ...] = ()  # (identity, run), as sync.hookplan makes them
    uid: str = ""

    @cached_property
    def by_key(self) -> Mapping[ResourceKey, Entry]:
        return {entry.key: entry for entry in self.entries}

    def only(self, keys: Collection[ResourceKey]) -> Snapshot:
        """As if these were all the objects that it tells of."""
        return replace(
            self,
            entries=tuple(entry for entry in self.entries if entry.key in keys),
            owed=tuple(pair for pair in self.owed if pair[1] in keys),
        )

    @cached_property
    def namespaces(self) -> frozenset[str]:
        """Those in which anything is declared."""
        return frozenset(entry.namespace for entry in self.entries if entry.namespace)

    @cached_property
    def kinds(self) -> frozenset[tuple[str, str]]:
        """The (apiVersion, kind) pairs that are declared."""
        return frozenset((entry.api_version, entry.kind) for entry in self.entries)

    def in_namespace(self, namespace: str) -> Iterator[Entry]:
        """What is declared in a namespace."""
        return (entry for entry in self.entries if entry.namespace == namespace)


def kinds_in_use(snapshots: Iterable[Snapshot]) -> frozenset[tuple[str, str]]:
    """The (apiVersion, kind) pairs that any of the snapshots declares."""
    return frozenset().union(*(snapshot.kinds for snapshot in snapshots))
