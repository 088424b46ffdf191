"""Comments on pull requests, as a Markdown renderer reads them."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from kubectl_gitops.api.objects import Origin, ResourceKey
from kubectl_gitops.diff.drift import DriftedField
from kubectl_gitops.diff.path import format_path
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.diff.secrets import MASKED_AFTER, MASKED_BEFORE
from kubectl_gitops.report.as_markdown import LIMIT, code_span
from kubectl_gitops.report.formats import render
from kubectl_gitops.report.model import DriftReport, DriftReportList, Report
from kubectl_gitops.report.style import Style
from kubectl_gitops.report.text import printable
from tests.unit.report.samples import (
    COMMIT,
    DEBUG,
    GONE,
    IGNORED,
    IMAGE,
    REPLICAS,
    action,
    drift_report,
    missing,
    modified,
    plan_report,
    reports,
    texts,
)

#: What GitHub renders beyond CommonMark, as far as it could matter here.
MARKDOWN = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(["table", "strikethrough"])

HOSTILE_TEXT = "a | b `c` **d** <img src=x onerror=alert(1)> @octocat #1 </code></details> [x](http://e) \\| ```"


class Page(HTMLParser):
    """The text inside and outside of code, and the tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.code: list[str] = []
        self.prose: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not attrs, (tag, attrs)
        if tag == "code":
            self.code.append("")
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "code" in self.open:
            self.code[-1] += data
        else:
            self.prose.append(data)


def page_of(report: Report, style: Style | None = None) -> Page:
    page = Page(MARKDOWN.render(render(report, "markdown", style=style or Style())))
    assert not page.open
    return page


def test_a_comment_has_the_sum_in_sight_and_each_object_to_unfold() -> None:
    text = render(drift_report(modified(REPLICAS, DEBUG), missing()), "markdown")
    assert text.startswith(
        """\
### Drift: `GitSync gitops-system/shop`

2 of 42 objects drifted: 1 modified, 1 missing

Git: `1a2b3c4d main`

<details><summary><b>Missing</b> <code>ConfigMap/settings in namespace shop</code></summary>
<p>An object that Git declares is not in the cluster.</p>
<p><code>deploy/settings.yaml:12  1a2b3c4d Jane Doe, 2026-11-23T18:00:00Z</code></p>
</details>

<details><summary><b>Modified</b> <code>Deployment/web in namespace shop</code></summary>
"""
    )
    assert "<tr><td><code>spec.replicas</code></td><td><code>3</code></td><td><code>5</code></td>" in text
    assert "<b>+</b> <code>metadata.labels.debug</code></td><td><code>(nothing)</code></td>" in text


def test_no_drift_is_two_lines_and_a_plan_is_shown_alike() -> None:
    assert render(drift_report(), "markdown").splitlines()[2] == "42 objects are as Git says (`1a2b3c4d main`)"
    assert render(DriftReportList(items=()), "markdown") == "Nothing to compare.\n"
    plan = plan_report(action(ActionKind.CHANGE, REPLICAS, error="spec.x: immutable"))
    assert render(plan, "markdown").startswith("### Plan: `directory ./deploy`\n\n1 of 1 object differs: 1 refused\n")
    assert "<p><code>spec.x: immutable</code></p>" in render(plan, "markdown")
    assert render(replace(plan, applied=True), "markdown").startswith("### Applied: ")


def test_marks_and_ignored_objects() -> None:
    report = replace(drift_report(modified(GONE)), ignored=(modified(IGNORED),))
    assert "1 ignored; 1 not confirmed: `no right to dry-run`" in render(report, "markdown")
    assert "<br><code>not confirmed</code>" in render(report, "markdown")
    assert "HorizontalPodAutoscaler" not in render(report, "markdown")
    assert "ignored: HorizontalPodAutoscaler shop/web sets it" in page_of(report, Style(show_ignored=True)).code


def test_nothing_in_a_value_is_markup_or_calls_anybody() -> None:
    field = DriftedField(path=("data", HOSTILE_TEXT), desired=HOSTILE_TEXT[:59], live=MASKED_AFTER, owner=None)
    commit = replace(COMMIT, author="@octocat")
    drift = replace(
        modified(field, key=ResourceKey("", "ConfigMap", "s", HOSTILE_TEXT), origin=Origin(HOSTILE_TEXT, 1)),
        commit=commit,
        note=HOSTILE_TEXT,
    )
    page = page_of(replace(drift_report(drift), subject=HOSTILE_TEXT, ref=HOSTILE_TEXT))
    assert not {"img", "a", "em", "strong"} & set(page.tags)
    assert not re.search(r"[@#|`]", "".join(page.prose))
    assert page.code.count(HOSTILE_TEXT) == 2
    assert format_path(field.path) in page.code
    assert any("@octocat" in code for code in page.code)


def test_masked_values_of_secrets_stay_in_sight() -> None:
    field = DriftedField(path=("data", "password"), desired=MASKED_BEFORE, live=MASKED_AFTER, owner=None)
    assert {"*** (before)", "*** (after)"} <= set(page_of(drift_report(modified(field))).code)


@settings(max_examples=40)
@given(reports, st.booleans())
def test_whatever_the_report_only_our_own_tags_and_words_are_outside_of_code(report: Report, shown: bool) -> None:
    page = page_of(report, Style(show_ignored=shown))
    ours = {"h3", "p", "code", "details", "summary", "b", "table", "tr", "th", "td", "br", "strong"}
    assert set(page.tags) <= ours
    assert re.fullmatch(r"[A-Za-z0-9 :;,.()+'*\n-]*", "".join(page.prose))


@given(texts | st.text(alphabet="` a\\"))
def test_code_spans_hold_any_text(text: str) -> None:
    rendered = Page(MARKDOWN.render("### x " + code_span(text)))
    assert [code.strip(" ") for code in rendered.code] == [printable(text).strip(" ")]


def many(number: int) -> DriftReport:
    def drift(index: int) -> DriftedField:
        return replace(IMAGE, live=f"registry.example.com/shop/web:{index}")

    keys = (ResourceKey("apps", "Deployment", "shop", f"web-{index:05}") for index in range(number))
    return drift_report(*(modified(drift(index), key=key) for index, key in enumerate(keys)), checked=number)


def test_a_comment_that_would_be_too_long_is_cut_with_the_number_of_what_is_left_out() -> None:
    text = render(many(3_000), "markdown")
    assert LIMIT - 2_000 < len(text.encode()) <= LIMIT < 65_536
    shown = text.count("<details>")
    assert text.endswith(f"**{3_000 - shown} objects more did not fit**: `-o html` and `-o json` show all.\n")
    assert page_of(many(3_000)).tags.count("details") == shown


def test_what_fits_is_not_cut() -> None:
    assert "did not fit" not in render(many(50), "markdown")


def test_one_object_does_not_take_all_the_room() -> None:
    fields = [replace(REPLICAS, path=("data", f"key-{index}")) for index in range(2_000)]
    text = render(drift_report(modified(*fields), missing()), "markdown")
    more = re.search(r"<p>(\d+) fields more</p>", text)
    assert more
    assert int(more[1]) == 2_000 - text.count("<tr><td>")
    assert "did not fit" not in text


@pytest.mark.parametrize("number", [0, 1, 400])
def test_of_many_reports_those_that_fit_are_shown(number: int) -> None:
    text = render(DriftReportList(items=(many(number),) * 9), "markdown")
    assert len(text.encode()) <= LIMIT
    shown = text.count("<details>")
    assert (f"{9 * number - shown} objects more" in text) == (shown < 9 * number)
