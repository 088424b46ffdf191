"""docs/report.schema.json says exactly what the documents are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from kubectl_gitops.diff.drift import DriftKind
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.report.document import API_VERSION, to_json
from kubectl_gitops.report.formats import render
from kubectl_gitops.report.model import DriftReportList, Report
from tests.unit.report.samples import (
    DEBUG,
    GONE,
    IGNORED,
    IMAGE,
    REPLICAS,
    action,
    drift_report,
    missing,
    modified,
    orphaned,
    plan_report,
    reports,
)

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parents[3] / "docs" / "report.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)

DRIFT = replace(
    drift_report(modified(REPLICAS, IMAGE, DEBUG, GONE, note="x"), missing(), orphaned()), ignored=(modified(IGNORED),)
)
#: Left out where the value is absent, or the path has no pointer.
OPTIONAL = {"pointer", "desired", "live"}
PLAN = plan_report(action(ActionKind.CHANGE, REPLICAS), action(ActionKind.PRUNE, origin=None, error="no"))
SAMPLES: list[Report] = [DRIFT, DriftReportList(items=(DRIFT, drift_report())), PLAN]


def test_it_is_a_schema_of_its_draft() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("report", SAMPLES)
def test_what_is_written_is_valid(report: Report) -> None:
    assert list(VALIDATOR.iter_errors(json.loads(render(report, "json")))) == []


@settings(max_examples=40)
@given(reports)
def test_whatever_the_report_its_document_is_valid(report: Report) -> None:
    assert list(VALIDATOR.iter_errors(to_json(report))) == []


@pytest.mark.parametrize("report", SAMPLES)
def test_it_is_exact_nothing_may_be_added_and_nothing_left_out(report: Report) -> None:
    document = to_json(report)
    for path in map_paths(document):
        part = at(document, path)
        whole = dict(part)
        part["unheard-of"] = 1
        assert not VALIDATOR.is_valid(document), path
        for name in whole.keys() - OPTIONAL:
            part.clear()
            part.update((other, value) for other, value in whole.items() if other != name)
            assert not VALIDATOR.is_valid(document), (path, name)
        part.clear()
        part.update(whole)
    assert VALIDATOR.is_valid(document)


def test_kinds_and_version_are_those_of_the_code() -> None:
    definitions = SCHEMA["$defs"]
    assert definitions["DriftReport"]["properties"]["apiVersion"]["const"] == API_VERSION
    assert definitions["DriftedObject"]["properties"]["drift"]["enum"] == [str(kind) for kind in DriftKind]
    actions = {"takeOver" if kind is ActionKind.TAKE_OVER else str(kind) for kind in ActionKind}
    assert set(definitions["PlannedObject"]["properties"]["action"]["enum"]) == actions


def test_every_property_is_explained() -> None:
    unexplained = [
        f"{name}.{key}"
        for name, definition in SCHEMA["$defs"].items()
        for key, value in definition["properties"].items()
        if not ({"description", "const", "enum", "$ref"} & value.keys() or "$ref" in value.get("items", {}))
    ]
    assert unexplained == []


def map_paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all maps of the document, but for those within the values of fields."""
    if isinstance(value, dict):
        yield path
        for name, child in value.items():
            if name not in {"desired", "live"}:
                yield from map_paths(child, (*path, name))
    if isinstance(value, list):
        for index, child in enumerate(value):
            yield from map_paths(child, (*path, index))


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for element in path:
        document = document[element]
    return document
