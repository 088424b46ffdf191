"""The report of a check: exactly what its schema says, and nothing that could do harm."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_gitops.api.finding import Finding, FindingKind
from kubectl_gitops.api.objects import Origin
from kubectl_gitops.report.checked import CHECK_FORMATS, render, summary_of
from kubectl_gitops.report.checked_ci import MEANINGS
from kubectl_gitops.report.document import check_to_json
from kubectl_gitops.report.model import CheckReport
from kubectl_gitops.report.style import Style
from tests.unit.report.samples import COMMIT, WEB
from tests.unit.report.test_schema import SCHEMA, VALIDATOR, at, map_paths

FIELD = Finding(
    kind=FindingKind.INVALID_VALUE,
    origin=Origin("deploy/web.yaml", 8),
    message="must be an integer, not 'x'",
    key=WEB,
    api_version="apps/v1",
    path=("spec", "ports", 0, "a/b"),
)
FILE = Finding(kind=FindingKind.UNREADABLE, origin=Origin("x.yaml", 0), message="no text")


def report(*findings: Finding, total: int = 3, unchecked: tuple[str, ...] = ()) -> CheckReport:
    return CheckReport(
        subject="directory deploy",
        repo_url="https://me:hunter2@git.example/shop",
        path="deploy",
        revision=COMMIT,
        ref="main",
        kubernetes="1.37",
        total=total,
        findings=findings,
        unchecked=unchecked,
    )


WHOLE = report(FIELD, FILE, unchecked=("Widget.example.com", "Gadget.example.com", "Widget.example.com"))


@pytest.mark.parametrize("one", [WHOLE, report()])
def test_its_document_is_exactly_what_the_schema_says(one: CheckReport) -> None:
    document = check_to_json(one)
    assert list(VALIDATOR.iter_errors(document)) == []
    for path in map_paths(document):
        part = at(document, path)
        part["unheard-of"] = 1
        assert not VALIDATOR.is_valid(document), path
        del part["unheard-of"]
        for name in list(part):
            value = part.pop(name)
            assert not VALIDATOR.is_valid(document), (path, name)
            part[name] = value


def test_the_kinds_of_findings_are_those_of_the_code_and_each_is_explained() -> None:
    kinds = [str(kind) for kind in FindingKind]
    assert SCHEMA["$defs"]["Finding"]["properties"]["finding"]["enum"] == kinds
    assert list(MEANINGS) == kinds


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (report(), "nothing wrong in 3 objects"),
        (report(FIELD, FIELD), "2 findings in 1 of 3 objects"),
        (report(FILE), "1 finding in 1 file that cannot be read or taken"),
        (
            WHOLE,
            (
                "2 findings in 1 of 3 objects and 1 file that cannot be read or taken; "
                "3 not checked: no schema of Gadget.example.com, Widget.example.com"
            ),
        ),
    ],
)
def test_one_line_sums_up(one: CheckReport, words: str) -> None:
    assert summary_of(one) == words
    assert render(one).splitlines()[0] == words


def test_a_place_is_a_pointer_too() -> None:
    assert json.loads(render(WHOLE, "json"))["findings"][0]["pointer"] == "/spec/ports/0/a~1b"


@pytest.mark.parametrize("output", CHECK_FORMATS)
@given(text=st.text(max_size=20))
def test_whatever_is_found_no_format_has_control_characters_or_credentials(output: str, text: str) -> None:
    found = Finding(kind=FindingKind.INVALID_VALUE, origin=Origin(f"a{text}", 1), message=text, key=WEB, path=(text,))
    shown = render(report(found), output, style=Style())
    assert all(line.isprintable() for line in shown.split("\n"))
    assert "hunter2" not in shown
