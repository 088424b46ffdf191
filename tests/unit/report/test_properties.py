"""What must hold of every format, whatever the report."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_gitops.report.document import to_json
from kubectl_gitops.report.formats import FORMATS, render
from kubectl_gitops.report.model import DriftReport, Report
from kubectl_gitops.report.style import Style
from kubectl_gitops.report.text import printable
from kubectl_gitops.report.yamltext import to_yaml
from tests.unit.report.samples import drift_lists, drifts, json_values, reports, styles, texts

formats = st.sampled_from(sorted(FORMATS))
#: A plan is no finding.
FOR_DRIFT_ONLY = {"junit", "sarif"}


@st.composite
def reports_and_formats(draw: st.DrawFn) -> tuple[Report, str]:
    name = draw(formats)
    return draw(drift_lists if name in FOR_DRIFT_ONLY else reports), name


def readable(value: Any) -> Any:
    """The value with half surrogate pairs, which no encoding holds, as machines get to see them."""
    if isinstance(value, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", value)
    if isinstance(value, dict):
        return {readable(name): readable(sub) for name, sub in value.items()}
    return [readable(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=150)
@given(reports_and_formats(), styles)
def test_no_control_character_but_line_feeds_and_only_our_own_colours(shown: tuple[Report, str], style: Style) -> None:
    report, name = shown
    text = render(report, name, style=style)
    if style.color:
        text = re.sub(r"\033\[\d+m", "", text)
    assert all(line.isprintable() for line in text.split("\n"))
    assert text == "" or text.endswith("\n")


@settings(max_examples=60)
@given(reports_and_formats(), styles)
def test_the_same_report_gives_the_same_text(shown: tuple[Report, str], style: Style) -> None:
    report, name = shown
    assert render(copy.deepcopy(report), name, style=style) == render(report, name, style=style)


@settings(max_examples=50)
@given(st.lists(drifts, max_size=4, unique_by=lambda drift: (drift.key, drift.api_version, drift.kind)), formats)
def test_the_order_in_which_drift_was_found_does_not_show(found: list[Any], name: str) -> None:
    def report(order: list[Any]) -> DriftReport:
        return DriftReport(subject="x", repo_url="", path="", revision=None, checked=9, drifts=tuple(order))

    assert render(report(found), name) == render(report(found[::-1]), name)


@settings(max_examples=50)
@given(reports)
def test_json_reads_back_as_the_document(report: Report) -> None:
    assert json.loads(render(report, "json")) == readable(to_json(report))


@settings(max_examples=30)
@given(reports)
def test_yaml_reads_back_as_the_document(report: Report) -> None:
    assert yaml.safe_load(render(report, "yaml")) == readable(to_json(report))


@settings(max_examples=200)
@given(json_values)
def test_yaml_reads_back_as_the_value(value: Any) -> None:
    assert yaml.safe_load(to_yaml(value, sort_keys=True)) == readable(value)
    assert yaml.load(to_yaml(value, sort_keys=False), Loader=yaml.CSafeLoader) == readable(value)


yaml_texts = texts | st.sampled_from(["k" * 130, "a\nb", "a\n\n\n", " a\n b\n", "a: b", "- a", "null", "0x1"])


@settings(max_examples=300)
@given(
    st.recursive(
        json_values | yaml_texts,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(yaml_texts, inner, max_size=4),
        max_leaves=15,
    )
)
def test_yaml_of_any_shape_reads_back_as_the_value(value: Any) -> None:
    assert yaml.safe_load(to_yaml(value, sort_keys=True)) == readable(value)


@given(texts)
def test_printable_text_is_one_line_and_escaping_twice_changes_nothing(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_show_an_empty_report(name: str) -> None:
    report = DriftReport(subject="x", repo_url="", path="", revision=None, checked=0, drifts=())
    assert isinstance(render(report, name), str)
