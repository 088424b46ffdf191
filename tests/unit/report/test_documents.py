"""JSON and YAML, as programs see them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from kubectl_gitops.api.objects import Origin
from kubectl_gitops.diff.drift import DriftedField, DriftKind
from kubectl_gitops.diff.path import ABSENT, FieldPath, ItemKey, format_path
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.report.document import json_pointer, to_json
from kubectl_gitops.report.formats import render
from kubectl_gitops.report.model import DriftReportList
from kubectl_gitops.report.yamltext import to_yaml
from tests.unit.report.samples import (
    GONE,
    IGNORED,
    IMAGE,
    REPLICAS,
    SHOP,
    action,
    drift_report,
    missing,
    modified,
    orphaned,
    plan_report,
)


def test_a_drift_report_in_yaml() -> None:
    assert (
        render(drift_report(modified(REPLICAS, IMAGE), orphaned()), "yaml")
        == """\
apiVersion: report.kubectl-gitops.dev/v1alpha1
kind: DriftReport
subject: GitSync gitops-system/shop
source:
  repoURL: https://git.example.com/shop.git
  path: deploy
  ref: main
  revision:
    sha: 1a2b3c4d00000000000000000000000000000000
    author: Jane Doe
    time: '2026-11-23T18:00:00Z'
    subject: Three replicas
summary:
  checked: 42
  drifted: 2
  modified: 1
  missing: 0
  added: 0
  orphaned: 1
  stale: 0
  unowned: 0
  ignored: 0
  unconfirmed: 0
objects:
- drift: Orphaned
  apiVersion: v1
  kind: Namespace
  namespace: ''
  name: shop
  file: null
  line: null
  commit: null
  note: ''
  fields: []
- drift: Modified
  apiVersion: apps/v1
  kind: Deployment
  namespace: shop
  name: web
  file: deploy/web.yaml
  line: 1
  commit:
    sha: 1a2b3c4d00000000000000000000000000000000
    author: Jane Doe
    time: '2026-11-23T18:00:00Z'
    subject: Three replicas
  note: ''
  fields:
  - path: spec.replicas
    drift: Modified
    pointer: /spec/replicas
    desired: 3
    live: 5
    owner:
      manager: kubectl-scale
      operation: Update
      subresource: scale
      time: '2026-11-23T18:37:46Z'
    file: deploy/web.yaml
    line: 1
    commit:
      sha: 1a2b3c4d00000000000000000000000000000000
      author: Jane Doe
      time: '2026-11-23T18:00:00Z'
      subject: Three replicas
    confirmed: true
    ignored: ''
  - path: spec.template.spec.containers[name=web].image
    drift: Modified
    desired: shop:1.4
    live: shop:1.5
    owner:
      manager: kubectl-set
      operation: Update
      subresource: ''
      time: '2026-11-22T09:00:00Z'
    file: deploy/web.yaml
    line: 1
    commit:
      sha: 1a2b3c4d00000000000000000000000000000000
      author: Jane Doe
      time: '2026-11-23T18:00:00Z'
      subject: Three replicas
    confirmed: true
    ignored: ''
ignored: []
"""
    )


def test_json_is_the_same_document_as_yaml_and_what_it_took_is_not_in_it() -> None:
    report = drift_report(modified(REPLICAS))
    assert json.loads(render(report, "json")) == to_json(report)
    assert render(replace(report, seconds=9.0, api_calls=9), "json") == render(report, "json")


def test_an_absent_value_is_left_out_and_null_is_not() -> None:
    gone = DriftedField(path=("spec", "x"), desired=None, live=ABSENT, owner=None)
    field = to_json(drift_report(modified(gone)))["objects"][0]["fields"][0]
    assert field["desired"] is None
    assert "live" not in field


def test_a_field_names_the_line_that_sets_it_and_else_its_object_s() -> None:
    document = to_json(drift_report(modified(REPLICAS, GONE)))
    replicas, paused = document["objects"][0]["fields"]
    assert (replicas["file"], replicas["line"], replicas["commit"]["author"]) == ("deploy/web.yaml", 1, "Jane Doe")
    assert (paused["file"], paused["line"], paused["commit"]["author"]) == ("deploy/web.yaml", 7, "Max Muster")
    assert (replicas["confirmed"], paused["confirmed"]) == (True, False)
    assert document["summary"]["unconfirmed"] == 1


def test_what_is_ignored_is_always_listed_apart() -> None:
    report = replace(drift_report(modified(IMAGE)), ignored=(modified(IGNORED),))
    document = to_json(report)
    assert (document["summary"]["drifted"], document["summary"]["ignored"]) == (1, 1)
    assert [field["path"] for field in document["objects"][0]["fields"]] == [format_path(IMAGE.path)]
    assert document["ignored"][0]["fields"][0]["ignored"] == "HorizontalPodAutoscaler shop/web sets it"


def test_a_line_that_is_not_known_is_null() -> None:
    assert to_json(drift_report(modified(origin=Origin("a.yaml", 0))))["objects"][0]["line"] is None


def test_several_reports_are_a_list() -> None:
    reports = DriftReportList(items=(drift_report(), drift_report(missing())))
    document = to_json(reports)
    assert document["kind"] == "DriftReportList"
    assert [item["kind"] for item in document["items"]] == ["DriftReport", "DriftReport"]
    assert reports.has_drift
    assert not DriftReportList(items=(drift_report(),)).has_drift


def test_a_plan_lists_every_object_and_counts_each_once() -> None:
    plan = plan_report(
        action(ActionKind.UNCHANGED),
        action(ActionKind.TAKE_OVER, REPLICAS),
        action(ActionKind.PRUNE, key=SHOP, api_version="v1", origin=None, error="not allowed"),
    )
    document = to_json(plan)
    assert document["summary"] == {
        "total": 3,
        "create": 0,
        "change": 0,
        "takeOver": 1,
        "recreate": 0,
        "prune": 0,
        "hook": 0,
        "orphan": 0,
        "unchanged": 1,
        "failed": 1,
    }
    assert [(entry["action"], entry["error"]) for entry in document["objects"]] == [
        ("unchanged", ""),
        ("takeOver", ""),
        ("prune", "not allowed"),
    ]
    assert document["applied"] is False
    assert [failed.key for failed in plan.failures] == [SHOP]


def test_drift_is_counted_by_kind() -> None:
    counts = drift_report(missing(), orphaned(), orphaned()).counts
    assert (counts[DriftKind.MODIFIED], counts[DriftKind.MISSING], counts[DriftKind.ORPHANED]) == (0, 1, 2)


def test_no_credentials_of_the_repository_are_shown() -> None:
    report = replace(drift_report(), repo_url="https://bot:s3cret@git.example.com/shop.git")
    assert to_json(report)["source"]["repoURL"] == "https://***@git.example.com/shop.git"


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ((), ""),
        (("spec", "replicas"), "/spec/replicas"),
        (("metadata", "annotations", "a~b/c"), "/metadata/annotations/a~0b~1c"),
        (("args", 2), "/args/2"),
        (("containers", ItemKey((("name", "web"),))), ABSENT),
    ],
)
def test_json_pointers(path: FieldPath, pointer: object) -> None:
    assert json_pointer(path) == pointer


def test_control_characters_are_written_as_escapes_that_read_back() -> None:
    field = DriftedField(path=("data",), desired="\x1b[2J\x9b\u202e\U000e0041", live="Jürgen", owner=None)
    text = render(drift_report(modified(field)), "json")
    assert r'"desired": "\u001b[2J\u009b\u202e\udb40\udc41"' in text
    assert '"live": "Jürgen"' in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\nb\n", "|\n  a\n  b"),
        ("1e3", "'1e3'"),
        ("0o17", "'0o17'"),
        ("yes", "'yes'"),
        ("\x1b[0m", '"\\e[0m"'),
        ("\u202e", '"\\u202e"'),
        ("grüße", "grüße"),
        ("x" * 300 + " y" * 100, "x" * 300 + " y" * 100),
    ],
)
def test_yaml_is_what_every_reader_takes_for_the_same(value: str, text: str) -> None:
    assert to_yaml([value], sort_keys=True) == f"- {text}\n"


def test_yaml_has_no_anchors() -> None:
    shared = {"a": 1}
    assert to_yaml([shared, shared], sort_keys=True) == "- a: 1\n- a: 1\n"


@pytest.mark.parametrize("name", ["xml", "table=x", "", "jsonpaths={.kind}"])
def test_an_unknown_format_is_named_with_those_there_are(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"there is table, wide, .*, sarif, jsonpath=TEMPLATE") as caught:
        render(drift_report(), name)
    assert repr(name) in str(caught.value)
