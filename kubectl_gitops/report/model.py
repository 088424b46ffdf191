"""What is reported, as data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.finding import Finding
from kubectl_gitops.api.objects import Origin, ResourceKey
from kubectl_gitops.diff.blame import BlamedField
from kubectl_gitops.diff.drift import DriftKind, ObjectDrift
from kubectl_gitops.diff.plan import ActionKind, PlannedAction


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """What is not as Git says, of one GitSync, directory or repository.

    ``subject`` names it, ``ref`` is the revision as it was asked for (``main``), ``checked`` the number of
    objects compared. ``drifts`` hold what counts. ``ignored`` hold what a rule says does not count: the same object
    may be in both, each time with the fields in question. ``unconfirmed_because`` says why fields that are not
    ``confirmed`` are not. ``seconds`` and ``api_calls`` tell what it took; no format shows them, so that two reports
    of the same state are the same bytes.
    """

    subject: str
    repo_url: str
    path: str
    revision: Commit | None
    ref: str = ""
    checked: int
    drifts: tuple[ObjectDrift, ...]
    ignored: tuple[ObjectDrift, ...] = ()
    unconfirmed_because: str = "no right to dry-run"
    seconds: float = 0.0
    api_calls: int = 0

    def __post_init__(self) -> None:
        """Keep the drifts in an order of their own, whatever order they were found in."""
        object.__setattr__(self, "drifts", tuple(sorted(self.drifts, key=_by_place)))
        object.__setattr__(self, "ignored", tuple(sorted(self.ignored, key=_by_place)))

    @property
    def has_drift(self) -> bool:
        return bool(self.drifts)

    @property
    def counts(self) -> Counter[DriftKind]:
        return Counter(drift.kind for drift in self.drifts)

    @property
    def unconfirmed(self) -> int:
        """How many of the drifted objects have a field of which only the API server could have told for sure."""
        return sum(not all(field.confirmed for field in drift.fields) for drift in self.drifts)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class BlameReport:
    """One live object, field by field, with both sides' authors.

    ``subject`` is what says of it in Git: a GitSync, a directory; "" where nothing does. ``origin`` and ``commit`` are
    the object's own.
    """

    key: ResourceKey
    api_version: str
    subject: str = ""
    repo_url: str = ""
    path: str = ""
    ref: str = ""
    revision: Commit | None = None
    origin: Origin | None = None
    commit: Commit | None = None
    fields: tuple[BlamedField, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What is wrong with what Git declares, as far as that can be told without a cluster.

    ``total`` is the number of objects. ``unchecked`` has the kind of each object whose kind has no schema, such as
    ``Certificate.cert-manager.io``: of these only the metadata was checked. ``kubernetes`` is the version whose own
    kinds the others were checked by.
    """

    subject: str
    repo_url: str
    path: str
    revision: Commit | None
    ref: str = ""
    kubernetes: str
    total: int
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...] = ()


Report = DriftReport | DriftReportList | PlanReport


def _by_place(drift: ObjectDrift) -> tuple[str, ...]:
    key = drift.key
    return (key.namespace, key.kind, key.name, key.group, drift.api_version, drift.kind)
