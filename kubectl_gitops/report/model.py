"""What is reported, as data, and the document that the machine-readable formats are made from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.names import GROUP
from kubectl_gitops.api.objects import Origin, ResourceKey
from kubectl_gitops.diff.attribution import FieldOwner
from kubectl_gitops.diff.drift import DriftedField, DriftKind, ObjectDrift
from kubectl_gitops.diff.path import ABSENT, FieldPath, format_path
from kubectl_gitops.diff.plan import ActionKind, PlannedAction
from kubectl_gitops.report.text import without_credentials

API_VERSION = f"report.{GROUP}/v1alpha1"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """What is not as Git says, of one GitSync, directory or repository.

    ``subject`` names it, ``ref`` is the revision as it was asked for (``main``), ``checked`` the number of
    objects compared. ``seconds`` and ``api_calls`` tell what it took; no format shows them, so that two
    reports of the same state are the same bytes.
    """

    subject: str
    repo_url: str
    path: str
    revision: Commit | None
    ref: str = ""
    checked: int
    drifts: tuple[ObjectDrift, ...]
    seconds: float = 0.0
    api_calls: int = 0

    def __post_init__(self) -> None:
        """Keep the drifts in an order of their own, whatever order they were found in."""
        object.__setattr__(self, "drifts", tuple(sorted(self.drifts, key=_by_place)))

    @property
    def has_drift(self) -> bool:
        return bool(self.drifts)

    @property
    def counts(self) -> Counter[DriftKind]:
        return Counter(drift.kind for drift in self.drifts)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReportList:
    """The reports of several GitSyncs."""

    items: tuple[DriftReport, ...]

    @property
    def has_drift(self) -> bool:
        return any(report.has_drift for report in self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """What a sync would do, or did where ``applied``, in the order in which it is done."""

    subject: str
    repo_url: str
    path: str
    revision: Commit | None
    ref: str = ""
    actions: tuple[PlannedAction, ...]
    applied: bool = False

    @property
    def counts(self) -> Counter[ActionKind]:
        """How many of each kind, without those that failed."""
        return Counter(action.kind for action in self.actions if not action.error)

    @property
    def failures(self) -> tuple[PlannedAction, ...]:
        """The actions that the API server refused, in dry-run or in earnest."""
        return tuple(action for action in self.actions if action.error)

    @property
    def has_changes(self) -> bool:
        """Whether the sync writes anything at all; what is merely orphaned, it leaves alone."""
        return any(action.kind not in {ActionKind.UNCHANGED, ActionKind.ORPHAN} for action in self.actions)


Report = DriftReport | DriftReportList | PlanReport


def _by_place(drift: ObjectDrift) -> tuple[str, ...]:
    key = drift.key
    return (key.namespace, key.kind, key.name, key.group, drift.api_version, drift.kind)


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
        "summary": {"checked": report.checked, **{kind.lower(): counts[kind] for kind in DriftKind}},
        "objects": [
            {
                "drift": str(drift.kind),
                **_object(drift.key, drift.api_version, drift.origin),
                "commit": _commit(drift.commit),
                "fields": [_field(field) for field in drift.fields],
            }
            for drift in report.drifts
        ],
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
        "objects": [
            {
                "action": _ACTION_WORDS[action.kind],
                **_object(action.key, action.api_version, action.origin),
                "error": action.error,
                "fields": [_field(field) for field in action.fields],
            }
            for action in report.actions
        ],
    }


def _source(report: DriftReport | PlanReport) -> dict[str, Any]:
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
        "file": origin.path if origin else None,
        "line": origin.line if origin else None,
    }


def _field(field: DriftedField) -> dict[str, Any]:
    pointer = json_pointer(field.path)
    values = {"pointer": pointer, "desired": field.desired, "live": field.live}
    return {
        "path": format_path(field.path),
        **{name: value for name, value in values.items() if value is not ABSENT},
        "owner": _owner(field.owner),
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
