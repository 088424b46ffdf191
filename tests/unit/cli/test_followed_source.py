"""What of an object matters to a comparison with files, and how news is put into a report."""

from __future__ import annotations

from typing import Any

from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.cli.followed_source import what_can_count, with_news
from kubectl_gitops.diff.drift import DriftKind, ObjectDrift
from kubectl_gitops.report.model import DriftReport


def deployment(version: str, replicas: int, *, status: int, seen: str) -> dict[str, Any]:
    ours = {"manager": "kubectl", "operation": "Update", "time": "2026-01-01T00:00:00Z", "fieldsV1": {}}
    theirs = {"manager": "controller", "operation": "Update", "subresource": "status", "time": seen}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "resourceVersion": version, "managedFields": [ours, theirs]},
        "spec": {"replicas": replicas},
        "status": {"readyReplicas": status},
    }


def test_a_status_never_counts_and_anything_else_may() -> None:
    live = deployment("5", 2, status=0, seen="2026-01-01T00:00:00Z")
    before = deployment("5", 2, status=0, seen="2026-01-01T00:00:00Z")
    assert what_can_count(live) == what_can_count(deployment("6", 2, status=2, seen="2026-01-01T00:00:09Z"))
    assert what_can_count(live) != what_can_count(deployment("6", 3, status=0, seen="2026-01-01T00:00:00Z"))
    assert what_can_count(live) != what_can_count(None)
    assert live == before


def drift(name: str, kind: DriftKind = DriftKind.MISSING) -> ObjectDrift:
    key = ResourceKey("", "ConfigMap", "shop", name)
    return ObjectDrift(kind=kind, key=key, api_version="v1", origin=None, commit=None)


def report(checked: int, *drifts: ObjectDrift) -> DriftReport:
    return DriftReport(subject="directory deploy", repo_url="", path="", revision=None, checked=checked, drifts=drifts)


def test_news_replace_what_was_said_of_the_objects_that_changed() -> None:
    old = report(3, drift("a"), drift("b"))
    changed = [drift(name).key for name in ("b", "c")]
    news = report(2, drift("c", DriftKind.MODIFIED))
    assert with_news(old, news, changed) == report(3, drift("a"), drift("c", DriftKind.MODIFIED))
