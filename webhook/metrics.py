"""What is measured, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from webhook.review import Request
from webhook.state import State
from webhook.verdict import Verdict

# The API server waits for seconds; what is of interest is whether a verdict costs one millisecond or ten.
_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


REVIEWS = "gitops_webhook_reviews_total"


class Metrics:
    """Counters of one process, in a registry of their own."""

    def __init__(self, state: State) -> None:
        self.registry = CollectorRegistry()
        self._reviews = Counter(
            REVIEWS.removesuffix("_total"),
            "Admission reviews answered with a verdict.",
            ["verdict", "reason", "operation", "kind", "gitsync"],
            registry=self.registry,
        )
        self.latency = Histogram(
            "gitops_webhook_review_duration_seconds",
            "Time from the whole body read to the answer written.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.internal_errors = Counter(
            "gitops_webhook_internal_errors",
            "Reviews answered with HTTP 500, left to the failurePolicy.",
            registry=self.registry,
        )
        self.undecided = Counter(
            "gitops_webhook_undecided",
            "Reviews answered with HTTP 503, left to the failurePolicy: not all snapshots were known yet.",
            registry=self.registry,
        )
        self.bad_requests = Counter(
            "gitops_webhook_bad_requests",
            "Requests answered with HTTP 4xx: no review at all, or a malformed one.",
            registry=self.registry,
        )
        snapshots = Gauge("gitops_webhook_snapshots", "Snapshots loaded.", registry=self.registry)
        snapshots.set_function(lambda: len(state.view.snapshots))
        ready = Gauge("gitops_webhook_ready", "Whether all that is needed to decide is known.", registry=self.registry)
        ready.set_function(lambda: state.ready)

        self._certificate = Gauge(
            "gitops_webhook_certificate_expiry_timestamp_seconds",
            "When the certificate that is served expires, in seconds since 1970.",
            registry=self.registry,
        )
        self.registry.register(_Snapshots(state))

    def certificate(self, expires: datetime) -> None:
        """Tell until when the server's certificate is valid."""
        self._certificate.set(expires.timestamp())

    def count(self, request: Request, verdict: Verdict) -> None:
        # A GitSync is named only if there is one: labels that anybody may write must not become time series.
        self._reviews.labels(
            verdict=verdict.outcome.value,
            reason=verdict.reason.value,
            operation=request.operation.value,
            kind=request.kind_text,
            gitsync=verdict.gitsync,
        ).inc()


class _Snapshots(Collector):
    """What is enforced for each GitSync, read from the state whenever it is asked for."""

    def __init__(self, state: State) -> None:
        self._state = state

    def describe(self) -> list[Metric]:
        """None, so that nobody collects at registration, when there may be no state yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        view = self._state.view
        stored = GaugeMetricFamily(
            "gitops_webhook_snapshot_created_timestamp_seconds",
            "When the snapshot that is enforced was stored, in seconds since 1970; time() minus it is its age.",
            labels=["gitsync"],
        )
        info = GaugeMetricFamily(
            "gitops_webhook_snapshot_info", "The revision that is enforced.", labels=["gitsync", "revision"]
        )
        stale = GaugeMetricFamily(
            "gitops_webhook_snapshot_stale",
            "Whether the GitSync's status tells of a newer snapshot than the one that has come here.",
            labels=["gitsync"],
        )
        for label, snapshot in view.snapshots.items():
            owner = view.owners.get(label)
            gitsync = f"{snapshot.namespace}/{snapshot.name}"
            info.add_metric([gitsync, snapshot.revision.sha if snapshot.revision else ""], 1)
            stale.add_metric([gitsync], bool(owner and owner.is_ahead_of(snapshot)))
            stored.add_metric([gitsync], snapshot.sequence / 1000)  # milliseconds: snapshot.store.next_sequence
        yield stale
        yield stored
        yield info
