"""The unified diff: what it shows, and that it ends in time."""

from __future__ import annotations

import difflib
import time

from hypothesis import given
from hypothesis import strategies as st

from kubectl_gitops.api.objects import Origin, ResourceKey
from kubectl_gitops.diff.drift import DriftedField
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.diff.secrets import MASKED, MASKED_OTHER
from kubectl_gitops.report.formats import render
from kubectl_gitops.report.model import DriftReportList
from kubectl_gitops.report.style import Style
from kubectl_gitops.report.unified import unified_diff
from tests.unit.report.samples import (
    IMAGE,
    REPLICAS,
    SETTINGS,
    SHOP,
    action,
    drift_report,
    missing,
    modified,
    orphaned,
    plan_report,
)

SETTINGS_TREE = {"data": {"app.conf": "a = 1\nb = 2\n"}, "metadata": {"labels": {"app": "shop"}}}


def test_a_modified_object_goes_from_live_to_git() -> None:
    drift = modified(
        REPLICAS,
        desired={"spec": {"replicas": 3, "paused": False}},
        live={"spec": {"replicas": 5, "paused": False}},
    )
    assert (
        render(drift_report(drift), "diff")
        == """\
--- live/apps.v1.Deployment.shop.web
+++ git/apps.v1.Deployment.shop.web
@@ -5,4 +5,4 @@
   namespace: shop
 spec:
   paused: false
-  replicas: 5
+  replicas: 3
"""
    )


def test_text_of_many_lines_is_compared_line_by_line() -> None:
    live = {"data": {"app.conf": "a = 1\nb = 3\n"}, "metadata": {"labels": {"app": "shop"}}}
    drift = modified(key=SETTINGS, api_version="v1", desired=SETTINGS_TREE, live=live)
    assert (
        render(drift_report(drift), "diff")
        == """\
--- live/v1.ConfigMap.shop.settings
+++ git/v1.ConfigMap.shop.settings
@@ -2,7 +2,7 @@
 data:
   app.conf: |
     a = 1
-    b = 3
+    b = 2
 kind: ConfigMap
 metadata:
   labels:
"""
    )


def test_a_missing_object_is_all_added_and_an_orphaned_one_all_removed() -> None:
    report = drift_report(missing(desired=SETTINGS_TREE), orphaned(live={"metadata": {"labels": {"a": "b"}}}))
    assert (
        render(report, "diff")
        == """\
--- live/v1.Namespace.shop
+++ git/v1.Namespace.shop
@@ -1,6 +0,0 @@
-apiVersion: v1
-kind: Namespace
-metadata:
-  labels:
-    a: b
-  name: shop
--- live/v1.ConfigMap.shop.settings
+++ git/v1.ConfigMap.shop.settings
@@ -0,0 +1,11 @@
+apiVersion: v1
+data:
+  app.conf: |
+    a = 1
+    b = 2
+kind: ConfigMap
+metadata:
+  labels:
+    app: shop
+  name: settings
+  namespace: shop
"""
    )


def test_without_trees_the_fields_alone_are_compared() -> None:
    assert (
        render(drift_report(modified(REPLICAS, IMAGE)), "diff")
        == """\
--- live/apps.v1.Deployment.shop.web
+++ git/apps.v1.Deployment.shop.web
@@ -3,5 +3,5 @@
 metadata:
   name: web
   namespace: shop
-spec.replicas: 5
-spec.template.spec.containers[name=web].image: shop:1.5
+spec.replicas: 3
+spec.template.spec.containers[name=web].image: shop:1.4
"""
    )


def test_a_secret_whose_masked_trees_are_equal_still_shows_where_it_differs() -> None:
    field = DriftedField(path=("data", "password"), desired=MASKED, live=MASKED_OTHER, owner=None)
    masked = {"data": {"password": "***"}}
    secret = modified(field, key=ResourceKey("", "Secret", "shop", "db"), desired=masked, live=masked)
    shown = render(drift_report(secret), "diff")
    assert "\n-data.password: '*** (another value)'\n+data.password: '***'\n" in shown


def test_a_plan_shows_what_it_writes_and_the_words_of_a_refusal() -> None:
    plan = plan_report(
        action(ActionKind.UNCHANGED),
        action(ActionKind.ORPHAN, key=SHOP, origin=None),
        action(ActionKind.CREATE, key=SETTINGS, api_version="v1", origin=Origin("a.yaml", 1)),
        action(ActionKind.CHANGE, error="no:\nit is immutable"),
    )
    assert (
        render(plan, "diff")
        == """\
--- live/v1.ConfigMap.shop.settings
+++ git/v1.ConfigMap.shop.settings
@@ -0,0 +1,5 @@
+apiVersion: v1
+kind: ConfigMap
+metadata:
+  name: settings
+  namespace: shop
# Deployment/web in namespace shop: no:\\nit is immutable
"""
    )


def test_nothing_is_shown_where_nothing_differs() -> None:
    assert render(drift_report(), "diff") == ""
    assert render(plan_report(action(ActionKind.UNCHANGED)), "diff") == ""
    assert render(DriftReportList(items=(drift_report(), drift_report())), "diff") == ""


def test_colours() -> None:
    text = render(drift_report(modified(REPLICAS)), "diff", style=Style(color=True))
    assert "\033[31m-spec.replicas: 5\033[0m\n\033[32m+spec.replicas: 3\033[0m\n" in text


lines = st.lists(st.sampled_from(["a", "b", "c", "d", ""]), max_size=30)


@given(lines, lines)
def test_hunks_are_those_of_difflib(before: list[str], after: list[str]) -> None:
    expected = difflib.unified_diff(before, after, "x", "y", lineterm="")
    assert list(unified_diff(before, after, "x", "y")) == list(expected)


@given(lines, lines, st.integers(0, 200))
def test_however_little_work_is_allowed_the_diff_is_right(before: list[str], after: list[str], limit: int) -> None:
    shown = list(unified_diff(before, after, "x", "y", work_limit=limit))[2:]
    assert patched(before, shown) == after


def patched(before: list[str], hunks: list[str]) -> list[str]:
    """What ``patch`` would make of ``before``, which must hold every line that the hunks say it does."""
    after: list[str] = []
    position = 0
    for line in hunks:
        if line.startswith("@@"):
            start, _, length = line.split()[1][1:].partition(",")
            begin = int(start) - (length != "0")
            after += before[position:begin]
            position = begin
            continue
        if line[0] in " -":
            assert before[position] == line[1:]
            position += 1
        if line[0] in " +":
            after.append(line[1:])
    return after + before[position:]


def test_thousands_of_lines_that_repeat_each_other_take_no_minutes() -> None:
    before = [str(number % 300) for number in range(20_000)]
    after = [str(number * 7 % 300) for number in range(20_000)]
    began = time.process_time()
    shown = list(unified_diff(before, after, "x", "y"))
    assert time.process_time() - began < 20
    assert patched(before, shown[2:]) == after
