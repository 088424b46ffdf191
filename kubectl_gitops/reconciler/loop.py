"""The reconciler: watches GitSyncs and what they manage, and gives each its turns. It never stops by itself."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from kubectl_gitops.api.gitsync import GitSync, read_gitsync
from kubectl_gitops.api.names import API_VERSION, KIND, managed_by
from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.cluster.autoscalers import Autoscalers
from kubectl_gitops.cluster.breakglasses import BreakGlasses
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.finalizer import has_finalizer, is_being_deleted
from kubectl_gitops.cluster.watching import Watch
from kubectl_gitops.errors import GitOpsError, InvalidInput
from kubectl_gitops.reconciler.changes import Change
from kubectl_gitops.reconciler.claims import Claims, GitSyncName
from kubectl_gitops.reconciler.controller import Controller
from kubectl_gitops.reconciler.deletion import Ending
from kubectl_gitops.reconciler.events import Recorder
from kubectl_gitops.reconciler.floor import Floor
from kubectl_gitops.reconciler.floorcontent import Content
from kubectl_gitops.reconciler.gates import readiness
from kubectl_gitops.reconciler.identity import whoami
from kubectl_gitops.reconciler.metrics import Metrics, Observed
from kubectl_gitops.reconciler.notifying import Notifier
from kubectl_gitops.reconciler.objectwatches import ObjectWatches
from kubectl_gitops.reconciler.outgoing import Outgoing
from kubectl_gitops.reconciler.repositories import Repositories
from kubectl_gitops.reconciler.surroundings import Surroundings, Turns, now
from kubectl_gitops.reconciler.workqueue import WorkQueue
from kubectl_gitops.snapshot.store import SnapshotStore
from kubectl_gitops.source.limits import Limits

_log = logging.getLogger(__name__)

#: Status writes of one GitSync are gathered for this long: a burst of events is one write.
STATUS_DELAY_SECONDS = 0.1
#: When what failed for a reason that is none of its own, or of ours, is tried again.
_RETRY_SECONDS = 2.0
_RETRY_AFTER_BUG_SECONDS = 60.0
#: How long to wait, at the start, for the list of break-glasses.
_BREAK_GLASS_SECONDS = 10.0


class Reconciler:
    """All GitSyncs of a cluster."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        system_namespace: str,
        cache_directory: Path,
        allow_file: bool = False,
        limits: Limits | None = None,
        remote_bases: bool = False,
        metrics: Metrics | None = None,
        outgoing: Outgoing | None = None,
        owns: Callable[[str, str], bool] = lambda _namespace, _name: True,
    ) -> None:
        """``owns`` tells which GitSyncs (namespace, name) this one is in charge of: all, or those of a shard."""
        self._lock = threading.Lock()
        self._controllers: dict[GitSyncName, Controller] = {}
        self._endings: dict[GitSyncName, Ending] = {}
        self._gone: dict[GitSyncName, set[str]] = defaultdict(set)  # uids of GitSyncs whose snapshots are to be deleted
        self._readiness: dict[GitSyncName, tuple[bool, str]] = {}
        self._owns = owns
        self._names_of_labels: dict[str, GitSyncName] = {}  # of all GitSyncs, those of other shards too
        self._are_known = False
        self._stopping = threading.Event()
        self._syncs: WorkQueue[GitSyncName] = WorkQueue("sync", self._reconcile, threads=4)
        self._restores: WorkQueue[tuple[Controller, ResourceKey]] = WorkQueue("restore", _restore, threads=8)
        self._statuses: WorkQueue[Controller] = WorkQueue("status", self._write_status, threads=2)
        measured = metrics or Metrics()
        self._events = Recorder(cluster, measured)
        discovery = Discovery(cluster)
        store = SnapshotStore(cluster, system_namespace)
        self._around = Surroundings(
            cluster=cluster,
            discovery=discovery,
            store=store,
            sealing_key=store.sealing_key(),
            resource=discovery.need(API_VERSION, KIND),
            system_namespace=system_namespace,
            self_identity=whoami(cluster),
            repositories=Repositories(cache_directory=cache_directory, allow_file=allow_file),
            holder_of=self._holder_of,
            other_declarer_of=self._other_declarer_of,
            claims=Claims(changed=self._claims_changed),
            sync=self._sync_now,
            autoscaler_rules=lambda: self._autoscalers.rules,
            break_glasses=lambda: self._break_glasses.found,
            limits=limits or Limits(),
            metrics=measured,
            tell=self._tell,
            remote_bases=remote_bases,
        )
        self._notifier = Notifier(outgoing or Outgoing(), measured, reader_of=self._around.writer, wall_clock=now)
        self._objects = ObjectWatches(cluster, discovery)
        self._autoscalers = Autoscalers(cluster, self._rules_changed)
        self._break_glasses = BreakGlasses(cluster, self._break_glasses_changed)
        self._floor = Floor(cluster, system_namespace, self._floor_content)
        self._gitsyncs = Watch(cluster, self._around.resource, _Handler(self))

    def start(self) -> None:
        for queue in (self._syncs, self._restores, self._statuses):
            queue.start()
        self._events.start()
        self._notifier.start()
        self._autoscalers.start()
        self._break_glasses.start()
        # What is left alone must be known before anything is restored.
        if not self._break_glasses.wait_known(_BREAK_GLASS_SECONDS):
            _log.warning("break-glasses cannot be read: going on as if there were none")
        self._gitsyncs.start()
        self._floor.start()

    def pushed(self, namespace: str, name: str) -> bool:
        """There may be new commits: have Git asked now. Whether this one is in charge of that GitSync."""
        with self._lock:
            is_ours = (namespace, name) in self._controllers
        if is_ours:
            self._syncs.add((namespace, name))
        return is_ours

    def is_synced(self) -> bool:
        """Whether it knows which GitSyncs there are."""
        return self._gitsyncs.synced

    def observed(self) -> list[Observed]:
        """The GitSyncs, for the metrics."""
        with self._lock:
            return list(self._controllers.values())

    def queue_depths(self) -> dict[str, int]:
        """Of each queue, how many turns are due now and have not begun."""
        return {"sync": self._syncs.depth(), "restore": self._restores.depth(), "status": self._statuses.depth()}

    def stop(self, *, timeout_seconds: float = 5.0) -> bool:
        """Finish the requests that have been sent, then end. Whether everything ended within that time."""
        deadline = time.monotonic() + timeout_seconds
        self._stopping.set()
        self._gitsyncs.ask_to_stop()
        self._autoscalers.ask_to_stop()
        self._break_glasses.ask_to_stop()
        self._floor.ask_to_stop()
        self._objects.ask_to_stop()
        with self._lock:
            controllers = list(self._controllers.values())
        for controller in controllers:
            controller.retire()
        queues = (self._syncs, self._restores, self._statuses)
        for queue in queues:
            queue.ask_to_stop()
        self._events.ask_to_stop()
        self._notifier.stop()
        watches = (self._gitsyncs, self._autoscalers, self._break_glasses, self._floor, self._objects)
        ending = (*queues, self._events, *watches)
        return all(one.join(timeout_seconds=deadline - time.monotonic()) for one in ending)

    # -- GitSyncs

    def gitsync_changed(self, obj: Object) -> None:
        """A GitSync is new or was changed."""
        name = _name(obj)
        try:
            gitsync = read_gitsync(obj)
        except InvalidInput as exc:  # the API server's validation should have refused it
            _log.error("%s", exc)
            return
        with self._lock:
            self._names_of_labels[gitsync.label] = name
        self._wake_dependents(name, obj)
        if not self._owns(*name):
            return
        if is_being_deleted(obj):
            self._end(name, gitsync, obj)
            return
        with self._lock:
            self._endings.pop(name, None)
            controller = self._controllers.get(name)
        if controller is not None and controller.gitsync.uid != gitsync.uid:
            self.gitsync_deleted(name)
            controller = None
        if controller is None:
            with self._lock:
                self._controllers[name] = self._new_controller(gitsync, obj)
            self._syncs.add(name)
        elif controller.update(gitsync, obj):
            self._syncs.add(name)
            self._floor.content_changed()

    def gitsync_deleted(self, name: GitSyncName) -> None:
        """A GitSync is gone: whatever is left of its objects is nobody's any more."""
        with self._lock:
            self._names_of_labels.pop(managed_by(*name), None)
            self._readiness.pop(name, None)
            ending, controller = self._endings.pop(name, None), self._controllers.get(name)
            known = controller or ending
            if known is None:
                return
            self._gone[name].add(known.gitsync.uid)
        self._retire(name)
        for claim in self._around.claims.on(name):
            self._sync_now(claim.by)  # it is nobody's now
        self._floor.content_changed()
        # In the queue of its syncs: one that is just running must not publish after it.
        self._syncs.add(name)
        _log.info("GitSync %s/%s is gone", *name)

    def _end(self, name: GitSyncName, gitsync: GitSync, obj: Object) -> None:
        """A GitSync is to go: nothing is synced or restored any more, and its turns see to what it has deployed."""
        if not has_finalizer(obj):  # somebody else's keeps it; we are done with it, or never knew it
            self.gitsync_deleted(name)
            return
        with self._lock:
            ending = self._endings.get(name)
        if ending is not None and ending.gitsync.uid == gitsync.uid:
            is_new = ending.gitsync.generation != gitsync.generation
            ending.update(gitsync, obj)
        else:
            controller = self._retire(name)
            ending = Ending(gitsync, obj, self._around, drained=controller.drain if controller else lambda: None)
            with self._lock:
                self._endings[name] = ending
            is_new = True
        if is_new:  # else it is our own status
            self._syncs.add(name)

    def _retire(self, name: GitSyncName) -> Controller | None:
        with self._lock:
            controller = self._controllers.pop(name, None)
        if controller is not None:
            controller.retire()
            self._objects.forget(controller)
            self._around.repositories.forget(name)
            self._around.claims.forget(name)
            self._around.metrics.forget(str(controller))
        return controller

    def gitsyncs_replaced(self, items: list[Object]) -> None:
        """All GitSyncs there are."""
        present = {_name(obj) for obj in items}
        with self._lock:
            gone = (self._controllers.keys() | self._endings.keys()) - present
            self._names_of_labels = {managed_by(*name): name for name in present}
        for name in gone:
            self.gitsync_deleted(name)
        for obj in items:
            self.gitsync_changed(obj)
        self._are_known = True
        self._floor.content_changed()
        if not self._owns(*_NOBODY):
            return
        strangers = self._around.store.uids() - {obj["metadata"]["uid"] for obj in items}
        if strangers:
            with self._lock:
                self._gone[_NOBODY] |= strangers
            self._syncs.add(_NOBODY)

    def _new_controller(self, gitsync: GitSync, obj: Object) -> Controller:
        def adopted() -> None:
            self._objects.adopted(controller)
            self._floor.content_changed()

        turns = Turns(
            status=lambda: self._statuses.add(controller, delay_seconds=STATUS_DELAY_SECONDS),
            restore=lambda key, delay_seconds: self._restores.add((controller, key), delay_seconds=delay_seconds),
            adopted=adopted,
            aside=self._syncs.standing_aside,
        )
        controller = Controller(gitsync, obj, self._around, turns)
        return controller

    # -- turns

    def _reconcile(self, name: GitSyncName) -> None:
        delay_seconds: float | None = _RETRY_AFTER_BUG_SECONDS
        try:
            delay_seconds = self._turn(name)
        except GitOpsError as exc:
            _log.warning("GitSync %s/%s: %s", *name, exc)
            delay_seconds = _RETRY_SECONDS
        finally:
            if delay_seconds is not None and not self._stopping.is_set():
                self._syncs.add(name, delay_seconds=delay_seconds)

    def _turn(self, name: GitSyncName) -> float | None:
        """Returns the seconds until the next turn; None where there is none to come."""
        self._forget_snapshots(name)
        with self._lock:
            controller, ending = self._controllers.get(name), self._endings.get(name)
        if ending is not None:
            return ending.turn()
        if controller is None:
            return None
        delay_seconds = controller.reconcile()
        self._objects.retry_unserved()
        return delay_seconds

    def _forget_snapshots(self, name: GitSyncName) -> None:
        for uid in list(self._gone.get(name, ())):
            self._around.store.delete_of(uid)
            with self._lock:
                self._gone[name].discard(uid)

    def _tell(self, gitsync: GitSync, changes: list[Change]) -> None:
        self._events.tell(gitsync, changes)
        self._notifier.tell(gitsync, changes)

    def _rules_changed(self) -> None:
        with self._lock:
            controllers = list(self._controllers.values())
        for controller in controllers:
            controller.rules_changed()
        self._floor.content_changed()

    def _break_glasses_changed(self) -> None:
        with self._lock:
            controllers = dict(self._controllers)
        for name, controller in controllers.items():
            if controller.break_glass_changed():
                self._syncs.add(name)
        self._floor.content_changed()

    def _floor_content(self) -> Content | None:
        """What the floor is to be told; None before it is known which GitSyncs there are."""
        if not self._are_known:
            return None
        with self._lock:
            controllers = list(self._controllers.values())
            others = {"/".join(name) for name in self._names_of_labels.values() if not self._owns(*name)}
        content = Content({}, frozenset(others))  # what another shard has told stays
        for controller in sorted(controllers, key=str):
            content = content.and_also(controller.floor_content())
        return content

    def _write_status(self, controller: Controller) -> None:
        try:
            controller.write_status()
        except GitOpsError as exc:
            _log.warning("status of %s: %s", controller, exc)
            self._statuses.add(controller, delay_seconds=_RETRY_SECONDS)

    # -- what GitSyncs ask about each other

    def _holder_of(self, label: str, key: ResourceKey) -> GitSyncName | None:
        with self._lock:
            name = self._names_of_labels.get(label)
            controller = self._controllers.get(name) if name else None
        # What those of other shards declare is not known here: they hold whatever has their label.
        return name if controller is None or controller.holds(key) else None

    def _other_declarer_of(self, key: ResourceKey, but: GitSyncName) -> GitSyncName | None:
        with self._lock:
            controllers = [one for name, one in self._controllers.items() if name != but]
        return next((one.name for one in controllers if one.ledger.get(key) is not None), None)

    def _sync_now(self, name: GitSyncName) -> None:
        with self._lock:
            controller = self._controllers.get(name)
        if controller is not None:
            controller.retry_now()
            self._syncs.add(name)

    def _wake_dependents(self, name: GitSyncName, obj: Object) -> None:
        """Those that wait for a GitSync have their turn once it is ready, or ready at another commit."""
        with self._lock:
            before, now = self._readiness.get(name), readiness(obj)
            self._readiness[name] = now
            waiting = [other for other, one in self._controllers.items() if name in one.gitsync.depends_on]
        if now != before and now[0]:
            for other in waiting:
                self._syncs.add(other)

    def _claims_changed(self, name: GitSyncName) -> None:
        with self._lock:
            controller = self._controllers.get(name)
        if controller is not None:
            controller.claims_changed()


#: Under this name snapshots are deleted of GitSyncs that were gone before this process began.
_NOBODY: GitSyncName = ("", "")


def check_installed(cluster: Cluster) -> None:
    """Raises ClusterError where the API server does not answer, and NotFound where it serves no GitSyncs."""
    Discovery(cluster).need(API_VERSION, KIND)


def _restore(item: tuple[Controller, ResourceKey]) -> None:
    controller, key = item
    controller.restore(key)


class _Handler:
    """The watch of GitSyncs, as its own thread tells it."""

    def __init__(self, reconciler: Reconciler) -> None:
        self._reconciler = reconciler

    def replaced(self, items: list[Object], resource_version: str) -> None:  # noqa: ARG002 - the protocol's
        self._reconciler.gitsyncs_replaced(items)

    def changed(self, obj: Object) -> None:
        self._reconciler.gitsync_changed(obj)

    def deleted(self, obj: Object) -> None:
        self._reconciler.gitsync_deleted(_name(obj))


def _name(obj: Object) -> GitSyncName:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]
