"""The page about operations tells of each metric, and of none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

from kubectl_gitops.diff.drift import DriftKind
from kubectl_gitops.reconciler.metrics import Metrics

PAGE = Path(__file__).parents[3] / "docs" / "operations.md"


def test_the_page_lists_exactly_the_metrics_there_are() -> None:
    metrics = Metrics()
    named = set()
    for family in metrics.registry.collect():
        if family.name.startswith("gitops_"):
            named.add(family.name + ("_total" if family.type == "counter" else ""))
    listed = re.findall(r"^\| `(gitops_\w+)` \| (?:counter|gauge|histogram) \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(named)


def test_of_a_gitsync_that_is_gone_the_counters_end() -> None:
    metrics = Metrics()
    for gitsync in ("team/shop", "team/other"):
        metrics.drift_found(gitsync, DriftKind.MISSING)
        metrics.restored(gitsync, DriftKind.MISSING, 0.01)
        metrics.sync_ended(gitsync, "failed", 0.1)
    metrics.forget("team/shop")
    metrics.forget("team/never-seen")
    labels = {s.labels.get("gitsync") for family in metrics.registry.collect() for s in family.samples}
    assert "team/shop" not in labels
    assert "team/other" in labels
