"""The two texts of each object that a diff compares: what is in the cluster, and what Git says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.drift import DriftedField, DriftKind
from kubectl_gitops.diff.path import ABSENT, format_path, lookup, same
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.report.model import DriftReport, DriftReportList, PlanReport, Report
from kubectl_gitops.report.sections import Entry
from kubectl_gitops.report.text import printable
from kubectl_gitops.report.yamltext import to_yaml

_IN_GIT_ONLY = {DriftKind.MISSING, ActionKind.CREATE}
_WRITES_NOTHING = {ActionKind.UNCHANGED, ActionKind.ORPHAN}
_IN_CLUSTER_ONLY = {DriftKind.ORPHANED, ActionKind.PRUNE}


class Compared(NamedTuple):
    """One object as YAML on both sides; "" on the side where it is not."""

    entry: Entry
    name: str
    live: str
    desired: str


def compared_texts(report: Report) -> Iterator[Compared]:
    """What a diff of the report compares, object by object."""
    for entry in _entries(report):
        live, desired = _sides(entry)
        yield Compared(entry, _name(entry), _text(live), _text(desired))


def _entries(report: Report) -> list[Entry]:
    match report:
        case DriftReport(drifts=drifts):
            return list(drifts)
        case DriftReportList(items=items):
            return [drift for item in items for drift in item.drifts]
        case PlanReport(actions=actions):
            return [action for action in actions if action.kind not in _WRITES_NOTHING]


def _name(entry: Entry) -> str:
    """``apps.v1.Deployment.shop.web``, as kubectl diff names its files."""
    return printable(".".join(filter(None, (entry.api_version.replace("/", "."), *entry.key[1:]))))


def _text(tree: Object | None) -> str:
    return to_yaml(tree, sort_keys=True) if tree else ""


def _sides(entry: Entry) -> tuple[Object | None, Object | None]:
    """The live and the desired tree to compare."""
    if entry.kind in _IN_GIT_ONLY:
        return None, _with_identity(entry, entry.desired or {})
    if entry.kind in _IN_CLUSTER_ONLY:
        return _with_identity(entry, entry.live or {}), None
    live, desired, fields = entry.live, entry.desired, entry.fields
    # The masked trees of a Secret are equal, but not its fields.
    if live is None or desired is None or same(live, desired):
        live, desired = {}, {}
    # Trees hold what we declare; a field that a person added is beside them.
    unseen = tuple(field for field in fields if same(lookup(live, field.path), lookup(desired, field.path)))
    live, desired = {**live, **_flat(unseen, "live")}, {**desired, **_flat(unseen, "desired")}
    return _with_identity(entry, live), _with_identity(entry, desired)


def _with_identity(entry: Entry, tree: Object) -> Object:
    """The tree with what names the object, which a field set never holds."""
    names = {"name": entry.key.name} | ({"namespace": entry.key.namespace} if entry.key.namespace else {})
    metadata = {**(tree.get("metadata") or {}), **names}
    return {**tree, "apiVersion": entry.api_version, "kind": entry.key.kind, "metadata": metadata}


def _flat(fields: tuple[DriftedField, ...], side: str) -> dict[str, Any]:
    """The fields alone, by path, where the trees do not show them."""
    values = ((format_path(field.path), getattr(field, side)) for field in fields)
    return {path: value for path, value in values if value is not ABSENT}
