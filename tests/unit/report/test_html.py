"""The page: what is on it, that it needs nothing else, and that no value is more than text."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_gitops.api.objects import Origin, ResourceKey
from kubectl_gitops.diff.drift import DriftedField
from kubectl_gitops.diff.path import ABSENT
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.diff.secrets import MASKED_AFTER, MASKED_BEFORE
from kubectl_gitops.report.formats import render
from kubectl_gitops.report.model import DriftReportList, Report
from kubectl_gitops.report.style import Style
from kubectl_gitops.report.text import printable
from tests.unit.report.samples import (
    COMMIT,
    DEBUG,
    GONE,
    IGNORED,
    IMAGE,
    REPLICAS,
    SET,
    action,
    drift_report,
    missing,
    modified,
    orphaned,
    plan_report,
    reports,
    styles,
    texts,
)

ATTACKS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><svg onload=alert(1)>",
    "<img src=x onerror=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "--><!--",
    "<!--",
    "]]>",
    "&lt;script&gt;",
    "&#60;b&#62;",
    "javascript:alert(1)",
    "{{7*7}}${7*7}$style",
    "</textarea></title></details></article>",
]
VOID = {"meta", "br", "wbr", "col", "input"}


class Page(HTMLParser):
    """The tree as far as the tests need it: elements with their attributes and text, each closed in its place."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, dict[str, str | None], str]] = []
        self._buffers: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))
            self._buffers.append("")

    def handle_endtag(self, tag: str) -> None:
        opened, attributes = self.open.pop()
        assert opened == tag
        text = self._buffers.pop()
        self.texts.append((tag, attributes, text))
        if self._buffers:
            self._buffers[-1] += text

    def handle_data(self, data: str) -> None:
        if self._buffers:
            self._buffers[-1] += data

    def text_of(self, tag: str, css_class: str | None = None) -> list[str]:
        return [text for name, attrs, text in self.texts if name == tag and css_class in {None, attrs.get("class")}]

    def shape(self) -> set[tuple[str, str]]:
        """Every element with each of its attributes' names."""
        return {(tag, name) for tag, attrs in self.seen for name in ("", *attrs)}


def page_of(report: Report, style: Style | None = None) -> Page:
    return Page(render(report, "html", style=style or Style()))


def test_the_page_shows_both_values_and_both_authors_of_each_field() -> None:
    page = page_of(drift_report(modified(REPLICAS, DEBUG, GONE), missing()))
    assert page.text_of("h1") == ["Drift: GitSync gitops-system/shop"]
    assert page.text_of("p", "sum") == [
        "2 of 42 objects drifted: 1 modified, 1 missing; 1 not confirmed: no right to dry-run"
    ]
    assert page.text_of("h3") == [
        "Missing ConfigMap/settings in namespace shop",
        "Modified Deployment/web in namespace shop",
    ]
    assert page.text_of("th")[5:] == ["spec.replicas", "+ metadata.labels.debug", "spec.pausednot confirmed"]
    assert page.text_of("td", "git") == ["3", "(nothing)", "false"]
    assert page.text_of("td", "live") == ["5", "on", "(gone)"]
    who = page.text_of("div", "who")
    assert who[0] == "kubectl-scaleUpdate scale2026-11-23 18:37:46 UTC"
    assert who[3] == "its object:deploy/web.yaml:11a2b3c4d Jane Doe2026-11-23 18:00:00 UTCThree replicas"
    assert who[5] == "deploy/web.yaml:79f8e7d6c Max Muster2026-11-03 09:12:40 UTCGo on"


def test_an_object_without_fields_says_what_is_the_matter() -> None:
    page = page_of(drift_report(orphaned(note="also in GitSync a/b")))
    assert page.text_of("p", "note")[:2] == [
        "An object that Git declared once is still in the cluster.",
        "also in GitSync a/b",
    ]


def test_text_of_many_lines_is_shown_as_a_diff_and_long_maps_as_yaml() -> None:
    text = DriftedField(path=("data", "x"), desired="a = 1\nb = 2\n", live="a = 1\nb = 3\n", owner=None)
    tree = DriftedField(path=("spec",), desired=ABSENT, live={"key": ["x" * 50, "y" * 50]}, owner=None)
    page = page_of(drift_report(modified(text, tree)))
    assert page.text_of("td", "git")[0] == "2 lines, see below"
    assert page.text_of("pre")[0].splitlines() == ["@@ -1,2 +1,2 @@", " a = 1", "-b = 3", "+b = 2"]
    assert (page.text_of("del"), page.text_of("ins")) == (["-b = 3\n"], ["+b = 2\n"])
    assert page.text_of("pre")[1] == f"key:\n- {'x' * 50}\n- {'y' * 50}\n"
    end = replace(text, live="a = 1\nb = 2")
    assert "line feed at the end" in page_of(drift_report(modified(end))).text_of("pre")[0]


def test_long_values_and_diffs_are_cut_and_say_so() -> None:
    long = DriftedField(path=("x",), desired="a" * 30_000, live=ABSENT, owner=None)
    lines = DriftedField(path=("y",), desired="\n".join(map(str, range(2_000))), live="\n", owner=None)
    page = page_of(drift_report(modified(long, lines)))
    assert page.text_of("td", "git")[0] == "a" * 20_000 + "… and 10000 characters more"
    assert page.text_of("pre")[0].endswith("\n…\n")
    assert len(page.text_of("pre")[0].splitlines()) < 402


def test_of_many_reports_each_has_its_heading() -> None:
    clean = replace(drift_report(), subject="GitSync a/tidy")
    page = page_of(DriftReportList(items=(drift_report(missing()), clean)))
    assert page.text_of("h1") == ["Drift of 2 GitSyncs"]
    assert page.text_of("h2") == ["GitSync gitops-system/shop", "GitSync a/tidy"]
    assert "Nothing to compare." in page_of(DriftReportList(items=())).text_of("p", "sum")


def test_a_plan_has_its_actions_and_errors() -> None:
    plan = plan_report(action(ActionKind.UNCHANGED), action(ActionKind.TAKE_OVER, REPLICAS, error="spec.x: immutable"))
    page = page_of(plan)
    assert page.text_of("h1") == ["Plan: directory ./deploy"]
    assert page.text_of("h3") == ["take over Deployment/web in namespace shop"]
    assert page.text_of("span", "kind take-over") == ["take over"]
    assert page.text_of("p", "error") == ["spec.x: immutable"]
    assert page_of(replace(plan, applied=True)).text_of("title") == ["Applied: directory ./deploy"]


def test_ignored_objects_are_apart_where_asked_for() -> None:
    report = replace(drift_report(missing()), ignored=(modified(IGNORED),))
    assert "Ignored" not in page_of(report).text_of("h2")
    page = page_of(report, Style(show_ignored=True))
    assert page.text_of("h2") == ["Objects", "Ignored"]
    assert page.text_of("span", "tag") == ["ignored: HorizontalPodAutoscaler shop/web sets it"]
    assert [attrs["data-kinds"] for tag, attrs in page.seen if tag == "article"] == ["Missing", "Ignored"]


def test_masked_values_of_secrets_stay_in_sight() -> None:
    field = DriftedField(path=("data", "password"), desired=MASKED_BEFORE, live=MASKED_AFTER, owner=None)
    page = page_of(drift_report(modified(field)))
    assert (page.text_of("td", "git"), page.text_of("td", "live")) == (["*** (before)"], ["*** (after)"])


def test_credentials_of_the_repository_are_not_on_it() -> None:
    report = replace(drift_report(), repo_url="https://bot:s3cret@git.example.com/x.git")
    assert "s3cret" not in render(report, "html")


def test_when_it_was_made_is_said_where_it_is_known() -> None:
    style = Style(now=datetime(2026, 11, 23, 18, 41, tzinfo=UTC))
    assert "2026-11-23 18:41:00 UTC" in page_of(drift_report(), style).text_of("footer")[0]
    assert "2026" not in page_of(drift_report()).text_of("footer")[0]


def test_the_filter_knows_kinds_namespaces_and_managers() -> None:
    drift = modified(REPLICAS, replace(DEBUG, owner=replace(SET, manager='k9s "x"')))
    page = page_of(drift_report(drift, missing(), orphaned()))
    article = next(attrs for tag, attrs in page.seen if tag == "article" and attrs["data-managers"])
    assert article["data-kinds"] == "Modified\nAdded"
    assert article["data-namespace"] == "shop"
    assert article["data-managers"] == 'k9s "x"\nkubectl-scale'
    values = [attrs["value"] for tag, attrs in page.seen if tag == "option"]
    assert values == ["", "=", "=shop", "", '=k9s "x"', "=kubectl-scale"]
    assert page.text_of("option")[1] == "(none)"
    assert [text.strip() for text in page.text_of("label")[3:]] == [
        "Orphaned (1)",
        "Missing (1)",
        "Modified (1)",
        "Added (1)",
    ]


def test_every_control_has_a_label_and_every_heading_its_level() -> None:
    page = page_of(drift_report(modified(REPLICAS, IMAGE), missing(), orphaned()))
    labelled = {attrs["for"] for tag, attrs in page.seen if tag == "label" and "for" in attrs}
    assert labelled == {attrs["id"] for tag, attrs in page.seen if tag in {"select", "input"} and "id" in attrs}
    levels = [int(tag[1]) for tag, _ in page.seen if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
    assert {attrs.get("scope") for tag, attrs in page.seen if tag == "th"} == {"col", "row"}
    assert ("html", {"lang": "en"}) in page.seen


def test_it_loads_nothing_and_runs_its_own_script_only() -> None:
    page = page_of(drift_report(modified(REPLICAS)))
    policy = next(attrs["content"] for tag, attrs in page.seen if attrs.get("http-equiv"))
    assert policy is not None
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == directives["base-uri"] == directives["form-action"] == "'none'"
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (text,) = page.text_of(tag)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert directives[directive] == f"'sha256-{digest}'"
        assert not re.search(r"@import|url\(|innerHTML|eval|fetch|XMLHttpRequest|https?:", text)
    assert not {name for _, name in page.shape()} & {"src", "srcset", "style", "action", "xlink:href", "ping"}
    assert {attrs["href"] for _, attrs in page.seen if "href" in attrs} == {"#objects"}


def attacked(text: str) -> Report:
    field = DriftedField(
        path=("data", text),
        desired=text,
        live={text: [text, "x" * 90]},
        owner=replace(SET, manager=text, operation=text, subresource=text, time=text),
        origin=Origin(text, 3),
        commit=replace(COMMIT, sha=text, author=text, time=text, subject=text),
        ignored=text,
    )
    lines = replace(field, desired=f"{text}\n1", live=f"{text}\n2")
    key = ResourceKey(text, text, text, text)
    drift = modified(field, lines, key=key, api_version=text, origin=Origin(text, 1), note=text)
    found: dict[str, Any] = {"subject": text, "repo_url": text, "path": text, "ref": text, "unconfirmed_because": text}
    return replace(drift_report(drift, missing()), ignored=(drift,), **found)


@settings(max_examples=80)
@given(st.sampled_from(ATTACKS) | st.lists(st.sampled_from(ATTACKS) | texts, max_size=3).map("".join))
def test_no_value_is_more_than_text(text: str) -> None:
    page = page_of(attacked(text), Style(show_ignored=True))
    assert page.shape() <= HARMLESS
    assert page.text_of("h1") == [f"Drift: {printable(text)}"]
    assert page.text_of("p", "note").count(printable(text)) == (2 if text else 0)


def shape_of(make: Callable[[str], Report]) -> set[tuple[str, str]]:
    return page_of(make("plain"), Style(show_ignored=True)).shape()


#: The elements and attributes of a page with words only, and of the other ways to show things.
HARMLESS = (
    shape_of(attacked)
    | shape_of(lambda text: drift_report(modified(REPLICAS, IMAGE, DEBUG, GONE, note=text), missing(), orphaned()))
    | shape_of(lambda text: plan_report(action(ActionKind.CHANGE, REPLICAS, error=text)))
)


@settings(max_examples=40)
@given(reports, styles)
def test_whatever_the_report_the_page_is_whole_and_harmless(report: Report, style: Style) -> None:
    assert page_of(report, style).shape() <= HARMLESS | {("pre", ""), ("span", "class"), ("del", ""), ("ins", "")}
