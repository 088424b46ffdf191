"""What each kind of drift means, in words, and what to do about it."""

from __future__ import annotations

from typing import Final, NamedTuple

from kubectl_gitops.diff.drift import DriftKind, ObjectDrift
from kubectl_gitops.report.sections import Entry


class Meaning(NamedTuple):
    """``what`` is a sentence without its full stop, ``remedy`` one or two with them, Markdown allowed."""

    what: str
    remedy: str


MEANINGS: Final = {
    DriftKind.MODIFIED: Meaning(
        "A field that Git declares has another value in the cluster, or is gone",
        "`kubectl gitops sync` restores it. To keep the cluster's value, write it into Git.",
    ),
    DriftKind.MISSING: Meaning(
        "An object that Git declares is not in the cluster",
        "`kubectl gitops sync` creates it. To do without it, delete it from Git.",
    ),
    DriftKind.ADDED: Meaning(
        "A person's client set a field that Git does not declare",
        "Write it into Git to keep it, or remove it from the cluster.",
    ),
    DriftKind.ORPHANED: Meaning(
        "An object that Git declared once is still in the cluster",
        "`kubectl gitops sync` deletes it where pruning is on.",
    ),
    DriftKind.STALE: Meaning(
        "A field that Git declared once is still set in the cluster",
        "`kubectl gitops sync` removes it.",
    ),
    DriftKind.UNOWNED: Meaning(
        "An object that Git declares was never taken over, or belongs to another GitSync",
        "Adopt it with a sync, or declare it in one place only.",
    ),
}


def explanation_of(entry: Entry) -> str:
    """What is the matter with an object as a whole; "" where its fields say it, or a plan says what is to be done."""
    if entry.fields or not isinstance(entry, ObjectDrift):
        return ""
    return f"{MEANINGS[entry.kind].what}."
