"""Names, as kubectl -o name writes them."""

from __future__ import annotations

from dataclasses import replace

from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.report.formats import render
from kubectl_gitops.report.model import DriftReportList
from kubectl_gitops.report.style import Style
from tests.unit.report.samples import IGNORED, SETTINGS, action, drift_report, missing, modified, orphaned, plan_report


def test_each_object_is_a_line_with_its_group_where_it_has_one() -> None:
    report = drift_report(modified(), missing(), orphaned())
    assert render(report, "name") == "namespace/shop\nconfigmap/settings\ndeployment.apps/web\n"
    assert render(DriftReportList(items=(report, report)), "name").count("deployment.apps/web\n") == 2


def test_nothing_is_named_where_nothing_differs() -> None:
    assert render(drift_report(), "name") == ""
    assert render(plan_report(action(ActionKind.UNCHANGED)), "name") == ""


def test_a_plan_names_what_is_not_as_it_should_be() -> None:
    plan = plan_report(
        action(ActionKind.UNCHANGED, key=SETTINGS),
        action(ActionKind.CHANGE),
        action(ActionKind.CREATE, key=ResourceKey("rbac.authorization.k8s.io", "ClusterRole", "", "system:x")),
    )
    assert render(plan, "name") == "deployment.apps/web\nclusterrole.rbac.authorization.k8s.io/system:x\n"


def test_what_is_ignored_is_named_where_asked_for() -> None:
    report = replace(drift_report(), ignored=(modified(IGNORED),))
    assert render(report, "name") == ""
    assert render(report, "name", style=Style(show_ignored=True)) == "deployment.apps/web\n"
