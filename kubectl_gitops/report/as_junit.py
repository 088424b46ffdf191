"""Drift reports as JUnit XML, which every CI system shows: a failed test for each object that drifted."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from kubectl_gitops.diff.drift import DriftedField, ObjectDrift
from kubectl_gitops.diff.path import format_path
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.report.authors import changed_sentence, declared_sentence, declared_text, remarks_on
from kubectl_gitops.report.kinds import explanation_of
from kubectl_gitops.report.model import DriftReport, DriftReportList, PlanReport, Report
from kubectl_gitops.report.sections import line_of
from kubectl_gitops.report.style import Style
from kubectl_gitops.report.summary import summary_of
from kubectl_gitops.report.text import count_of, printable
from kubectl_gitops.report.values import field_texts

_VALUE_LIMIT = 500


def render(report: Report, style: Style) -> str:
    """A test suite for each report. Ignored objects are skipped tests, where they are asked for."""
    reports = drift_reports(report, "junit")
    failures = sum(len(one.drifts) for one in reports)
    suites = "".join(_suite(one, show_ignored=style.show_ignored) for one in reports)
    tests = sum(_tests(one, show_ignored=style.show_ignored) for one in reports)
    head = attributes(name="kubectl gitops drift", tests=tests, failures=failures, errors=0)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites{head}>\n{suites}</testsuites>\n'


def drift_reports(report: Report, output: str) -> tuple[DriftReport, ...]:
    """The drift reports in it. Raises InvalidInput for a plan, which is no finding."""
    if isinstance(report, PlanReport):
        hint = "drift has it; for a plan take table, wide, json, yaml, name, jsonpath, diff, markdown or html"
        raise InvalidInput(f"{output} is no format for a plan: it reports findings", hint=hint)
    return report.items if isinstance(report, DriftReportList) else (report,)


def _tests(report: DriftReport, *, show_ignored: bool) -> int:
    return max(len(report.drifts), 1) + (len(report.ignored) if show_ignored else 0)


def _suite(report: DriftReport, *, show_ignored: bool) -> str:
    head = attributes(
        name=report.subject,
        tests=_tests(report, show_ignored=show_ignored),
        failures=len(report.drifts),
        errors=0,
        skipped=len(report.ignored) if show_ignored else 0,
    )
    cases = [_failed(drift) for drift in report.drifts] or [_passed(report)]
    cases += [_skipped(drift) for drift in report.ignored] if show_ignored else []
    checked = f'<properties>\n<property name="checked" value="{report.checked}"/>\n</properties>\n'
    return f"<testsuite{head}>\n{checked}{''.join(cases)}</testsuite>\n"


def _passed(report: DriftReport) -> str:
    return f"<testcase{attributes(name=summary_of(report), classname=report.subject)}/>\n"


def _failed(drift: ObjectDrift) -> str:
    number = f": {count_of(len(drift.fields), 'field')}" if drift.fields else ""
    head = attributes(type=str(drift.kind), message=f"{drift.kind}{number}")
    return f"<testcase{_place(drift)}>\n<failure{head}>{escape(_text(drift), quote=False)}</failure>\n</testcase>\n"


def _skipped(drift: ObjectDrift) -> str:
    rules = "; ".join(dict.fromkeys(field.ignored for field in drift.fields if field.ignored))
    return f"<testcase{_place(drift)}>\n<skipped{attributes(message=f'ignored: {rules}')}/>\n</testcase>\n"


def _place(drift: ObjectDrift) -> str:
    place: dict[str, object] = {"file": drift.origin.path, "line": line_of(drift.origin)} if drift.origin else {}
    classname = ".".join(filter(None, (drift.key.namespace, drift.key.kind)))
    return attributes(name=drift.key.described, classname=classname, **place)


def _text(drift: ObjectDrift) -> str:
    return "\n".join(["", *_lines(drift), ""])


def _lines(drift: ObjectDrift) -> Iterator[str]:
    yield from filter(
        None, (explanation_of(drift), declared_text(drift.origin, drift.commit, None), printable(drift.note))
    )
    for field in drift.fields:
        yield _line(field, drift)


def _line(field: DriftedField, drift: ObjectDrift) -> str:
    desired, live = field_texts(field, drift, _VALUE_LIMIT)
    parts = (
        f"{printable(format_path(field.path))}: Git {desired}, live {live}",
        changed_sentence(field),
        declared_sentence(field, drift),
        *remarks_on(field),
    )
    return "; ".join(filter(None, parts))


def attributes(**values: object) -> str:
    """Attributes on one line; XML 1.0 has no way to write most control characters, so they are shown as escapes."""
    present = ((name, printable(str(value))) for name, value in values.items() if value is not None)
    return "".join(f' {name}="{escape(value)}"' for name, value in present)
