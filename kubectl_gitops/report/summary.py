"""The sentence that sums up a report."""

from __future__ import annotations

from collections.abc import Callable

from kubectl_gitops.diff.drift import DriftKind, ObjectDrift
from kubectl_gitops.diff.plan import ActionKind, PlannedAction
from kubectl_gitops.report.model import DriftReport, PlanReport
from kubectl_gitops.report.text import count_of, printable

#: How a kind of action reads in the sentence: before, and after it is done.
_ACTION_WORDS = {
    ActionKind.CREATE: ("to create", "created"),
    ActionKind.CHANGE: ("to change", "changed"),
    ActionKind.TAKE_OVER: ("to take over", "taken over"),
    ActionKind.RECREATE: ("to recreate", "recreated"),
    ActionKind.PRUNE: ("to prune", "pruned"),
    ActionKind.HOOK: ("hooks to run", "hooks run"),
    ActionKind.ORPHAN: ("no longer in Git", "no longer in Git"),
}


def word_for(entry: ObjectDrift | PlannedAction, report: DriftReport | PlanReport) -> str:
    """What an object is, or what became of it: ``Modified``, ``create``, and once that is done ``created``."""
    if isinstance(entry, ObjectDrift):
        return str(entry.kind)
    is_applied = isinstance(report, PlanReport) and report.applied
    is_done = (is_applied and not entry.error) or entry.kind is ActionKind.ORPHAN
    return _ACTION_WORDS[entry.kind][1] if is_done and entry.kind in _ACTION_WORDS else str(entry.kind)


#: How to write what is not ours, such as the name of a branch.
Quoted = Callable[[str], str]


def summary_of(report: DriftReport | PlanReport, quoted: Quoted = printable) -> str:
    """``3 of 42 objects drifted: 2 modified, 1 missing; 7 ignored; 2 not confirmed: no right to dry-run``."""
    if isinstance(report, PlanReport):
        return _of_plan(report, quoted)
    return "; ".join([_of_drift(report, quoted), *_beside(report, quoted)])


def _of_drift(report: DriftReport, quoted: Quoted) -> str:
    if not report.drifts:
        return _all_is_well(report.checked, report, quoted)
    counts = report.counts
    parts = ", ".join(f"{counts[kind]} {kind.lower()}" for kind in DriftKind if counts[kind])
    return f"{len(report.drifts)} of {count_of(report.checked, 'object')} drifted: {parts}"


def _beside(report: DriftReport, quoted: Quoted) -> list[str]:
    ignored = [f"{len(report.ignored)} ignored"] if report.ignored else []
    reason = report.unconfirmed_because
    unconfirmed = f"{report.unconfirmed} not confirmed" + (f": {quoted(reason)}" if reason else "")
    return [*ignored, unconfirmed] if report.unconfirmed else ignored


def _of_plan(report: PlanReport, quoted: Quoted) -> str:
    failed, counts, total = len(report.failures), report.counts, len(report.actions)
    differing = total - counts[ActionKind.UNCHANGED]
    if not differing:
        return _all_is_well(total, report, quoted)
    parts = [f"{counts[kind]} {words[report.applied]}" for kind, words in _ACTION_WORDS.items() if counts[kind]]
    parts += [f"{failed} failed" if report.applied else f"{failed} refused"] if failed else []
    verb = "differed" if report.applied else "differs" if differing == 1 else "differ"
    return f"{differing} of {count_of(total, 'object')} {verb}: {', '.join(parts)}"


def _all_is_well(number: int, report: DriftReport | PlanReport, quoted: Quoted) -> str:
    revision = revision_of(report)
    verb = "is" if number == 1 else "are"
    return f"{count_of(number, 'object')} {verb} as Git says" + (f" ({quoted(revision)})" if revision else "")


def revision_of(report: DriftReport | PlanReport) -> str:
    """``1a2b3c4d main``, as much of it as is known."""
    return " ".join(filter(None, (report.revision.short if report.revision else "", report.ref)))
