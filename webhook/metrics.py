"""What is measured, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from webhook.review import Request
from webhook.state import State
from webhook.verdict import Verdict

# The API server waits for seconds; what is of interest is whether a verdict costs one millisecond or ten.
_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """Counters of one process, in a registry of their own."""

    def __init__(self, state: State) -> None:
        self.registry = CollectorRegistry()
        self._reviews = Counter(
            "gitops_webhook_reviews",
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
        self.bad_requests = Counter(
            "gitops_webhook_bad_requests",
            "Requests answered with HTTP 4xx: no review at all, or a malformed one.",
            registry=self.registry,
        )
        snapshots = Gauge("gitops_webhook_snapshots", "Snapshots loaded.", registry=self.registry)
        snapshots.set_function(lambda: len(state.view.snapshots))
        ready = Gauge("gitops_webhook_ready", "Whether all that is needed to decide is known.", registry=self.registry)
        ready.set_function(lambda: state.ready)

    def count(self, request: Request, verdict: Verdict) -> None:
        kind = f"{request.key.kind}.{request.key.group}" if request.key.group else request.key.kind
        # A GitSync is named only if there is one: labels that anybody may write must not become time series.
        self._reviews.labels(
            verdict=verdict.outcome.value,
            reason=verdict.reason.value,
            operation=request.operation.value,
            kind=kind,
            gitsync=verdict.gitsync,
        ).inc()
