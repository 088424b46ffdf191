"""What a changing set of watches sees, in memory, for one thread that waits for news of any of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from kubectl_gitops.api.objects import Object, ResourceKey, key_of
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.watching import Watch
from kubectl_gitops.errors import ClusterError, Expired, Forbidden, NotFound, Unauthorized

#: News within this time of the first are told together.
BURST_SECONDS = 0.1
_STOP_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What one watch sees: objects of a kind in a namespace ("": in all), all of them, by selectors, or one by name.

    Of an ``optional`` one that may not be read, or not be watched, what little is known has to do.
    """

    resource: Resource
    namespace: str = ""
    name: str = ""
    label_selector: str = ""
    field_selector: str = ""
    optional: bool = False

    @property
    def field_selectors(self) -> str | None:
        """All field selectors as the API server takes them, the name's included."""
        by_name = f"metadata.name={self.name}" if self.name else ""
        return ",".join(filter(None, (by_name, self.field_selector))) or None


class WatchSet:
    """Watches that are started and ended as they are wanted. A context manager that ends all of them.

    Only the threads of the watches and one other may use it.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._news = _News()
        self._sights: dict[Scope, _Sight] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        watches = [sight.watch for sight in self._sights.values()]
        for watch in watches:
            watch.ask_to_stop()
        deadline = time.monotonic() + _STOP_SECONDS
        for watch in watches:
            watch.join(timeout_seconds=deadline - time.monotonic())

    def want(self, scopes: Iterable[Scope]) -> bool:
        """Watch exactly these. Whether all of them are known and being followed."""
        wanted = dict.fromkeys(scopes)
        for scope in self._sights.keys() - wanted.keys():
            self._sights.pop(scope).watch.ask_to_stop()
        for scope in wanted:
            if scope not in self._sights:
                self._sights[scope] = sight = _Sight(self._news, self._cluster, scope)
                sight.watch.start()
        with self._news.lock:
            return all(sight.is_known for sight in self._sights.values())

    def objects(self, scope: Scope) -> Mapping[ResourceKey, Object] | None:
        """What is in a scope now, by key; None where that is not known yet, or was not asked for."""
        with self._news.lock:
            sight = self._sights.get(scope)
            return dict(sight.objects) if sight is not None and sight.objects is not None else None

    def troubles(self) -> list[str]:
        """Why what is known may be out of date, each reason once; [] where it is not."""
        with self._news.lock:
            errors = [sight.error for sight in self._sights.values() if sight.error is not None]
        return sorted({str(error) for error in errors})

    def wait(self, timeout_seconds: float | None = None) -> None:
        """Until there is news, and what comes in the same burst is in as well; no longer than the timeout.

        Raises Forbidden or Unauthorized where something that is wanted may not be listed, or not be watched.
        """
        self._news.wait(timeout_seconds)
        with self._news.lock:
            refusals = [sight.refusal for sight in self._sights.values() if sight.refusal is not None]
        if refusals:
            raise min(refusals, key=str)


class _News:
    """Whether there is any. ``lock`` guards what the watches have shown, too."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._condition = threading.Condition(self.lock)
        self._is_there = False

    def tell(self) -> None:
        with self._condition:
            self._is_there = True
            self._condition.notify_all()

    def wait(self, timeout_seconds: float | None) -> None:
        with self._condition:
            if self._condition.wait_for(lambda: self._is_there, timeout_seconds):
                # Nothing but time ends this wait; the watches get the lock all the while.
                self._condition.wait_for(lambda: False, BURST_SECONDS)
            self._is_there = False


class _Sight:
    """One watch, and what it has shown. Written by the watch's thread."""

    def __init__(self, news: _News, cluster: Cluster, scope: Scope) -> None:
        self._news = news
        self._is_optional = scope.optional
        self._is_followed = False
        self.objects: dict[ResourceKey, Object] | None = None
        self.error: ClusterError | None = None
        self.refusal: ClusterError | None = None
        self.watch = Watch(
            cluster,
            scope.resource,
            self,
            namespace=scope.namespace,
            label_selector=scope.label_selector or None,
            field_selector=scope.field_selectors,
            told=self.told,
        )

    @property
    def is_known(self) -> bool:
        return self.objects is not None and self._is_followed

    # -- what the watch tells

    def replaced(self, items: list[Object], resource_version: str) -> None:  # noqa: ARG002 - the protocol's
        with self._news.lock:
            self.objects = {key_of(obj): obj for obj in items}
            self._news.tell()

    def changed(self, obj: Object) -> None:
        with self._news.lock:
            assert self.objects is not None
            self.objects[key_of(obj)] = obj
            self._news.tell()

    def deleted(self, obj: Object) -> None:
        with self._news.lock:
            assert self.objects is not None
            self.objects.pop(key_of(obj), None)
            self._news.tell()

    def told(self, error: ClusterError | None) -> None:
        """What has become of the watch itself."""
        with self._news.lock:
            self.error = error
            match error:
                case None:
                    self._is_followed = True
                case Expired():  # it lists again at once, and what it has is not wrong until then
                    self.error = None
                case NotFound():  # the kind is served no longer, so there is none of it
                    self._settle({})
                case Forbidden() | Unauthorized() if self._is_optional:
                    self._settle(self.objects or {})
                    self.watch.ask_to_stop()
                case Forbidden() | Unauthorized() if not self._is_followed:
                    self.refusal = error
            self._news.tell()

    def _settle(self, objects: dict[ResourceKey, Object]) -> None:
        """Make do with these."""
        self.objects, self._is_followed, self.error = objects, True, None
