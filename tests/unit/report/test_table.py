"""The table, as people see it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from kubectl_gitops.api.objects import Origin, ResourceKey
from kubectl_gitops.diff.drift import DriftedField, DriftKind
from kubectl_gitops.diff.path import ABSENT
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.diff.secrets import MASKED_AFTER, MASKED_BEFORE
from kubectl_gitops.report.formats import render
from kubectl_gitops.report.model import DriftReportList
from kubectl_gitops.report.style import Style
from tests.unit.report.samples import (
    COMMIT,
    DEBUG,
    GONE,
    IGNORED,
    IMAGE,
    REPLICAS,
    SET,
    SETTINGS,
    SHOP,
    action,
    drift_report,
    missing,
    modified,
    orphaned,
    plan_report,
)

NOW = datetime(2026, 11, 23, 18, 41, tzinfo=UTC)


def lines_of(*fields: DriftedField) -> list[str]:
    """The lines of the fields in the table of one object."""
    return render(drift_report(modified(*fields))).splitlines()[2:]


def test_drift_is_summed_up_and_then_told_field_by_field() -> None:
    report = drift_report(modified(REPLICAS, IMAGE), missing(), orphaned())
    assert (
        render(report, style=Style(now=NOW))
        == """\
3 of 42 objects drifted: 1 modified, 1 missing, 1 orphaned
Namespace/shop                         Orphaned
ConfigMap/settings in namespace shop   Missing    deploy/settings.yaml:12   1a2b3c4d Jane Doe, 41 min ago
Deployment/web in namespace shop       Modified   deploy/web.yaml:1         1a2b3c4d Jane Doe, 41 min ago
  spec.replicas                                   Git 3          live 5          kubectl-scale (Update scale), 3 min ago
  spec.template.spec.containers[name=web].image   Git shop:1.4   live shop:1.5   kubectl-set (Update), 1 day ago
"""
    )


def test_no_drift_is_one_line_that_names_the_revision() -> None:
    assert render(drift_report()) == "42 objects are as Git says (1a2b3c4d main)\n"
    assert render(replace(drift_report(checked=1), ref="")) == "1 object is as Git says (1a2b3c4d)\n"
    assert render(replace(drift_report(checked=0), ref="", revision=None)) == "0 objects are as Git says\n"


def test_of_several_reports_each_names_its_subject() -> None:
    clean = replace(drift_report(checked=1), subject="GitSync a/tidy")
    reports = DriftReportList(items=(clean, drift_report(missing())))
    assert (
        render(reports)
        == """\
GitSync a/tidy: 1 object is as Git says (1a2b3c4d main)
GitSync gitops-system/shop: 1 of 42 objects drifted: 1 missing
ConfigMap/settings in namespace shop   Missing   deploy/settings.yaml:12   1a2b3c4d Jane Doe, 2026-11-23T18:00:00Z
"""
    )
    assert render(DriftReportList(items=())) == "nothing to compare\n"


def test_what_is_gone_has_no_owner_and_is_not_the_word_absent() -> None:
    gone = DriftedField(path=("data", "a"), desired="(absent)", live=ABSENT, owner=None)
    assert lines_of(gone) == ['  data.a   Git "(absent)"   live (gone)   not recorded']
    word = DriftedField(path=("data", "a"), desired="(gone)", live="(nothing)", owner=None)
    assert lines_of(word) == ['  data.a   Git "(gone)"   live "(nothing)"   not recorded']


def test_what_a_person_added_is_marked_and_git_has_nothing() -> None:
    assert lines_of(REPLICAS, DEBUG) == [
        "  spec.replicas           Git 3           live 5    kubectl-scale (Update scale), 2026-11-23T18:37:46Z",
        "+ metadata.labels.debug   Git (nothing)   live on   kubectl-set (Update), 2026-11-22T09:00:00Z",
    ]


def test_what_git_declared_once_is_said_to_be_stale() -> None:
    field = replace(DEBUG, kind=DriftKind.STALE, owner=None)
    assert lines_of(field) == [
        "  metadata.labels.debug   Git (nothing)   live on   not recorded      [stale: Git declared it once]"
    ]


def test_git_s_side_of_a_field_stands_where_it_says_more_than_the_object_s() -> None:
    same_commit = replace(REPLICAS, origin=Origin("deploy/web.yaml", 9), commit=COMMIT)
    report = drift_report(modified(GONE, same_commit))
    paused = "deploy/web.yaml:7  9f8e7d6c Max Muster, 20 days ago   [not confirmed]"
    assert render(report, style=Style(now=NOW)).splitlines()[2:] == [
        f"  spec.paused     Git false   live (gone)   not recorded                              {paused}",
        "  spec.replicas   Git 3       live 5        kubectl-scale (Update scale), 3 min ago   deploy/web.yaml:9",
    ]


def test_what_is_not_confirmed_is_counted_with_the_reason() -> None:
    report = drift_report(modified(GONE), missing())
    assert report.unconfirmed == 1
    summary = "2 of 42 objects drifted: 1 modified, 1 missing; 1 not confirmed: no right to dry-run"
    assert render(report).splitlines()[0] == summary
    assert render(replace(report, unconfirmed_because="")).splitlines()[0].endswith("; 1 not confirmed")


def test_what_is_ignored_is_counted_and_listed_only_where_asked_for() -> None:
    report = replace(drift_report(), ignored=(modified(IGNORED), modified(IGNORED, key=SETTINGS, api_version="v1")))
    assert render(report) == "42 objects are as Git says (1a2b3c4d main); 2 ignored\n"
    rule = "[ignored: HorizontalPodAutoscaler shop/web sets it]"
    assert render(report, style=Style(show_ignored=True)).splitlines()[1:4] == [
        "ignored:",
        "ConfigMap/settings in namespace shop   Modified   deploy/web.yaml:1   1a2b3c4d Jane Doe, 2026-11-23T18:00:00Z",
        f"  spec.replicas   Git 3   live 5   kubectl-scale (Update scale), 2026-11-23T18:37:46Z      {rule}",
    ]


def test_a_note_says_what_else_a_person_should_know() -> None:
    drift = modified(note="GitSync a/b\ndeclares it, too")
    assert render(drift_report(drift)).splitlines()[2] == r"  note: GitSync a/b\ndeclares it, too"


def test_long_values_are_cut_so_that_the_difference_stays_in_sight() -> None:
    name = "registry.example.com/" + "very/" * 20 + "shop"
    image = DriftedField(path=("image",), desired=f"{name}:1.4", live=f"{name}:1.5", owner=None)
    assert lines_of(image) == ["  image   Git …very/shop:1.4   live …very/shop:1.5   not recorded"]
    text = DriftedField(path=("data",), desired="a" * 99, live="b", owner=None)
    assert lines_of(text) == [f"  data   Git {'a' * 59}…   live b   not recorded"]


def test_text_of_many_lines_is_shown_on_one() -> None:
    text = DriftedField(path=("data", "x.conf"), desired="a\nb\n", live="a\n", owner=SET)
    assert lines_of(text) == [
        r'  data[x.conf]   Git "a\nb\n"   live "a\n"   kubectl-set (Update), 2026-11-22T09:00:00Z'
    ]


def test_terminal_escapes_in_names_and_values_are_escaped() -> None:
    field = DriftedField(
        path=("data", "\x1b[2J"), desired="x", live="\x1b]0;pwned\x07", owner=replace(SET, manager="k\x9b31m\n")
    )
    drift = replace(
        modified(field),
        key=ResourceKey("", "ConfigMap", "s\u202e", "a\rb"),
        origin=Origin("x\ny.yaml", 1),
        commit=replace(COMMIT, author="Eve\x1b[1A"),
    )
    head, row = render(drift_report(drift)).splitlines()[1:]
    assert (
        head
        == r"ConfigMap/a\rb in namespace s\u202e   Modified   x\ny.yaml:1   1a2b3c4d Eve\u001b[1A, 2026-11-23T18:00:00Z"
    )
    assert (
        row == r'  data[\u001b[2J]   Git x   live "\u001b]0;pwned\u0007"   k\u009b31m\n (Update), 2026-11-22T09:00:00Z'
    )


def test_masked_values_of_secrets_are_printed_as_they_come() -> None:
    field = DriftedField(path=("data", "password"), desired=MASKED_BEFORE, live=MASKED_AFTER, owner=SET)
    secret = replace(modified(field), key=ResourceKey("", "Secret", "shop", "db"), api_version="v1")
    assert (
        render(drift_report(secret)).splitlines()[2]
        == "  data.password   Git *** (before)   live *** (after)   kubectl-set (Update), 2026-11-22T09:00:00Z"
    )


def test_colour_only_where_asked_for_and_never_in_the_way_of_alignment() -> None:
    report = drift_report(modified(REPLICAS, IMAGE), missing())
    coloured = render(report, style=Style(color=True))
    assert "\033[33mModified\033[0m" in coloured
    assert "\033" not in render(report)
    for code in ("1", "2", "31", "32", "33"):
        coloured = coloured.replace(f"\033[{code}m", "")
    assert coloured.replace("\033[0m", "") == render(report)


def test_wide_characters_keep_the_columns_aligned() -> None:
    wide = DriftedField(path=("data", "a"), desired="日本", live="x", owner=None)
    slim = DriftedField(path=("data", "b"), desired="abcd", live="x", owner=None)
    marked = DriftedField(path=("data", "c"), desired="e\u0301bcd", live="x", owner=None)
    assert lines_of(wide, slim, marked) == [
        "  data.a   Git 日本   live x   not recorded",
        "  data.b   Git abcd   live x   not recorded",
        "  data.c   Git e\u0301bcd   live x   not recorded",
    ]


def test_a_plan_says_what_is_to_be_done_and_leaves_out_what_is_right_already() -> None:
    plan = plan_report(
        action(ActionKind.UNCHANGED),
        action(ActionKind.CREATE, key=SETTINGS, origin=Origin("deploy/settings.yaml", 12)),
        action(ActionKind.CHANGE, REPLICAS),
        action(ActionKind.TAKE_OVER),
        action(ActionKind.CHANGE, error="spec.selector: field is immutable"),
        action(ActionKind.PRUNE, key=SHOP, origin=None),
        action(ActionKind.ORPHAN, key=SHOP, origin=None),
    )
    summary = (
        "6 of 7 objects differ: 1 to create, 1 to change, 1 to take over, 1 to prune, 1 no longer in Git, 1 refused"
    )
    objects = """\
ConfigMap/settings in namespace shop   create             deploy/settings.yaml:12
Deployment/web in namespace shop       change             deploy/web.yaml:1
  spec.replicas   Git 3   live 5   kubectl-scale (Update scale), 2026-11-23T18:37:46Z
Deployment/web in namespace shop       take over          deploy/web.yaml:1
Deployment/web in namespace shop       change             deploy/web.yaml:1
  error: spec.selector: field is immutable
Namespace/shop                         prune
Namespace/shop                         no longer in Git
"""
    assert render(plan) == f"{summary}\n{objects}"
    assert (
        render(replace(plan, applied=True))
        == """\
6 of 7 objects differed: 1 created, 1 changed, 1 taken over, 1 pruned, 1 no longer in Git, 1 failed
ConfigMap/settings in namespace shop   created            deploy/settings.yaml:12
Deployment/web in namespace shop       changed            deploy/web.yaml:1
  spec.replicas   Git 3   live 5   kubectl-scale (Update scale), 2026-11-23T18:37:46Z
Deployment/web in namespace shop       taken over         deploy/web.yaml:1
Deployment/web in namespace shop       change             deploy/web.yaml:1
  error: spec.selector: field is immutable
Namespace/shop                         pruned
Namespace/shop                         no longer in Git
"""
    )


def test_in_a_plan_a_field_that_is_not_there_is_not_gone() -> None:
    new = DriftedField(path=("spec", "paused"), desired=False, live=ABSENT, owner=None)
    assert render(plan_report(action(ActionKind.CHANGE, new))).splitlines()[2] == (
        "  spec.paused   Git false   live (absent)   not recorded"
    )


def test_a_plan_without_changes_is_one_line() -> None:
    same = plan_report(action(ActionKind.UNCHANGED), action(ActionKind.UNCHANGED))
    assert render(same) == "2 objects are as Git says (1a2b3c4d main)\n"
    assert not same.has_changes


def test_what_is_merely_orphaned_is_shown_but_no_change() -> None:
    plan = plan_report(action(ActionKind.UNCHANGED), action(ActionKind.ORPHAN, key=SHOP, origin=None))
    assert render(plan) == "1 of 2 objects differs: 1 no longer in Git\nNamespace/shop   no longer in Git\n"
    assert not plan.has_changes
