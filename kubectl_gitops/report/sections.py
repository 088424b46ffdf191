"""What the formats for people have in common: a section for each report, an entry for each object to show."""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Origin
from kubectl_gitops.diff.drift import DriftedField, ObjectDrift
from kubectl_gitops.diff.plan import ActionKind, PlannedAction
from kubectl_gitops.report.model import DriftReport, DriftReportList, PlanReport, Report
from kubectl_gitops.report.style import Style

#: One object of a report. Both have kind, key, api_version, origin, fields, desired and live.
Entry = ObjectDrift | PlannedAction


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One report: the entries to show, and those ignored by a rule, if they are to be shown."""

    report: DriftReport | PlanReport
    entries: tuple[Entry, ...]
    ignored: tuple[Entry, ...] = ()


def sections(report: Report, style: Style) -> list[Section]:
    """One section for a report, one for each item of a list."""
    match report:
        case DriftReport():
            return [_of_drift(report, style)]
        case DriftReportList(items=items):
            return [_of_drift(item, style) for item in items]
        case PlanReport(actions=actions):
            return [Section(report=report, entries=tuple(action for action in actions if _says_something(action)))]


def _of_drift(report: DriftReport, style: Style) -> Section:
    return Section(report=report, entries=report.drifts, ignored=report.ignored if style.show_ignored else ())


def _says_something(action: PlannedAction) -> bool:
    return action.kind is not ActionKind.UNCHANGED or bool(action.error)


def commit_of(entry: Entry) -> Commit | None:
    """The commit that last changed what Git says of the object, where it is known."""
    return entry.commit if isinstance(entry, ObjectDrift) else None


def remark_of(entry: Entry) -> str:
    """What else a person should know: a note on drift, the API server's words of refusal."""
    return entry.note if isinstance(entry, ObjectDrift) else entry.error or entry.note


def field_origin(field: DriftedField, entry: Entry) -> Origin | None:
    """Where Git sets the field, or else declares its object."""
    return field.origin or entry.origin


def field_commit(field: DriftedField, entry: Entry) -> Commit | None:
    """The commit that set the field, or else last changed its object."""
    return field.commit or commit_of(entry)


def line_of(origin: Origin | None) -> int | None:
    """The line from 1, or None where it is not known."""
    return origin.line if origin and origin.line > 0 else None


def managers_of(entry: Entry) -> list[str]:
    """Who set its fields in the cluster, each once, in order."""
    return sorted({field.owner.manager for field in entry.fields if field.owner})
