"""Reports as YAML: the same document as JSON."""

from __future__ import annotations

from kubectl_gitops.report.document import to_json
from kubectl_gitops.report.model import Report
from kubectl_gitops.report.style import Style
from kubectl_gitops.report.yamltext import to_yaml


def render(report: Report, style: Style) -> str:  # noqa: ARG001
    return to_yaml(to_json(report), sort_keys=False)
