"""The BreakGlasses of the cluster, by watch: those that are open, and those that have ended and are still there."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from types import MappingProxyType

from kubectl_gitops.api.breakglass import BREAK_GLASS_KIND, BREAK_GLASS_PLURAL, BreakGlass, read_break_glass
from kubectl_gitops.api.names import GROUP, VERSION
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.watching import Watch
from kubectl_gitops.errors import ClusterError, InvalidInput, NotFound

_log = logging.getLogger(__name__)

BREAK_GLASSES = Resource(
    group=GROUP, version=VERSION, kind=BREAK_GLASS_KIND, plural=BREAK_GLASS_PLURAL, namespaced=True
)

#: So that one whose end is told has ended by every way of rounding.
_AFTER_SECONDS = 0.01
#: The clock that tells when one ends may be set.
_LOOK_AGAIN_SECONDS = 30.0

#: By the label of their GitSync's objects.
ByLabel = Mapping[str, tuple[BreakGlass, ...]]


class BreakGlasses:
    """``found`` are all there are; ``changed`` is called when they are others, and when one of them ends.

    None count before they are known.
    """

    def __init__(
        self, cluster: Cluster, changed: Callable[[], None], *, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self.found: ByLabel = MappingProxyType({})
        self._changed = changed
        self._wall_clock = wall_clock
        self._end: threading.Timer | None = None
        self._by_name: dict[tuple[str, str], BreakGlass] = {}
        self._known = threading.Event()
        self._watch = Watch(cluster, BREAK_GLASSES, self, told=self._told)
        self.start = self._watch.start
        self.join = self._watch.join

    def open_now(self) -> ByLabel:
        """Those that are open at this moment."""
        now = self._wall_clock()
        still = {label: tuple(one for one in ones if one.is_open(now)) for label, ones in self.found.items()}
        return MappingProxyType({label: ones for label, ones in still.items() if ones})

    def wait_known(self, timeout_seconds: float) -> bool:
        """Until it is known which there are; also where the cluster has no such kind (yet)."""
        return self._known.wait(timeout_seconds)

    def ask_to_stop(self) -> None:
        self._watch.ask_to_stop()
        if self._end is not None:
            self._end.cancel()

    # -- what the watch tells, in its one thread

    def replaced(self, items: list[Object], resource_version: str) -> None:  # noqa: ARG002 - the protocol's
        self._by_name.clear()
        for obj in items:
            self._take(obj)
        self._tell()
        self._known.set()

    def changed(self, obj: Object) -> None:
        self._take(obj)
        self._tell()

    def deleted(self, obj: Object) -> None:
        self._by_name.pop(_name(obj), None)
        self._tell()

    def _take(self, obj: Object) -> None:
        try:
            self._by_name[_name(obj)] = read_break_glass(obj)
        except InvalidInput as exc:
            self._by_name.pop(_name(obj), None)
            _log.error("%s", exc)

    def _told(self, exc: ClusterError | None) -> None:
        if isinstance(exc, NotFound):
            self._known.set()  # an installation from before there was such a kind
        elif exc is not None:
            _log.warning("watch of %s: %s", BREAK_GLASS_PLURAL, exc)

    def _tell(self) -> None:
        by_label: dict[str, list[BreakGlass]] = defaultdict(list)
        for _, one in sorted(self._by_name.items()):
            by_label[one.label].append(one)
        self.found = MappingProxyType({label: tuple(ones) for label, ones in by_label.items()})
        self._await_end()
        self._changed()

    def _await_end(self) -> None:
        """Tell of the next end, too, and of the one after that."""
        if self._end is not None:
            self._end.cancel()
        now = self._wall_clock()
        ends = [one.until - now for ones in self.found.values() for one in ones if one.is_open(now)]
        if ends:
            self._end = threading.Timer(min(*ends, _LOOK_AGAIN_SECONDS) + _AFTER_SECONDS, self._ended)
            self._end.daemon = True
            self._end.start()

    def _ended(self) -> None:
        self._await_end()
        self._changed()


def _name(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]
