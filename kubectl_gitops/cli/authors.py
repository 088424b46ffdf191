"""Git's side of each drifted field: the line that sets it, and who wrote that."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.cli.targets import read_commit
from kubectl_gitops.diff.drift import DriftedField, ObjectDrift
from kubectl_gitops.errors import GitOpsError
from kubectl_gitops.report.text import printable, without_credentials
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.source.age_keys import AgeKeys
from kubectl_gitops.source.desired import Desired
from kubectl_gitops.source.render import Rendering

if TYPE_CHECKING:
    from kubectl_gitops.source.attribution import GitAuthors


def with_authors(drifts: Iterable[ObjectDrift], desired: Desired) -> tuple[ObjectDrift, ...]:
    """The drifts, each field with its line and commit where Git tells them; what it cannot tell is said on stderr."""
    listed = tuple(drifts)
    if not listed:
        return ()
    from kubectl_gitops.source.attribution import GitAuthors

    authors = GitAuthors(desired)
    authors.prepare([(drift.origin, field.path) for drift in listed if drift.origin for field in drift.fields])
    named = tuple(
        replace(drift, fields=tuple(_authored(field, drift, authors) for field in drift.fields)) for drift in listed
    )
    for warning in authors.warnings:
        warn(warning)
    return named


def with_synced_authors(
    drifts: tuple[ObjectDrift, ...], gitsync: GitSync, snapshot: Snapshot
) -> tuple[ObjectDrift, ...]:
    """The same for what a GitSync has synced: its repository is read, at that revision, if anything has drifted.

    Where it cannot be read by this person, or not any more, what the snapshot itself knows of lines and commits stays.
    """
    if snapshot.revision is None or not any(drift.fields for drift in drifts):
        return drifts
    try:
        desired = read_commit(snapshot.repo_url, snapshot.revision.sha, snapshot.path, as_written_by(gitsync))
    except GitOpsError as exc:
        warn(f"who wrote each line of GitSync {gitsync} is unknown: {words_of(exc)}")
        return drifts
    return with_authors(drifts, desired)


def as_written_by(gitsync: GitSync) -> Rendering:
    """How a GitSync renders, but for its variables: which line sets a field does not depend on their values.

    Files are decrypted with the person's own keys.
    """
    return Rendering(
        options=gitsync.rendering,
        release_name=gitsync.name,
        namespace=gitsync.target_namespace,
        keys=AgeKeys.from_environment(os.environ) if gitsync.rendering.decryption else None,
    )


def warn(text: str) -> None:
    """Say on stderr what could not be found out, and is not worth an error."""
    click.echo(f"warning: {printable(without_credentials(text))}", err=True)


def words_of(error: GitOpsError) -> str:
    """An error with what to do about it, in one clause."""
    return f"{error} ({error.hint})" if error.hint else str(error)


def _authored(field: DriftedField, drift: ObjectDrift, authors: GitAuthors) -> DriftedField:
    found = authors.of(drift.origin, field.path) if drift.origin else None
    if found is None or not found.exact:
        return field  # a patch or a generator set it: the object's own line says more than a wrong one
    return replace(field, origin=found.origin, commit=found.commit)
