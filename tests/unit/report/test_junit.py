"""JUnit XML, as CI systems parse it."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_gitops.diff.drift import DriftedField
from kubectl_gitops.diff.secrets import MASKED_AFTER, MASKED_BEFORE
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.report.formats import render
from kubectl_gitops.report.model import DriftReportList, Report
from kubectl_gitops.report.style import Style
from kubectl_gitops.report.text import printable
from tests.unit.report.samples import (
    GONE,
    IGNORED,
    REPLICAS,
    drift_lists,
    drift_report,
    missing,
    modified,
    orphaned,
    plan_report,
    texts,
)


def suites_of(report: Report, style: Style | None = None) -> ET.Element:
    """As a strict parser of XML 1.0 reads it; it is our own output, so nothing hostile expands."""
    return ET.fromstring(render(report, "junit", style=style or Style()))  # noqa: S314


def test_each_drifted_object_is_a_failed_test() -> None:
    root = suites_of(drift_report(modified(REPLICAS, GONE), missing(), orphaned()))
    (suite,) = root
    assert suite.attrib == {
        "name": "GitSync gitops-system/shop",
        "tests": "3",
        "failures": "3",
        "errors": "0",
        "skipped": "0",
    }
    assert [case.get("name") for case in suite.iter("testcase")] == [
        "Namespace/shop",
        "ConfigMap/settings in namespace shop",
        "Deployment/web in namespace shop",
    ]
    case = suite.findall("testcase")[2]
    assert (case.get("classname"), case.get("file"), case.get("line")) == ("shop.Deployment", "deploy/web.yaml", "1")
    (failure,) = case
    assert failure.attrib == {"type": "Modified", "message": "Modified: 2 fields"}
    jane = "declared in deploy/web.yaml:1  1a2b3c4d Jane Doe, 2026-11-23T18:00:00Z"
    max_muster = "declared in deploy/web.yaml:7  9f8e7d6c Max Muster, 2026-11-03T09:12:40Z"
    assert (failure.text or "").strip().splitlines() == [
        "deploy/web.yaml:1  1a2b3c4d Jane Doe, 2026-11-23T18:00:00Z",
        f"spec.replicas: Git 3, live 5; changed by kubectl-scale (Update scale), 2026-11-23T18:37:46Z; {jane}",
        f"spec.paused: Git false, live (gone); who changed it is not recorded; {max_muster}; not confirmed",
    ]
    assert suite.find("properties/property[@name='checked']").attrib["value"] == "42"  # type: ignore[union-attr]


def test_no_drift_is_one_passed_test() -> None:
    (suite,) = suites_of(drift_report())
    (case,) = suite.findall("testcase")
    assert list(case) == []
    assert case.get("name") == "42 objects are as Git says (1a2b3c4d main)"
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")


def test_each_report_is_a_suite_and_the_whole_is_summed_up() -> None:
    root = suites_of(DriftReportList(items=(drift_report(missing(), orphaned()), drift_report())))
    assert [suite.get("tests") for suite in root] == ["2", "1"]
    assert (root.get("tests"), root.get("failures")) == ("3", "2")
    assert list(suites_of(DriftReportList(items=()))) == []


def test_ignored_objects_are_skipped_tests_where_asked_for() -> None:
    report = replace(drift_report(), ignored=(modified(IGNORED),))
    assert len(suites_of(report)[0].findall("testcase")) == 1
    (suite,) = suites_of(report, Style(show_ignored=True))
    skipped = suite.findall("testcase")[1].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "ignored: HorizontalPodAutoscaler shop/web sets it"
    assert (suite.get("tests"), suite.get("skipped")) == ("2", "1")


def test_masked_values_of_secrets_stay_in_sight() -> None:
    field = DriftedField(path=("data", "x"), desired=MASKED_BEFORE, live=MASKED_AFTER, owner=None)
    assert "data.x: Git *** (before), live *** (after);" in render(drift_report(modified(field)), "junit")


def test_a_plan_is_no_finding() -> None:
    with pytest.raises(InvalidInput, match="junit is no format for a plan"):
        render(plan_report(), "junit")


@settings(max_examples=40)
@given(drift_lists, st.booleans())
def test_it_is_xml_whatever_the_report(report: Report, shown: bool) -> None:
    root = suites_of(report, Style(show_ignored=shown))
    assert root.get("tests") == str(len(list(root.iter("testcase"))))
    assert root.get("failures") == str(len(list(root.iter("failure"))))


@given(texts)
def test_any_text_can_be_read_back(text: str) -> None:
    report = drift_report(modified(replace(REPLICAS, path=("data",)), note=text))
    failure = next(suites_of(replace(report, subject=text)).iter("failure"))
    assert printable(text) in (failure.text or "")
    assert suites_of(replace(report, subject=text))[0].get("name") == printable(text)
