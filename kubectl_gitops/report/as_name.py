"""The names of the objects that differ, as ``kubectl -o name`` writes them."""

from __future__ import annotations

from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.report.model import Report
from kubectl_gitops.report.sections import sections
from kubectl_gitops.report.style import Style
from kubectl_gitops.report.text import printable


def render(report: Report, style: Style) -> str:
    """``deployment.apps/web``, a line for each object; "" where none differs."""
    return "".join(
        name_of(entry.key) + "\n"
        for section in sections(report, style)
        for entry in (*section.entries, *section.ignored)
    )


def name_of(key: ResourceKey) -> str:
    """As k8s.io/cli-runtime/pkg/printers/name.go."""
    group, kind, _, name = key
    return printable(f"{kind.lower()}.{group}/{name}" if group else f"{kind.lower()}/{name}")
