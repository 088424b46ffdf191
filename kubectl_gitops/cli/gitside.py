"""What Git says of one live object: by the GitSync that keeps it, or by the files that ``-f`` names."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.names import MANAGED_BY_LABEL
from kubectl_gitops.api.objects import Declared, Object, Origin, ResourceKey, key_of
from kubectl_gitops.cli.authors import as_written_by, warn, words_of
from kubectl_gitops.cli.comparison import comparison
from kubectl_gitops.cli.targets import SourceOptions, find_gitsync, gitsync_of, read_commit
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.diff.attribution import FieldSource
from kubectl_gitops.diff.compare import FieldChange, compare
from kubectl_gitops.diff.path import ABSENT, FieldPath
from kubectl_gitops.diff.secrets import is_secret, masked, seal
from kubectl_gitops.errors import ClusterError, GitOpsError, InvalidInput
from kubectl_gitops.report.text import count_of
from kubectl_gitops.snapshot.model import Entry, Snapshot
from kubectl_gitops.snapshot.store import SnapshotStore
from kubectl_gitops.source.attribution import GitAuthors
from kubectl_gitops.source.desired import Desired
from kubectl_gitops.source.fieldlines import follow, spellings
from kubectl_gitops.source.render import Rendering


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSide:
    """What Git says of an object, and where; all empty where it says nothing, or that is not known.

    ``changes`` are where the live object is otherwise, masked. ``desired`` is None where the files cannot be read:
    ``entry`` has the lines then.
    """

    subject: str = ""
    repo_url: str = ""
    path: str = ""
    ref: str = ""
    revision: Commit | None = None
    origin: Origin | None = None
    commit: Commit | None = None
    changes: tuple[FieldChange, ...] = ()
    desired: Desired | None = None
    entry: Entry | None = None

    def sources(self, paths: Iterable[FieldPath]) -> list[FieldSource | None]:
        """Where Git sets each field. What cannot be found out is said on stderr."""
        listed = list(paths)
        if self.origin is None:
            return [None] * len(listed)
        if self.desired is None:
            known = [self.entry.origin_of(path) if self.entry else None for path in listed]
            return [FieldSource(origin=origin, commit=None, exact=True) if origin else None for origin in known]
        authors = GitAuthors(self.desired)
        authors.prepare([(self.origin, path) for path in listed])
        objects = [one.object for one in self.desired.declared if one.origin == self.origin]
        found = [_declared_only(authors.of(self.origin, path), objects, path) for path in listed]
        for warning in authors.warnings:
            warn(warning)
        return found


def of_gitsync(live: Object, cluster: Cluster, discovery: Discovery, system_namespace: str) -> GitSide:
    """What the GitSync whose label the object has synced last. Who may not see it gets a warning, and an empty side."""
    label = (live["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL)
    if not label:
        return GitSide()
    store = SnapshotStore(cluster, system_namespace)
    try:
        snapshot = store.load_by_label(label)
        sealing_key = store.find_sealing_key() if is_secret(live) else None
    except ClusterError as exc:
        warn(f"what Git says is unknown: {words_of(exc)}")
        return GitSide()
    entry = snapshot.by_key.get(key_of(live)) if snapshot else None
    if snapshot is None or entry is None:
        where = f"no snapshot in namespace {system_namespace} tells that {label} declares it"
        warn(f"what Git says is unknown: {where} (-f names files instead)")
        return GitSide()
    return GitSide(
        subject=f"GitSync {snapshot.namespace}/{snapshot.name}",
        repo_url=snapshot.repo_url,
        path=snapshot.path,
        revision=snapshot.revision,
        origin=entry.origin,
        commit=entry.commit,
        changes=_since_synced(entry, live, sealing_key),
        desired=_read(snapshot, cluster, discovery),
        entry=entry,
    )


def of_source(live: Object, cluster: Cluster, discovery: Discovery, source: SourceOptions, namespace: str) -> GitSide:
    """What ``-f`` declares. Raises InvalidInput where it does not declare the object."""
    desired = source.read()
    key = key_of(live)
    declared = next((one for one in desired.declared if _is_of(one, key, namespace)), None)
    if declared is None:
        raise InvalidInput(
            f"{desired.where} does not declare {key.described}",
            hint=f"it declares {count_of(len(desired.declared), 'object')}, which kubectl gitops render -f lists",
        )
    return GitSide(
        subject=desired.where,
        path=source.path or "",
        ref=source.revision or "",
        revision=desired.commit,
        origin=declared.origin,
        commit=desired.file_commits.get(declared.origin.path),
        changes=_against(declared, desired, cluster, discovery, namespace),
        desired=desired,
    )


def _declared_only(found: FieldSource | None, objects: list[Object], path: FieldPath) -> FieldSource | None:
    """The source, unless Git does not declare the field at all."""
    if found is None or found.exact:
        return found
    spelled = ((obj, one) for obj in objects for one in spellings(obj, path))
    return found if any(len(follow(obj, one)) == len(one) for obj, one in spelled) else None


def _since_synced(entry: Entry, live: Object, sealing_key: bytes | None) -> tuple[FieldChange, ...]:
    # A canonical form says nothing about the object in another version, nor a sealed one about open values.
    if entry.canonical is None or entry.api_version != live["apiVersion"] or (is_secret(live) and not sealing_key):
        return ()
    changes = compare(entry.canonical.tree, seal(live, sealing_key or b""), entry.fields)
    return _masked(changes, live)


def _against(
    declared: Declared, desired: Desired, cluster: Cluster, discovery: Discovery, namespace: str
) -> tuple[FieldChange, ...]:
    """Where the object is not as declared, as the API server has it in a dry-run."""
    plan = comparison(cluster, discovery, desired, namespace)([declared])
    for step in plan.steps:
        if not step.confirmed:
            warn(f"whether fields differ is not sure: {step.note or plan.unconfirmed_because}")
        return _masked((change for change in step.changes if change.desired is not ABSENT), declared.object)
    return ()


def _masked(changes: Iterable[FieldChange], obj: Object) -> tuple[FieldChange, ...]:
    return tuple(masked(change) for change in changes) if is_secret(obj) else tuple(changes)


def _read(snapshot: Snapshot, cluster: Cluster, discovery: Discovery) -> Desired | None:
    """The repository at the revision that was synced, with the person's own credentials; None where it cannot be."""
    if snapshot.revision is None:
        return None
    rendering = Rendering()
    with suppress(GitOpsError):  # who may not see the GitSync has the options that most need
        rendering = as_written_by(gitsync_of(find_gitsync(cluster, discovery, snapshot.namespace, snapshot.name)))
    try:
        return read_commit(snapshot.repo_url, snapshot.revision.sha, snapshot.path, rendering)
    except GitOpsError as exc:
        warn(f"who wrote each line in Git is unknown: {words_of(exc)}")
        return None


def _is_of(declared: Declared, key: ResourceKey, namespace: str) -> bool:
    place = (declared.namespace or namespace) if key.namespace else ""
    return declared.key._replace(namespace=place) == key
