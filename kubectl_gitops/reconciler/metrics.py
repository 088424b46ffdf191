"""What the reconciler measures, for Prometheus. docs/operations.md tells what each is for; a test compares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from kubectl_gitops import __version__
from kubectl_gitops.cluster.connection import Calls
from kubectl_gitops.diff.drift import DriftKind
from kubectl_gitops.reconciler.ledger import Counts

# From what a restore takes at best to what it takes when somebody fights.
_RESTORE_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0)
_SYNC_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
_GIT_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)


class Observed(Protocol):
    """One GitSync, as far as it is looked at when somebody asks for metrics."""

    def __str__(self) -> str:
        """``namespace/name``."""

    def counts(self) -> Counts:
        """Its objects."""

    def oldest_drift_seconds(self) -> float:
        """For how long the object has been wrong that is longest; 0.0 where none is."""

    @property
    def is_synced(self) -> bool: ...

    @property
    def is_suspended(self) -> bool: ...


class Observable(Protocol):
    """One reconciler of this process."""

    def observed(self) -> list[Observed]:
        """Its GitSyncs."""

    def queue_depths(self) -> dict[str, int]:
        """Of each of its queues, how many turns are due now and have not begun."""


class Metrics:
    """Those of one process, in a registry of their own; of all its reconcilers. Safe to use from many threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._reconcilers: list[Observable] = []
        self._calls: list[Calls] = []
        self._drift_found = self._counter(
            "gitops_reconciler_drift_found", "Objects that were found to have drifted.", "gitsync", "kind"
        )
        self._drift_restored = self._counter(
            "gitops_reconciler_drift_restored", "Objects that were put back.", "gitsync", "kind"
        )
        self._restore_failures = self._counter(
            "gitops_reconciler_restore_failures", "Tries to put an object back that failed.", "gitsync"
        )
        self._restore_seconds = self._histogram(
            "gitops_reconciler_restore_duration_seconds",
            "Time from seeing that an object is wrong to its being right again.",
            _RESTORE_BUCKETS,
            "kind",
        )
        self._syncs = self._counter(
            "gitops_reconciler_syncs", "Syncs that ended: succeeded, failed, or interrupted.", "gitsync", "result"
        )
        self._sync_seconds = self._histogram(
            "gitops_reconciler_sync_duration_seconds", "Time that syncs took.", _SYNC_BUCKETS, "result"
        )
        self._git_seconds = self._histogram(
            "gitops_reconciler_git_update_duration_seconds",
            "Time that asking a repository took, and fetching what is new.",
            _GIT_BUCKETS,
            "result",
        )
        leading = Gauge(
            "gitops_reconciler_leading",
            "Whether this replica is in charge of a shard.",
            ["shard"],
            registry=self.registry,
        )
        self._leading = leading
        info = Gauge("gitops_reconciler_build_info", "The version that runs.", ["version"], registry=self.registry)
        info.labels(version=__version__).set(1)
        self.events = self._counter(
            "gitops_reconciler_events", "Events on GitSyncs: written, dropped, or failed.", "result"
        )
        self.hooks = self._counter(
            "gitops_reconciler_hooks", "Push events that came in: accepted, refused, limited, or failed.", "result"
        )
        self.notifications = self._counter(
            "gitops_reconciler_notifications", "Notifications: sent, dropped, or failed.", "type", "result"
        )
        self.registry.register(_Asked(self))

    # -- what happens

    def drift_found(self, gitsync: str, kind: DriftKind) -> None:
        self._drift_found.labels(gitsync=gitsync, kind=kind.value).inc()

    def restored(self, gitsync: str, kind: DriftKind, seconds: float) -> None:
        self._drift_restored.labels(gitsync=gitsync, kind=kind.value).inc()
        self._restore_seconds.labels(kind=kind.value).observe(seconds)

    def restore_failed(self, gitsync: str) -> None:
        self._restore_failures.labels(gitsync=gitsync).inc()

    def sync_ended(self, gitsync: str, result: str, seconds: float) -> None:
        """``result`` is succeeded, failed or interrupted."""
        self._syncs.labels(gitsync=gitsync, result=result).inc()
        self._sync_seconds.labels(result=result).observe(seconds)

    def git_asked(self, result: str, seconds: float) -> None:
        """``result`` is succeeded or failed."""
        self._git_seconds.labels(result=result).observe(seconds)

    def leads(self, shard: int, leading: bool) -> None:
        self._leading.labels(shard=str(shard)).set(leading)

    def forget(self, gitsync: str) -> None:
        """A GitSync is gone: its time series end."""
        for counter in (self._drift_found, self._drift_restored, self._restore_failures, self._syncs):
            counter.remove_by_labels({"gitsync": gitsync})

    # -- what is looked at when somebody asks

    def attach(self, reconciler: Observable, calls: Calls) -> None:
        self._reconcilers = [*self._reconcilers, reconciler]
        if calls not in self._calls:
            self._calls = [*self._calls, calls]

    def detach(self, reconciler: Observable) -> None:
        self._reconcilers = [one for one in self._reconcilers if one is not reconciler]

    def collect(self) -> Iterator[Metric]:
        gitsyncs = sorted((one for each in self._reconcilers for one in each.observed()), key=str)
        yield from _of_gitsyncs(gitsyncs)
        depth = GaugeMetricFamily("gitops_reconciler_queue_depth", "Turns that are due now.", labels=["queue"])
        depths: dict[str, int] = {}
        for each in self._reconcilers:
            for queue, number in each.queue_depths().items():
                depths[queue] = depths.get(queue, 0) + number
        for queue, number in sorted(depths.items()):
            depth.add_metric([queue], number)
        yield depth
        requests = CounterMetricFamily(
            "gitops_reconciler_api_requests",
            "Requests to the API server, by method (or WATCH) and status; 0 is no answer.",
            labels=["verb", "code"],
        )
        for calls in self._calls:
            for (verb, code), number in sorted(calls.by_answer.items()):
                requests.add_metric([verb, str(code)], number)
        yield requests

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)


def _of_gitsyncs(gitsyncs: Iterable[Observed]) -> Iterator[Metric]:
    objects = GaugeMetricFamily(
        "gitops_reconciler_objects", "Objects that Git declares, by how they are.", labels=["gitsync", "state"]
    )
    oldest = GaugeMetricFamily(
        "gitops_reconciler_oldest_drift_seconds",
        "For how long the object has been wrong that is longest; 0 where none is.",
        labels=["gitsync"],
    )
    synced = GaugeMetricFamily(
        "gitops_reconciler_synced", "Whether the last attempt to sync went well.", labels=["gitsync"]
    )
    suspended = GaugeMetricFamily(
        "gitops_reconciler_suspended", "Whether spec.suspend keeps it from writing.", labels=["gitsync"]
    )
    for gitsync in gitsyncs:
        counts = gitsync.counts()
        for state in ("synced", "drifted", "missing", "added", "orphaned", "ignored", "unhealthy"):
            objects.add_metric([str(gitsync), state], getattr(counts, state))
        oldest.add_metric([str(gitsync)], gitsync.oldest_drift_seconds())
        synced.add_metric([str(gitsync)], gitsync.is_synced)
        suspended.add_metric([str(gitsync)], gitsync.is_suspended)
    yield from (objects, oldest, synced, suspended)


class _Asked(Collector):
    """What is not counted when it happens, but looked at."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> list[Metric]:
        """None, so that nobody collects at registration."""
        return []

    def collect(self) -> Iterator[Metric]:
        return self._metrics.collect()
