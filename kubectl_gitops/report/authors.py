"""Who it was: in Git a file, a line, a commit and its author; in the cluster a field manager and a time."""

from __future__ import annotations

from datetime import datetime

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Origin
from kubectl_gitops.diff.attribution import FieldOwner
from kubectl_gitops.diff.drift import DriftedField, DriftKind
from kubectl_gitops.report.sections import Entry, commit_of, field_commit, field_origin, line_of
from kubectl_gitops.report.text import printable, shortened
from kubectl_gitops.report.values import time_text

NOT_RECORDED = "not recorded"
_NAME_LIMIT = 40
_PLACE_LIMIT = 120


def owner_text(owner: FieldOwner | None, now: datetime | None) -> str:
    """``kubectl-scale (Update scale), 3 min ago``: the manager, how it wrote and to which subresource, and when."""
    if owner is None:
        return NOT_RECORDED
    how = " ".join(filter(None, (owner.operation, owner.subresource)))
    who = name_text(owner.manager) + (f" ({name_text(how)})" if how else "")
    return f"{who}, {time_text(owner.time, now)}" if owner.time else who


def commit_text(commit: Commit | None, now: datetime | None) -> str:
    """``1a2b3c4d Jane Doe, 3 days ago``; "" where it is not known."""
    if commit is None:
        return ""
    who = f"{printable(commit.short)} {name_text(commit.author)}"
    return f"{who}, {time_text(commit.time, now)}" if commit.time else who


def place_text(origin: Origin | None) -> str:
    """``deploy/web.yaml:12``; "" where it is not known."""
    if origin is None:
        return ""
    line = line_of(origin)
    path = shortened(printable(origin.path), _PLACE_LIMIT)
    return f"{path}:{line}" if line else path


def declared_text(origin: Origin | None, commit: Commit | None, now: datetime | None) -> str:
    """``deploy/web.yaml:12  1a2b3c4d Jane Doe, 3 days ago``."""
    return "  ".join(filter(None, (place_text(origin), commit_text(commit, now))))


def git_text(field: DriftedField, entry: Entry, now: datetime | None) -> str:
    """Git's side of a field, as closely as it is known."""
    return declared_text(field_origin(field, entry), field_commit(field, entry), now)


def declared_sentence(field: DriftedField, entry: Entry) -> str:
    """``declared in deploy/web.yaml:12  1a2b3c4d Jane Doe, …``; "" where nothing is known."""
    declared = git_text(field, entry, None)
    what = "declared in" if is_declared(field) else "its object is declared in"
    return f"{what} {declared}" if declared else ""


def is_declared(field: DriftedField) -> bool:
    """Whether the field itself has a line in Git; what a person added has none, what is stale has none any more."""
    return field.kind not in {DriftKind.ADDED, DriftKind.STALE} or field.origin is not None


def changed_sentence(field: DriftedField) -> str:
    """``changed by kubectl-scale (Update scale), 2026-11-23T18:37:46Z``."""
    return f"changed by {owner_text(field.owner, None)}" if field.owner else "who changed it is not recorded"


def git_text_beyond(field: DriftedField, entry: Entry, now: datetime | None) -> str:
    """Git's side of a field as far as it says more than the object's, which stands above it."""
    origin = None if field.origin == entry.origin else field.origin
    commit = None if field.commit == commit_of(entry) else field.commit
    return declared_text(origin, commit, now)


#: What a field's kind says that its two values do not.
_KIND_REMARKS = {DriftKind.STALE: "stale: Git declared it once"}


def remarks_on(field: DriftedField) -> list[str]:
    """What a reader must know of this field besides values and authors; [] of most."""
    kind = _KIND_REMARKS.get(field.kind, "")
    ignored = f"ignored: {shortened(printable(field.ignored), _PLACE_LIMIT)}" if field.ignored else ""
    return [remark for remark in (kind, "" if field.confirmed else "not confirmed", ignored) if remark]


def name_text(name: str) -> str:
    """The name of a person or a program, however long they made it."""
    return shortened(printable(name), _NAME_LIMIT)
