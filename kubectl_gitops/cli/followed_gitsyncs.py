"""``drift --watch`` of GitSyncs: their specs, their snapshots and their objects, all as watches show them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.api.names import GITSYNC_LABEL, managed_by
from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.cli.authors import with_synced_authors
from kubectl_gitops.cli.targets import gitsync_of, gitsync_resource
from kubectl_gitops.cli.watch_scopes import FindResource, Objects, ScopeOf, Shown, by_label, by_name, sight
from kubectl_gitops.cli.watching import View
from kubectl_gitops.cluster.discovery import Discovery, Resource
from kubectl_gitops.cluster.watchset import Scope, WatchSet
from kubectl_gitops.diff.drift import ObjectDrift
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.errors import ClusterError, NotFound
from kubectl_gitops.report.model import DriftReport, DriftReportList
from kubectl_gitops.snapshot.codec import newest
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.snapshot.store import SEALING_KEY_SECRET, SECRETS, SNAPSHOT_FIELD_SELECTOR, sealing_key_in
from kubectl_gitops.sync.livedrift import LiveDrift

#: What a sync has written may be told a moment after the snapshot that it has published.
_SETTLE_SECONDS: Final = 0.2


class Selection(NamedTuple):
    """Which GitSyncs: one, or with name "" all of the namespace ("": of all). ``only`` is the one object to judge."""

    namespace: str
    name: str = ""
    only: ResourceKey | None = None


class Watched(NamedTuple):
    """One GitSync as its watches show it."""

    gitsync: GitSync
    snapshot: Snapshot
    sealing_key: bytes


class GitSyncFollower:
    """Judges the objects of GitSyncs whenever they, their snapshots or their specs change."""

    def __init__(self, discovery: Discovery, selection: Selection, system_namespace: str) -> None:
        """Raises InvalidInput where GitSync is not installed."""
        self._discovery = discovery
        self._selection = selection
        label = managed_by(selection.namespace, selection.name) if selection.name else ""
        self._label = label
        self._gitsyncs = Scope(resource=gitsync_resource(discovery), namespace=selection.namespace, name=selection.name)
        self._snapshots = Scope(
            resource=SECRETS,
            namespace=system_namespace,
            label_selector=f"{GITSYNC_LABEL}={label}" if label else GITSYNC_LABEL,
            field_selector=SNAPSHOT_FIELD_SELECTOR,
        )
        self._sealing_key = Scope(resource=SECRETS, namespace=system_namespace, name=SEALING_KEY_SECRET)
        self._published = _Published()
        self._judges: dict[str, Judge] = {}
        self._is_settling = False

    def look(self, watches: WatchSet) -> View:
        """Raises NotFound where the one GitSync is there no more."""
        always = (self._gitsyncs, self._snapshots, self._sealing_key)
        gitsyncs, chunks, keys = (watches.objects(scope) for scope in always)
        if gitsyncs is None or chunks is None or keys is None:
            watches.want(always)
            return View(None)
        if self._published.update(chunks):
            self._find_new_kinds()
            if self._judges and not self._is_settling:  # once in a row, lest syncs without end hide everything
                self._is_settling = True
                return View(None, again_seconds=_SETTLE_SECONDS)
        self._is_settling = False
        watched, notes = self._watched(gitsyncs, keys)
        scope_of = self._scope_of(watched)
        scopes, reports = [*always], []
        for label, one in watched.items():
            judge = self._judges.setdefault(label, Judge(with_synced_authors))
            wanted, report, note = judge.look(one, self._discovery.find, scope_of, watches.objects)
            scopes += wanted
            notes += [note] if note else []
            reports += [report] if report else []
        for label in self._judges.keys() - watched.keys():
            del self._judges[label]
        if not watches.want(scopes) or len(reports) < len(watched):
            return View(None, tuple(notes))
        if self._selection.name:
            return View(reports[0] if reports else None, tuple(notes))
        return View(DriftReportList(items=tuple(reports)), tuple(notes))

    def _watched(self, gitsyncs: Objects, keys: Objects) -> tuple[dict[str, Watched], list[str]]:
        """Those that have synced, by their label; and a note on each of the others."""
        namespace, name, _ = self._selection
        if name and not gitsyncs:
            raise NotFound(f"GitSync {namespace}/{name} was deleted")
        sealing_key = next((sealing_key_in(secret) for secret in keys.values()), b"")
        watched: dict[str, Watched] = {}
        where = f"namespace {namespace}; -A looks in all" if namespace else "the cluster"
        notes = [] if gitsyncs else [f"there is no GitSync in {where}"]
        for _, obj in sorted(gitsyncs.items()):
            gitsync = gitsync_of(obj)
            snapshot = self._published.snapshots.get(gitsync.label)
            if snapshot is None:
                notes.append(f"GitSync {gitsync} has not synced yet")
            else:
                watched[gitsync.label] = Watched(gitsync, self._restricted(snapshot), sealing_key)
        return watched, notes

    def _restricted(self, snapshot: Snapshot) -> Snapshot:
        return snapshot.only({self._selection.only}) if self._selection.only else snapshot

    def _scope_of(self, watched: Mapping[str, Watched]) -> ScopeOf:
        if self._selection.only:
            return by_name
        return by_label([one.snapshot for one in watched.values()], self._discovery.find, self._label)

    def _find_new_kinds(self) -> None:
        """A sync may have brought in the very kinds of which it has brought in objects."""
        kinds = {(entry.api_version, entry.kind) for one in self._published.snapshots.values() for entry in one.entries}
        if any(self._discovery.find(*kind) is None for kind in kinds):
            with suppress(ClusterError):  # they are as unknown as before
                self._discovery.refresh()


class _Published:
    """The newest snapshot of each GitSync, by its label; each is the same Python object until there is a newer one."""

    def __init__(self) -> None:
        self.snapshots: dict[str, Snapshot] = {}
        self._chunks: dict[str, frozenset[ResourceKey]] = {}

    def update(self, chunks: Objects) -> bool:
        """Take note of the chunks that there are. Whether any snapshot is another than before."""
        by_label: dict[str, dict[ResourceKey, Object]] = defaultdict(dict)
        for key, chunk in chunks.items():
            by_label[chunk["metadata"]["labels"][GITSYNC_LABEL]][key] = chunk
        found: dict[str, Snapshot] = {}
        for label, own in by_label.items():
            if self._chunks.get(label) == own.keys() and label in self.snapshots:  # chunks are immutable
                found[label] = self.snapshots[label]
            else:
                found.update(newest(own.values()))
        before, self.snapshots = (
            self.snapshots,
            {label: self._same_or(label, snapshot) for label, snapshot in found.items()},
        )
        self._chunks = {label: frozenset(own) for label, own in by_label.items()}
        return before != self.snapshots

    def _same_or(self, label: str, snapshot: Snapshot) -> Snapshot:
        old = self.snapshots.get(label)
        return old if old is not None and old.sequence == snapshot.sequence else snapshot


NameAuthors = Callable[[tuple[ObjectDrift, ...], GitSync, Snapshot], tuple[ObjectDrift, ...]]

_AUTOSCALERS = ("autoscaling/v2", "HorizontalPodAutoscaler")


class Judge:
    """The objects of one GitSync: what was judged already, and what was last reported.

    ``named`` names the authors of what has drifted in Git; it is called only when something else has.
    """

    def __init__(self, named: NameAuthors = lambda drifts, *_: drifts) -> None:
        self._named = named
        self._drifts: tuple[ObjectDrift, ...] = ()
        self._authored: tuple[ObjectDrift, ...] = ()
        self._drift = LiveDrift()
        self._gitsync: GitSync | None = None
        self._rules = Rules()
        self._report: DriftReport | None = None

    def look(
        self, watched: Watched, find: FindResource, scope_of: ScopeOf, shown: Shown
    ) -> tuple[list[Scope], DriftReport | None, str]:
        """What is to be watched; the report, or None where not all that it takes is known; and a note, or ""."""
        gitsync, snapshot, sealing_key = watched
        if gitsync != self._gitsync:
            self._gitsync, self._rules = gitsync, Rules.of(gitsync)
        scopes, live = sight(snapshot, find, scope_of, shown)
        if live is None:
            return [*scopes], None, ""
        resource = find(*_AUTOSCALERS)
        scaled = self._scaled(resource)
        judged = self._drift.judge(
            snapshot,
            live,
            sealing_key=sealing_key,
            rules=self._rules,
            autoscalers={
                namespace: found.values() for namespace, scope in scaled.items() if (found := shown(scope)) is not None
            },
        )
        wanted = [*scopes, *self._scaled(resource).values()]
        if not snapshot.complete and self._report is not None:
            # In the middle of a sync what is not written yet differs from the new snapshot, and what is from the old.
            return wanted, self._report, f"GitSync {gitsync} is being synced: its drift is told when that has ended"
        drifts = tuple(one.drift for one in judged if one.drift)
        if drifts != self._drifts:
            self._drifts, self._authored = drifts, self._named(drifts, gitsync, snapshot)
        self._report = DriftReport(
            subject=f"GitSync {gitsync}",
            repo_url=snapshot.repo_url,
            path=snapshot.path,
            revision=snapshot.revision,
            ref=gitsync.revision,
            checked=len(snapshot.entries),
            drifts=self._authored,
            ignored=tuple(one.ignored for one in judged if one.ignored),
        )
        return wanted, self._report, ""

    def _scaled(self, resource: Resource | None) -> dict[str, Scope]:
        """Where autoscalers are to be looked for; those who may not see them do without."""
        if resource is None:
            return {}
        return {
            namespace: Scope(resource=resource, namespace=namespace, optional=True)
            for namespace in sorted(self._drift.scaled_namespaces)
        }
