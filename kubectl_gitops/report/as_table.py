"""Reports for people: a line that sums up, then each object that differs, a field per line."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.diff.drift import DriftedField, DriftKind, ObjectDrift
from kubectl_gitops.diff.path import format_path
from kubectl_gitops.diff.plan import ActionKind, PlannedAction
from kubectl_gitops.report.columns import Cell, Row, aligned
from kubectl_gitops.report.model import DriftReport, DriftReportList, PlanReport, Report
from kubectl_gitops.report.style import Color, Style
from kubectl_gitops.report.text import count_of, printable, shortened
from kubectl_gitops.report.values import inline_pair, name_text, owner_text

_PATH_LIMIT = 120

_DRIFT_COLORS = {DriftKind.MODIFIED: Color.YELLOW, DriftKind.MISSING: Color.RED, DriftKind.ORPHANED: Color.MAGENTA}
_ACTION_COLORS = {
    ActionKind.CREATE: Color.GREEN,
    ActionKind.CHANGE: Color.YELLOW,
    ActionKind.TAKE_OVER: Color.CYAN,
    ActionKind.PRUNE: Color.MAGENTA,
    ActionKind.ORPHAN: Color.DIM,
}
#: How a kind of action reads in the line that sums up: before, and after it is done.
_ACTION_WORDS = {
    ActionKind.CREATE: ("to create", "created"),
    ActionKind.CHANGE: ("to change", "changed"),
    ActionKind.TAKE_OVER: ("to take over", "taken over"),
    ActionKind.PRUNE: ("to prune", "pruned"),
    ActionKind.ORPHAN: ("no longer in Git", "no longer in Git"),
}


def render(report: Report, style: Style) -> str:
    """The report as lines of text."""
    match report:
        case DriftReport():
            lines = [_drift_summary(report), *_drift_lines(report, style)]
        case DriftReportList():
            lines = _drift_list_lines(report, style)
        case PlanReport():
            lines = [_plan_summary(report), *_plan_lines(report, style)]
    return "\n".join(lines) + "\n"


def _drift_summary(report: DriftReport) -> str:
    if not report.drifts:
        return _all_is_well(report.checked, report)
    counts = report.counts
    parts = ", ".join(f"{counts[kind]} {kind.lower()}" for kind in DriftKind if counts[kind])
    return f"{len(report.drifts)} of {count_of(report.checked, 'object')} drifted: {parts}"


def _all_is_well(number: int, report: DriftReport | PlanReport) -> str:
    revision = " ".join(filter(None, (report.revision.short if report.revision else "", report.ref)))
    verb = "is" if number == 1 else "are"
    return f"{count_of(number, 'object')} {verb} as Git says" + (f" ({printable(revision)})" if revision else "")


def _drift_list_lines(reports: DriftReportList, style: Style) -> list[str]:
    if not reports.items:
        return ["nothing to compare"]
    return list(
        chain.from_iterable(
            (f"{printable(report.subject)}: {_drift_summary(report)}", *_drift_lines(report, style))
            for report in reports.items
        )
    )


def _drift_lines(report: DriftReport, style: Style) -> list[str]:
    heads = aligned([_drift_head(drift) for drift in report.drifts], style)
    blocks = ([head, *_field_lines(drift.fields, style)] for head, drift in zip(heads, report.drifts, strict=True))
    return list(chain.from_iterable(blocks))


def _drift_head(drift: ObjectDrift) -> Row:
    head = _head(drift, str(drift.kind), _DRIFT_COLORS.get(drift.kind))
    return (*head, Cell(_commit_text(drift.commit), Color.DIM))


def _action_head(action: PlannedAction, *, applied: bool) -> Row:
    is_done = (applied and not action.error) or action.kind is ActionKind.ORPHAN
    word = _ACTION_WORDS[action.kind][1] if is_done and action.kind in _ACTION_WORDS else str(action.kind)
    return _head(action, word, _ACTION_COLORS.get(action.kind))


def _head(entry: ObjectDrift | PlannedAction, word: str, color: Color | None) -> Row:
    return (
        Cell(printable(entry.key.described), Color.BOLD),
        Cell(word, color),
        Cell(printable(str(entry.origin)) if entry.origin else ""),
    )


def _commit_text(commit: Commit | None) -> str:
    return f"({printable(commit.short)} {name_text(commit.author)})" if commit else ""


def _field_lines(fields: Iterable[DriftedField], style: Style) -> list[str]:
    return aligned([_field_row(field, style) for field in fields], style, indent="  ")


def _field_row(field: DriftedField, style: Style) -> Row:
    desired, live = inline_pair(field.desired, field.live)
    return (
        Cell(shortened(printable(format_path(field.path)), _PATH_LIMIT)),
        Cell(f"Git {desired}", Color.GREEN),
        Cell(f"live {live}", Color.RED),
        Cell(owner_text(field.owner, style.now), Color.DIM),
    )


def _plan_summary(report: PlanReport) -> str:
    failed, counts, total = len(report.failures), report.counts, len(report.actions)
    differing = total - counts[ActionKind.UNCHANGED]
    if not differing:
        return _all_is_well(total, report)
    parts = [f"{counts[kind]} {words[report.applied]}" for kind, words in _ACTION_WORDS.items() if counts[kind]]
    parts += [f"{failed} failed" if report.applied else f"{failed} refused"] if failed else []
    verb = "differed" if report.applied else "differs" if differing == 1 else "differ"
    return f"{differing} of {count_of(total, 'object')} {verb}: {', '.join(parts)}"


def _plan_lines(report: PlanReport, style: Style) -> list[str]:
    shown = [action for action in report.actions if action.kind is not ActionKind.UNCHANGED or action.error]
    heads = aligned([_action_head(action, applied=report.applied) for action in shown], style)
    return list(
        chain.from_iterable(
            [head, *_error_lines(action, style), *_field_lines(action.fields, style)]
            for head, action in zip(heads, shown, strict=True)
        )
    )


def _error_lines(action: PlannedAction, style: Style) -> list[str]:
    return [style.paint(f"  error: {printable(action.error)}", Color.RED)] if action.error else []
