"""The document that the machine-readable formats are made from; docs/report.schema.json describes it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.finding import Finding
from kubectl_gitops.api.names import GROUP
from kubectl_gitops.api.objects import Origin, ResourceKey
from kubectl_gitops.diff.attribution import FieldOwner, FieldSource
from kubectl_gitops.diff.blame import BlamedField
from kubectl_gitops.diff.drift import DriftedField, DriftKind, ObjectDrift
from kubectl_gitops.diff.path import ABSENT, FieldPath, format_path
from kubectl_gitops.diff.plan import ActionKind, PlannedAction
from kubectl_gitops.report.model import BlameReport, CheckReport, DriftReport, DriftReportList, PlanReport, Report
from kubectl_gitops.report.sections import Entry, commit_of, field_commit, field_origin, line_of
from kubectl_gitops.report.text import without_credentials

API_VERSION = f"report.{GROUP}/v1alpha1"


def to_json(report: Report) -> dict[str, Any]:
    """The report as JSON can hold it. Keys are always there, but for ``desired`` and ``live`` of an absent field
    and ``pointer``, which only paths without list keys have.
    """
    match report:
        case DriftReport():
            return _drift_report(report)
        case DriftReportList(items=items):
            return _head("DriftReportList") | {"items": [_drift_report(item) for item in items]}
        case PlanReport():
            return _plan_report(report)


def _head(kind: str) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind}


def _drift_report(report: DriftReport) -> dict[str, Any]:
    counts = report.counts
    return _head("DriftReport") | {
        "subject": report.subject,
        "source": _source(report),
        "summary": {
            "checked": report.checked,
            "drifted": len(report.drifts),
            **{kind.lower(): counts[kind] for kind in DriftKind},
            "ignored": len(report.ignored),
            "unconfirmed": report.unconfirmed,
        },
        "objects": [_drift(drift) for drift in report.drifts],
        "ignored": [_drift(drift) for drift in report.ignored],
    }


def _drift(drift: ObjectDrift) -> dict[str, Any]:
    return {
        "drift": str(drift.kind),
        **_object(drift.key, drift.api_version, drift.origin),
        "commit": _commit(commit_of(drift)),
        "note": drift.note,
        "fields": [_field(field, drift) for field in drift.fields],
    }


#: JSON's words for the kinds of action: keys of the summary, and each object's ``action``.
_ACTION_WORDS = {kind: "takeOver" if kind is ActionKind.TAKE_OVER else str(kind) for kind in ActionKind}


def _plan_report(report: PlanReport) -> dict[str, Any]:
    counts = report.counts
    by_kind = {word: counts[kind] for kind, word in _ACTION_WORDS.items()}
    return _head("PlanReport") | {
        "subject": report.subject,
        "source": _source(report),
        "applied": report.applied,
        "summary": {"total": len(report.actions), **by_kind, "failed": len(report.failures)},
        "objects": [_action(action) for action in report.actions],
    }


def _action(action: PlannedAction) -> dict[str, Any]:
    return {
        "action": _ACTION_WORDS[action.kind],
        **_object(action.key, action.api_version, action.origin),
        "error": action.error,
        "note": action.note,
        "fields": [_field(field, action) for field in action.fields],
    }


def blame_to_json(report: BlameReport) -> dict[str, Any]:
    """The blame of an object as JSON can hold it; ``live`` and ``desired`` are left out where they are absent."""
    return _head("BlameReport") | {
        "subject": report.subject,
        "source": _source(report),
        "object": _object(report.key, report.api_version, report.origin) | {"commit": _commit(report.commit)},
        "fields": [_blamed_field(field) for field in report.fields],
    }


def _blamed_field(field: BlamedField) -> dict[str, Any]:
    values = {"pointer": json_pointer(field.position), "live": field.live}
    if field.differs:
        values["desired"] = field.desired
    return {
        "path": format_path(field.path),
        **{name: value for name, value in values.items() if value is not ABSENT},
        "owners": [_owner(owner) for owner in field.owners],
        "git": _field_source(field.source),
        "differs": field.differs,
    }


def check_to_json(report: CheckReport) -> dict[str, Any]:
    """What a check has found as JSON can hold it."""
    return _head("CheckReport") | {
        "subject": report.subject,
        "source": _source(report),
        "kubernetes": report.kubernetes,
        "summary": {
            "total": report.total,
            "unchecked": len(report.unchecked),
            "findings": len(report.findings),
        },
        "unchecked": [{"kind": kind, "objects": count} for kind, count in sorted(Counter(report.unchecked).items())],
        "findings": [_finding(one) for one in report.findings],
    }


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "finding": str(one.kind),
        "apiVersion": one.api_version,
        "kind": one.key.kind if one.key else "",
        "namespace": one.key.namespace if one.key else "",
        "name": one.key.name if one.key else "",
        **_place(one.origin),
        "path": format_path(one.path),
        "pointer": str(json_pointer(one.path)),
        "message": one.message,
    }


def _field_source(source: FieldSource | None) -> dict[str, Any] | None:
    if source is None:
        return None
    return {
        **_place(source.origin),
        "commit": _commit(source.commit),
        "uncommitted": source.uncommitted,
        "exact": source.exact,
    }


def _source(report: DriftReport | PlanReport | BlameReport | CheckReport) -> dict[str, Any]:
    return {
        "repoURL": without_credentials(report.repo_url),
        "path": report.path,
        "ref": report.ref,
        "revision": _commit(report.revision),
    }


def _commit(commit: Commit | None) -> dict[str, str] | None:
    if commit is None:
        return None
    return {"sha": commit.sha, "author": commit.author, "time": commit.time, "subject": commit.subject}


def _object(key: ResourceKey, api_version: str, origin: Origin | None) -> dict[str, Any]:
    return {
        "apiVersion": api_version,
        "kind": key.kind,
        "namespace": key.namespace,
        "name": key.name,
        **_place(origin),
    }


def _place(origin: Origin | None) -> dict[str, Any]:
    return {"file": origin.path if origin else None, "line": line_of(origin)}


def _field(field: DriftedField, entry: Entry) -> dict[str, Any]:
    """A field with both authors: what Git's side knows of the field itself, else of its object."""
    pointer = json_pointer(field.path)
    values = {"pointer": pointer, "desired": field.desired, "live": field.live}
    return {
        "path": format_path(field.path),
        "drift": str(field.kind),
        **{name: value for name, value in values.items() if value is not ABSENT},
        "owner": _owner(field.owner),
        **_place(field_origin(field, entry)),
        "commit": _commit(field_commit(field, entry)),
        "confirmed": field.confirmed,
        "ignored": field.ignored,
    }


def _owner(owner: FieldOwner | None) -> dict[str, str] | None:
    if owner is None:
        return None
    return {
        "manager": owner.manager,
        "operation": owner.operation,
        "subresource": owner.subresource,
        "time": owner.time,
    }


def json_pointer(path: FieldPath) -> Any:
    """The path as RFC 6901 writes it, or ABSENT where it names list items by key, which pointers cannot."""
    if not all(isinstance(element, str | int) for element in path):
        return ABSENT
    return "".join("/" + str(element).replace("~", "~0").replace("/", "~1") for element in path)
