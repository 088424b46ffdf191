"""Reports as JSON."""

from __future__ import annotations

from kubectl_gitops.report.document import to_json
from kubectl_gitops.report.jsontext import to_json_text
from kubectl_gitops.report.model import Report
from kubectl_gitops.report.style import Style


def render(report: Report, style: Style) -> str:  # noqa: ARG001
    return to_json_text(to_json(report))
