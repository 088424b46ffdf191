"""Git's side of each drifted field: the line that sets it, and who wrote that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from kubectl_gitops.diff.drift import DriftedField, ObjectDrift
from kubectl_gitops.report.text import printable
from kubectl_gitops.source.desired import Desired

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
        click.echo(f"warning: {printable(warning)}", err=True)
    return named


def _authored(field: DriftedField, drift: ObjectDrift, authors: GitAuthors) -> DriftedField:
    found = authors.of(drift.origin, field.path) if drift.origin else None
    if found is None or not found.exact:
        return field  # a patch or a generator set it: the object's own line says more than a wrong one
    return replace(field, origin=found.origin, commit=found.commit)
