"""SARIF: what code scanning needs of it, by hand, as no package has the schema.

The output was compared with the OASIS schema (sarif-schema-2.1.0.json) when this was written.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from kubectl_gitops.api.objects import Origin
from kubectl_gitops.diff.drift import DriftedField, DriftKind
from kubectl_gitops.diff.secrets import MASKED_AFTER, MASKED_BEFORE
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.report.formats import render
from kubectl_gitops.report.model import DriftReportList, Report
from kubectl_gitops.report.sarif_rules import RULES
from kubectl_gitops.report.style import Style
from tests.unit.report.samples import (
    GONE,
    IGNORED,
    IMAGE,
    REPLICAS,
    drift_lists,
    drift_report,
    missing,
    modified,
    orphaned,
    plan_report,
)


def exactly(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = {**required, **(optional or {})}
    return {"type": "object", "required": [*required], "properties": properties, "additionalProperties": False}


def several(items: dict[str, Any], minimum: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": minimum}


TEXT = {"type": "string"}
URI = {"type": "string", "pattern": r"^[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+$"}
MESSAGE = exactly({"text": {"type": "string", "minLength": 1}}, {"markdown": TEXT})
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = exactly(
    {
        "id": TEXT,
        "name": {"pattern": "^([A-Z][a-z]+)+$"},
        "shortDescription": MESSAGE,
        "fullDescription": MESSAGE,
        "help": MESSAGE,
        "defaultConfiguration": exactly({"level": LEVEL}),
        "properties": exactly({"tags": several(TEXT)}),
    }
)
PLACE = exactly(
    {"artifactLocation": exactly({"uri": URI}, {"uriBaseId": {"const": "%SRCROOT%"}})},
    {"region": exactly({"startLine": {"type": "integer", "minimum": 1}})},
)
RESULT = exactly(
    {
        "ruleId": TEXT,
        "ruleIndex": {"type": "integer", "minimum": 0, "maximum": len(DriftKind) - 1},
        "level": LEVEL,
        "message": MESSAGE,
        "locations": several(
            exactly(
                {"logicalLocations": several(exactly({"fullyQualifiedName": TEXT, "kind": TEXT}), 1)},
                {"physicalLocation": PLACE},
            ),
            1,
        ),
        "fingerprints": exactly({"kubectlGitopsDrift/v1": {"pattern": "^[0-9a-f]{64}$"}}),
        "partialFingerprints": exactly({"primaryLocationLineHash": {"pattern": "^[0-9a-f]{16}:1$"}}),
    },
    {"suppressions": several(exactly({"kind": {"const": "external"}, "justification": TEXT}), 1)},
)
SARIF = Draft202012Validator(
    exactly(
        {
            "$schema": {"pattern": r"^https://.*/sarif-schema-2\.1\.0\.json$"},
            "version": {"const": "2.1.0"},
            "runs": several(
                exactly(
                    {
                        "tool": exactly({"driver": exactly({"name": TEXT, "version": TEXT, "rules": several(RULE)})}),
                        "automationDetails": exactly({"id": TEXT}),
                        "columnKind": {"const": "unicodeCodePoints"},
                        "results": several(RESULT),
                    },
                    {
                        "versionControlProvenance": several(
                            exactly({"repositoryUri": URI}, {"revisionId": TEXT, "branch": TEXT}), 1
                        )
                    },
                )
            ),
        }
    )
)


def log_of(report: Report, style: Style | None = None) -> Any:
    log = json.loads(render(report, "sarif", style=style or Style()))
    assert [error.message for error in SARIF.iter_errors(log)] == []
    return log


def results_of(report: Report, style: Style | None = None) -> list[Any]:
    (run,) = log_of(report, style)["runs"]
    found: list[Any] = run["results"]
    return found


def test_each_drifted_field_is_a_result_at_its_line() -> None:
    replicas, paused = results_of(drift_report(modified(REPLICAS, GONE)))
    assert (replicas["ruleId"], replicas["level"]) == ("drift/modified", "error")
    assert replicas["message"]["text"] == (
        "Deployment/web in namespace shop: spec.replicas: Git 3, live 5. "
        "Changed by kubectl-scale (Update scale), 2026-11-23T18:37:46Z. "
        "Declared in deploy/web.yaml:1  1a2b3c4d Jane Doe, 2026-11-23T18:00:00Z."
    )
    assert paused["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "deploy/web.yaml", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 7},
            },
            "logicalLocations": [{"fullyQualifiedName": "apps/v1/Deployment/shop/web/spec.paused", "kind": "resource"}],
        }
    ]
    assert "Not confirmed." in paused["message"]["text"]


def test_an_object_as_a_whole_is_one_result_and_without_a_file_has_its_name_for_a_place() -> None:
    gone, absent = results_of(drift_report(orphaned(), missing()))
    assert gone["locations"] == [
        {"logicalLocations": [{"fullyQualifiedName": "v1/Namespace/shop", "kind": "resource"}]}
    ]
    assert (gone["ruleId"], gone["level"]) == ("drift/orphaned", "note")
    text = "ConfigMap/settings in namespace shop: missing. An object that Git declares is not in the cluster."
    assert absent["message"]["text"] == text
    assert absent["locations"][0]["physicalLocation"]["region"] == {"startLine": 12}


def test_every_kind_of_drift_has_a_rule_that_results_point_at() -> None:
    drifts = [replace(missing(), kind=kind) for kind in DriftKind]
    (run,) = log_of(drift_report(*drifts))["runs"]
    assert run["tool"]["driver"]["rules"] == RULES
    for result in run["results"]:
        rule = RULES[result["ruleIndex"]]
        assert (rule["id"], rule["defaultConfiguration"]["level"]) == (result["ruleId"], result["level"])
    assert {result["ruleId"] for result in run["results"]} == {f"drift/{kind.lower()}" for kind in DriftKind}


def test_a_finding_is_known_again_whatever_its_values_and_lines() -> None:
    again = replace(REPLICAS, live=9, origin=Origin("deploy/other.yaml", 3), owner=None)
    before, after = (results_of(drift_report(modified(field)))[0] for field in (REPLICAS, again))
    assert before["fingerprints"] == after["fingerprints"]
    assert before["partialFingerprints"] == after["partialFingerprints"]
    others = results_of(drift_report(modified(REPLICAS, IMAGE, replace(REPLICAS, kind=DriftKind.STALE)), missing()))
    assert len({result["fingerprints"]["kubectlGitopsDrift/v1"] for result in others}) == 4


def test_each_report_is_a_run_of_its_own_category() -> None:
    reports = DriftReportList(items=(drift_report(), replace(drift_report(), subject="GitSync a/b")))
    runs = log_of(reports)["runs"]
    assert [run["automationDetails"]["id"] for run in runs] == [
        "kubectl-gitops/drift/GitSync gitops-system/shop/",
        "kubectl-gitops/drift/GitSync a/b/",
    ]
    assert [run["results"] for run in runs] == [[], []]


def test_the_revision_is_named_where_the_repository_has_an_address() -> None:
    report = replace(drift_report(), repo_url="https://bot:s3cret@git.example.com/my shop.git")
    (run,) = log_of(report)["runs"]
    assert run["versionControlProvenance"] == [
        {
            "repositoryUri": "https://***@git.example.com/my%20shop.git",
            "revisionId": "1a2b3c4d" + "0" * 32,
            "branch": "main",
        }
    ]
    (run,) = log_of(replace(drift_report(), repo_url="git@git.example.com:shop.git"))["runs"]
    assert "versionControlProvenance" not in run


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("deploy/web.yaml", "deploy/web.yaml"),
        ("a b/ä:1#?.yaml", "a%20b/%C3%A4%3A1%23%3F.yaml"),
        ("50%.yaml", "50%25.yaml"),
        ("/srv/x.yaml", "/srv/x.yaml"),
    ],
)
def test_files_are_percent_encoded_and_relative_to_the_repository(path: str, uri: str) -> None:
    (result,) = results_of(drift_report(replace(missing(), origin=Origin(path, 0))))
    location = result["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == uri
    assert unquote(uri) == path
    assert ("uriBaseId" in location["artifactLocation"]) == (not path.startswith("/"))
    assert "region" not in location


def test_values_are_neither_placeholders_nor_links() -> None:
    field = DriftedField(path=("data", "x"), desired="{0} [here](http://e)", live={"a": 1}, owner=None)
    (result,) = results_of(drift_report(modified(field)))
    assert 'Git "{{0}} [here] (http://e)", live {{"a": 1}}.' in result["message"]["text"]


def test_ignored_fields_are_suppressed_results_where_asked_for() -> None:
    report = replace(drift_report(), ignored=(modified(IGNORED),))
    assert results_of(report) == []
    (result,) = results_of(report, Style(show_ignored=True))
    assert result["suppressions"] == [{"kind": "external", "justification": "HorizontalPodAutoscaler shop/web sets it"}]


def test_masked_values_of_secrets_stay_in_sight() -> None:
    field = DriftedField(path=("data", "x"), desired=MASKED_BEFORE, live=MASKED_AFTER, owner=None)
    (result,) = results_of(drift_report(modified(field)))
    assert "data.x: Git *** (before), live *** (after)." in result["message"]["text"]


def test_a_plan_is_no_finding() -> None:
    with pytest.raises(InvalidInput, match="sarif is no format for a plan"):
        render(plan_report(), "sarif")


@settings(max_examples=40)
@given(drift_lists, st.booleans())
def test_it_is_sarif_whatever_the_report(report: Report, shown: bool) -> None:
    log_of(report, Style(show_ignored=shown))
