"""Reports as one HTML file that needs nothing else: to be filtered on the screen, printed, or attached to a ticket.

A browser runs no script of it but page.js, and loads nothing: the Content-Security-Policy names the two inline
elements by their hashes. Every value is escaped all the same.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from importlib import resources
from string import Template

from kubectl_gitops import __version__
from kubectl_gitops.report.html_filter import filter_controls
from kubectl_gitops.report.html_object import article
from kubectl_gitops.report.html_text import commit_html, element, escaped, when
from kubectl_gitops.report.model import DriftReport, PlanReport, Report
from kubectl_gitops.report.sections import Section, sections
from kubectl_gitops.report.style import Style
from kubectl_gitops.report.summary import summary_of
from kubectl_gitops.report.text import count_of, without_credentials


def render(report: Report, style: Style) -> str:
    """The whole page."""
    found = sections(report, style)
    made = style.now.isoformat(timespec="seconds") if style.now else ""
    return _page().substitute(
        style=_asset("page.css"),
        script=_asset("page.js"),
        policy=_policy(),
        title=escaped(_title(found)),
        lead=_lead(found),
        filter=filter_controls(found),
        sections="".join(_section(section, is_only=len(found) == 1) for section in found),
        version=escaped(__version__),
        made=f", {when(made)}" if made else "",
    )


@functools.cache
def _asset(name: str) -> str:
    return resources.files("kubectl_gitops.report").joinpath(name).read_text(encoding="utf-8")


@functools.cache
def _page() -> Template:
    return Template(_asset("page.html"))


@functools.cache
def _policy() -> str:
    style, script = (_hash(_asset(name)) for name in ("page.css", "page.js"))
    return (
        f"default-src 'none'; style-src '{style}'; script-src '{script}'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _title(found: Sequence[Section]) -> str:
    if len(found) != 1:
        return f"Drift of {count_of(len(found), 'GitSync')}"
    report = found[0].report
    what = "Drift" if isinstance(report, DriftReport) else "Applied" if report.applied else "Plan"
    return f"{what}: {report.subject}"


def _lead(found: Sequence[Section]) -> str:
    if len(found) == 1:
        return _of_report(found[0].report)
    return "" if found else element("p", "Nothing to compare.", "sum")


def _of_report(report: DriftReport | PlanReport) -> str:
    facts = [
        ("Repository", escaped(without_credentials(report.repo_url))),
        ("Path", escaped(report.path)),
        ("Revision", " ".join(filter(None, (escaped(report.ref), commit_html(report.revision))))),
    ]
    shown = "".join(f"<div><dt>{name}</dt><dd>{html}</dd></div>" for name, html in facts if html)
    return element("p", escaped(summary_of(report)), "sum") + f'<dl class="facts">{shown}</dl>\n'


def _section(section: Section, *, is_only: bool) -> str:
    subject, facts = escaped(section.report.subject), _of_report(section.report)
    head = '<h2 class="unseen">Objects</h2>\n' if is_only else f"<h2>{subject}</h2>\n{facts}"
    shown = "".join(map(article, section.entries))
    ignored = "".join(article(entry, is_ignored=True) for entry in section.ignored)
    ignored_head = "<h2>Ignored</h2>\n" if ignored else ""
    return f"<section>\n{head}{shown}{ignored_head}{ignored}</section>\n"
