"""Wait for objects: until they are healthy, or gone. Asked for with cheap reads, which need no right to watch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.failures import is_temporary
from kubectl_gitops.cluster.reading import read_objects
from kubectl_gitops.errors import ClusterError
from kubectl_gitops.health.assessment import health_of
from kubectl_gitops.health.checks import HealthCheck
from kubectl_gitops.health.model import Health, HealthStatus

_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 0.1, 2.0
#: An object that stays Degraded for so long does not become well by being waited for; a pod may be so for a moment.
DEGRADED_SECONDS = 10.0

#: Of each object its apiVersion, and the object as it was last seen.
Seen = Mapping[ResourceKey, tuple[str, Object | None]]
#: Told which objects are waited for, how each does, and for how many seconds now.
Tell = Callable[[ResourceKey, Health, float], None]


class Waiter:
    """Waits for at most ``timeout_seconds`` at a time.

    ``why_stop`` says why waiting is of no use any more, "" while it is; it is asked often. ``stop`` wakes it up.
    Waiting is done inside ``aside()``.
    """

    def __init__(
        self,
        reader: Cluster,
        discovery: Discovery,
        *,
        checks: Sequence[HealthCheck] = (),
        timeout_seconds: float,
        stop: threading.Event,
        why_stop: Callable[[], str],
        tell: Tell,
        aside: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._reader = reader
        self._discovery = discovery
        self._checks = checks
        self._stop = stop
        self._why_stop = why_stop
        self._tell = tell
        self._aside = aside
        self.timeout_seconds = timeout_seconds

    def health(self, obj: Object | None) -> Health:
        return health_of(obj, checks=self._checks)

    def until_well(self, seen: Seen) -> dict[ResourceKey, Health]:
        """Wait until all are well; those that are not by then. Nothing is read of what is well already."""
        degraded_since: dict[ResourceKey, float] = {}

        def is_over(key: ResourceKey, health: Health) -> bool:
            if health.status is not HealthStatus.DEGRADED:
                degraded_since.pop(key, None)
                return health.is_well
            return time.monotonic() - degraded_since.setdefault(key, time.monotonic()) >= DEGRADED_SECONDS

        return {key: health for key, health in self.until(seen, is_over).items() if not health.is_well}

    def until(self, seen: Seen, is_over: Callable[[ResourceKey, Health], bool]) -> dict[ResourceKey, Health]:
        """Wait until it is over with each; how all of them do then."""
        healths = {key: self.health(obj) for key, (_, obj) in seen.items()}
        waited = {key for key, health in healths.items() if not is_over(key, health)}
        if waited:
            with self._aside():
                self._until(seen, healths, waited, is_over)
        return healths

    def _until(
        self,
        seen: Seen,
        healths: dict[ResourceKey, Health],
        waited: set[ResourceKey],
        is_over: Callable[[ResourceKey, Health], bool],
    ) -> None:
        started, delay, told = time.monotonic(), _FIRST_DELAY_SECONDS, dict[ResourceKey, Health]()
        while waited and not self._why_stop():
            seconds = time.monotonic() - started
            for key in sorted(waited):
                if told.get(key) != healths[key]:
                    self._tell(key, healths[key], seconds)
                    told[key] = healths[key]
            if seconds >= self.timeout_seconds:
                break
            self._stop.wait(min(delay, self.timeout_seconds - seconds))
            delay = min(delay * 1.5, _LONGEST_DELAY_SECONDS)
            live = self._read({key: seen[key][0] for key in waited})
            if live is None:
                continue
            healths |= {key: self.health(live.get(key)) for key in waited}
            waited = {key for key in waited if not is_over(key, healths[key])}

    def until_gone(self, api_versions: Mapping[ResourceKey, str]) -> dict[ResourceKey, Object]:
        """Wait until none of the objects is there any more; those that are, as they are."""
        with self._aside():
            return self._until_gone(api_versions)

    def _until_gone(self, api_versions: Mapping[ResourceKey, str]) -> dict[ResourceKey, Object]:
        started, delay = time.monotonic(), _FIRST_DELAY_SECONDS
        live: dict[ResourceKey, Object] = {}
        rest = dict(api_versions)
        while rest:
            read = self._read(rest)
            if read is not None:
                live = read
                rest = {key: version for key, version in rest.items() if key in live}
            seconds = time.monotonic() - started
            if not rest or self._why_stop() or seconds >= self.timeout_seconds:
                break
            for key in sorted(live):
                self._tell(key, self.health(live[key]), seconds)
            self._stop.wait(delay)
            delay = min(delay * 1.5, _LONGEST_DELAY_SECONDS)
        return live

    def _read(self, api_versions: Mapping[ResourceKey, str]) -> dict[ResourceKey, Object] | None:
        """None where the API server is away for a moment."""
        wanted = [(self._discovery.find(version, key.kind), key) for key, version in api_versions.items()]
        try:
            return read_objects(self._reader, [(resource, key) for resource, key in wanted if resource])
        except ClusterError as exc:
            if not is_temporary(exc):
                raise
        return None
