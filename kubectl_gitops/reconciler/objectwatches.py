"""Watches what is managed: one watch for each kind in use, whatever the number of GitSyncs."""

from __future__ import annotations

import threading
import time

from kubectl_gitops.api.names import MANAGED_BY_LABEL
from kubectl_gitops.api.objects import Object, ResourceKey, key_of
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.watching import Watch
from kubectl_gitops.reconciler.controller import Controller
from kubectl_gitops.reconciler.ledger import version_of

_Kind = tuple[str, str]  # apiVersion, kind


class ObjectWatches:
    """Tells each controller what becomes of its objects."""

    def __init__(self, cluster: Cluster, discovery: Discovery) -> None:
        self._cluster = cluster
        self._discovery = discovery
        self._lock = threading.Lock()
        self._stopped = False
        self._watches: dict[_Kind, Watch] = {}
        self._unserved: frozenset[_Kind] = frozenset()
        self._kinds: dict[Controller, frozenset[_Kind]] = {}
        self._keys: dict[Controller, frozenset[ResourceKey]] = {}
        self._holders: dict[ResourceKey, tuple[Controller, ...]] = {}

    def adopted(self, controller: Controller) -> None:
        """A controller knows its objects: watch their kinds, and remember whose they are."""
        entries = controller.ledger.entries()
        with self._lock:
            if controller.is_retired:
                return
            self._kinds[controller] = frozenset((entry.api_version, entry.kind) for entry in entries)
            self._hold(controller, frozenset(entry.key for entry in entries))
            self._adjust()

    def forget(self, controller: Controller) -> None:
        """A controller has retired."""
        with self._lock:
            self._kinds.pop(controller, None)
            self._hold(controller, frozenset())
            self._adjust()

    def retry_unserved(self) -> None:
        """Watch the kinds that were not served when they were wanted, if they are by now."""
        if self._unserved:
            self._discovery.refresh()
            with self._lock:
                self._adjust()

    def ask_to_stop(self) -> None:
        """End all watches soon, and start none any more. Does not wait for them."""
        with self._lock:
            self._stopped = True
            for watch in self._watches.values():
                watch.ask_to_stop()

    def join(self, *, timeout_seconds: float) -> bool:
        """Wait for the watches, after they were asked to stop. Whether all of them have ended."""
        deadline = time.monotonic() + timeout_seconds
        with self._lock:
            watches = list(self._watches.values())
        return all(watch.join(timeout_seconds=deadline - time.monotonic()) for watch in watches)

    def _hold(self, controller: Controller, keys: frozenset[ResourceKey]) -> None:
        before = self._keys.pop(controller, frozenset())
        if keys:
            self._keys[controller] = keys
        for key in before - keys:
            others = tuple(one for one in self._holders[key] if one is not controller)
            if others:
                self._holders[key] = others
            else:
                del self._holders[key]
        for key in keys - before:
            self._holders[key] = (*self._holders.get(key, ()), controller)

    def _adjust(self) -> None:
        """Start the watches that are missing and end those that nobody needs."""
        if self._stopped:
            return
        wanted = frozenset[_Kind]().union(*self._kinds.values())
        for kind in self._watches.keys() - wanted:
            self._watches.pop(kind).ask_to_stop()
        served = {kind: self._discovery.find(*kind) for kind in wanted - self._watches.keys()}
        for kind, resource in served.items():
            if resource is not None:
                handler = _Handler(self, *kind)
                watch = Watch(self._cluster, resource, handler, label_selector=MANAGED_BY_LABEL)
                self._watches[kind] = watch
                watch.start()
        self._unserved = frozenset(kind for kind, resource in served.items() if resource is None)

    # -- what the watches tell

    def changed(self, obj: Object) -> None:
        key = key_of(obj)
        for controller in self._holders.get(key, ()):
            controller.restorer.observed(obj, key)

    def deleted(self, obj: Object) -> None:
        key = key_of(obj)
        for controller in self._holders.get(key, ()):
            controller.restorer.observed_gone(key, version_of(obj))

    def replaced(self, kind: _Kind, items: list[Object], version: int) -> None:
        live = {key_of(obj): obj for obj in items}
        with self._lock:
            controllers = [controller for controller, kinds in self._kinds.items() if kind in kinds]
        for controller in controllers:
            of_kind = [e.key for e in controller.ledger.entries() if (e.api_version, e.kind) == kind]
            controller.restorer.observed_set(live, version, among=of_kind)


class _Handler:
    """One kind's watch, as its own thread tells it."""

    def __init__(self, watches: ObjectWatches, api_version: str, kind: str) -> None:
        self._watches = watches
        self._kind = (api_version, kind)

    def replaced(self, items: list[Object], resource_version: str) -> None:
        self._watches.replaced(self._kind, items, int(resource_version))

    def changed(self, obj: Object) -> None:
        self._watches.changed(obj)

    def deleted(self, obj: Object) -> None:
        self._watches.deleted(obj)
