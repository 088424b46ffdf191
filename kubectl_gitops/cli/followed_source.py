"""``drift -f … --watch``: what files declare, compared again with each object that changes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from kubectl_gitops.api.objects import Declared, Object, ResourceKey
from kubectl_gitops.cli.watch_scopes import FindResource, by_place, whatever_its_label
from kubectl_gitops.cli.watching import View
from kubectl_gitops.cluster.watchset import WatchSet
from kubectl_gitops.diff.drift import ObjectDrift
from kubectl_gitops.errors import GitOpsError
from kubectl_gitops.report.model import DriftReport
from kubectl_gitops.sync.steps import Plan

#: What could not be compared because the API server would not say is asked for again after this time.
RETRY_SECONDS = 5.0


class SourceFollower:
    """Has objects compared again, as far as they have changed in a way that can matter.

    Only the API server knows for sure how a declared object should look, so it is asked, by the same comparison as
    without --watch, about what has changed.
    """

    def __init__(
        self,
        declared: Collection[Declared],
        *,
        compare: Callable[[Collection[Declared]], Plan],
        report_of: Callable[[Plan], DriftReport],
        find: FindResource,
    ) -> None:
        """Compares all of them. Raises whatever ``compare`` and ``report_of`` raise."""
        self._compare = compare
        self._report_of = report_of
        plan = compare(declared)
        self._report = report_of(plan)
        self._declared = {step.key: step.declared for step in plan.steps if step.declared is not None}
        #: Each object as it was compared, and as the watch had it when that was found to be no other.
        self._compared: dict[ResourceKey, Object | None] = {step.key: step.live for step in plan.steps}
        self._same: dict[ResourceKey, Object | None] = {}
        self._scopes = {
            whatever_its_label(resource, keys): keys
            for resource, keys in by_place(((step.api_version, step.key) for step in plan.steps), find)
        }

    def look(self, watches: WatchSet) -> View:
        """The report as it is now, with a note on what could not be compared again."""
        if not watches.want(self._scopes):
            return View(None)
        changed = self._changed(watches)
        note = self._compare_again(changed) if changed else ""
        return View(self._report, (note,), RETRY_SECONDS) if note else View(self._report)

    def _changed(self, watches: WatchSet) -> list[ResourceKey]:
        """What is otherwise than it was compared, apart from what never counts."""
        changed = []
        for scope, keys in self._scopes.items():
            shown = watches.objects(scope) or {}
            for key in keys:
                live = shown.get(key)
                if key in self._same and self._same[key] is live:
                    continue
                if what_can_count(live) == what_can_count(self._compared[key]):
                    self._same[key] = live
                else:
                    changed.append(key)
        return changed

    def _compare_again(self, changed: Sequence[ResourceKey]) -> str:
        """Put what is found about these objects into the report. Why that is not possible, or ""."""
        try:
            plan = self._compare([self._declared[key] for key in changed])
            fresh = self._report_of(plan)
        except GitOpsError as exc:
            return f"out of date: {exc}; trying again"
        for step in plan.steps:
            self._compared[step.key] = step.live
            self._same.pop(step.key, None)
        self._report = with_news(self._report, fresh, changed)
        return ""


def with_news(report: DriftReport, fresh: DriftReport, changed: Collection[ResourceKey]) -> DriftReport:
    """A report, with what a newer one says of the objects that have changed."""

    def renewed(old: tuple[ObjectDrift, ...], new: tuple[ObjectDrift, ...]) -> tuple[ObjectDrift, ...]:
        return (*(drift for drift in old if drift.key not in changed), *new)

    return replace(
        report,
        drifts=renewed(report.drifts, fresh.drifts),
        ignored=renewed(report.ignored, fresh.ignored),
        unconfirmed_because=fresh.unconfirmed_because or report.unconfirmed_because,
    )


def what_can_count(obj: Object | None) -> Object | None:
    """An object without its status and without the marks that each write of the status leaves on the rest."""
    if obj is None:
        return None
    metadata = dict(obj["metadata"])
    metadata.pop("resourceVersion", None)
    entries = metadata.get("managedFields") or ()
    metadata["managedFields"] = [entry for entry in entries if entry.get("subresource") != "status"]
    return {**{name: value for name, value in obj.items() if name != "status"}, "metadata": metadata}
