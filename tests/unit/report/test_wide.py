"""The wide table: all that is known of both authors."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.report.formats import render
from kubectl_gitops.report.style import Style
from tests.unit.report.samples import DEBUG, GONE, IGNORED, REPLICAS, action, drift_report, modified, plan_report


def test_it_has_a_column_for_each_thing_known_and_absolute_times() -> None:
    report = drift_report(modified(REPLICAS, DEBUG, GONE))
    head, replicas, debug, paused = render(
        report, "wide", style=Style(now=datetime(2026, 11, 23, 18, 41, tzinfo=UTC))
    ).splitlines()[1:]
    commit = ["1a2b3c4d", "Jane Doe", "2026-11-23T18:00:00Z", "Three replicas"]
    assert cells(head) == ["Deployment/web in namespace shop", "apps/v1", "Modified", "deploy/web.yaml:1", *commit]
    assert cells(replicas) == [
        *("spec.replicas", "Git 3", "live 5", "kubectl-scale", "Update", "scale", "2026-11-23T18:37:46Z"),
        *("deploy/web.yaml:1", *commit),
    ]
    assert cells(debug)[:3] == ["+ metadata.labels.debug", "Git (nothing)", "live on"]
    assert cells(paused) == [
        *("spec.paused", "Git false", "live (gone)", "not recorded", "deploy/web.yaml:7"),
        *("9f8e7d6c", "Max Muster", "2026-11-03T09:12:40Z", "Go on", "[not confirmed]"),
    ]


def test_values_are_cut_later_than_in_the_table() -> None:
    text = "x" * 200
    report = drift_report(modified(replace(DEBUG, live=text)))
    assert f"live {text} " in render(report, "wide")


def test_a_plan_and_what_is_ignored_are_shown_alike() -> None:
    assert "kubectl-scale" in render(plan_report(action(ActionKind.CHANGE, REPLICAS)), "wide")
    report = replace(drift_report(), ignored=(modified(IGNORED),))
    assert "[ignored: HorizontalPodAutoscaler" in render(report, "wide", style=Style(show_ignored=True))
    assert "HorizontalPodAutoscaler" not in render(report, "wide")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("   ") if cell.strip()]
