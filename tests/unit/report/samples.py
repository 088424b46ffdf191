"""Reports to show, small and hostile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Origin, ResourceKey
from kubectl_gitops.diff.attribution import FieldOwner
from kubectl_gitops.diff.drift import DriftedField, DriftKind, ObjectDrift
from kubectl_gitops.diff.path import ABSENT, ItemKey, SetMember
from kubectl_gitops.diff.plan import ActionKind, PlannedAction
from kubectl_gitops.report.model import DriftReport, DriftReportList, PlanReport
from kubectl_gitops.report.style import Style

COMMIT = Commit(
    sha="1a2b3c4d" + "0" * 32,
    author="Jane Doe",
    author_email="jane@example.com",
    time="2026-11-23T18:00:00Z",
    subject="Three replicas",
)
OTHER_COMMIT = Commit(
    sha="9f8e7d6c" + "0" * 32,
    author="Max Muster",
    author_email="max@example.com",
    time="2026-11-03T09:12:40Z",
    subject="Go on",
)
SCALE = FieldOwner(manager="kubectl-scale", operation="Update", subresource="scale", time="2026-11-23T18:37:46Z")
SET = FieldOwner(manager="kubectl-set", operation="Update", subresource="", time="2026-11-22T09:00:00Z")

REPLICAS = DriftedField(path=("spec", "replicas"), desired=3, live=5, owner=SCALE)
IMAGE = DriftedField(
    path=("spec", "template", "spec", "containers", ItemKey((("name", "web"),)), "image"),
    desired="shop:1.4",
    live="shop:1.5",
    owner=SET,
)
DEBUG = DriftedField(path=("metadata", "labels", "debug"), desired=ABSENT, live="on", owner=SET, kind=DriftKind.ADDED)
GONE = DriftedField(
    path=("spec", "paused"),
    desired=False,
    live=ABSENT,
    owner=None,
    origin=Origin("deploy/web.yaml", 7),
    commit=OTHER_COMMIT,
    confirmed=False,
)
IGNORED = replace(REPLICAS, ignored="HorizontalPodAutoscaler shop/web sets it")
WEB = ResourceKey("apps", "Deployment", "shop", "web")
SETTINGS = ResourceKey("", "ConfigMap", "shop", "settings")
SHOP = ResourceKey("", "Namespace", "", "shop")


def modified(*fields: DriftedField, **more: Any) -> ObjectDrift:
    place: dict[str, Any] = {"key": WEB, "api_version": "apps/v1", "origin": Origin("deploy/web.yaml", 1)}
    return ObjectDrift(kind=DriftKind.MODIFIED, commit=COMMIT, fields=fields, **{**place, **more})


def added(**more: Any) -> ObjectDrift:
    place: dict[str, Any] = {"key": WEB, "api_version": "apps/v1", "origin": Origin("deploy/web.yaml", 1)}
    return ObjectDrift(kind=DriftKind.ADDED, commit=COMMIT, fields=(DEBUG,), **{**place, **more})


def missing(**more: Any) -> ObjectDrift:
    return ObjectDrift(
        kind=DriftKind.MISSING,
        key=SETTINGS,
        api_version="v1",
        origin=Origin("deploy/settings.yaml", 12),
        commit=COMMIT,
        **more,
    )


def orphaned(**more: Any) -> ObjectDrift:
    return ObjectDrift(kind=DriftKind.ORPHANED, key=SHOP, api_version="v1", origin=None, commit=None, **more)


def drift_report(*drifts: ObjectDrift, checked: int = 42) -> DriftReport:
    return DriftReport(
        subject="GitSync gitops-system/shop",
        repo_url="https://git.example.com/shop.git",
        path="deploy",
        revision=COMMIT,
        ref="main",
        checked=checked,
        drifts=drifts,
        seconds=0.25,
        api_calls=3,
    )


def action(kind: ActionKind, *fields: DriftedField, **more: Any) -> PlannedAction:
    place: dict[str, Any] = {"key": WEB, "api_version": "apps/v1", "origin": Origin("deploy/web.yaml", 1)}
    return PlannedAction(kind=kind, fields=fields, **{**place, **more})


def plan_report(*actions: PlannedAction, applied: bool = False) -> PlanReport:
    return PlanReport(
        subject="directory ./deploy",
        repo_url="",
        path="deploy",
        revision=COMMIT,
        ref="main",
        actions=actions,
        applied=applied,
    )


# What a terminal obeys or hides, what YAML takes for something else, and what is no text at all.
HOSTILE = [
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\r",
    "\t",
    "\0",
    "\x7f",
    "\x85",
    "\u200b",
    "\u2028",
    "\u202e",
    "\ufeff",
    "\ud800",
    "\U000e0041",
    "\n",
    " ",
    "  \n ",
    "---",
    "...",
    "- x",
    "? ",
    ": ",
    " #",
    "&a",
    "*a",
    "!!int",
    "|",
    ">",
    "%",
    "@",
    "`",
    "'",
    '"',
    "\\",
    "yes",
    "~",
    "=",
    "1e3",
    "2026-11-23",
    "日本",
    "e\u0301",
    "x" * 80,
]

texts = st.one_of(
    st.text(max_size=12), st.lists(st.sampled_from(HOSTILE) | st.text(max_size=3), max_size=6).map("".join)
)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
trees = st.none() | st.dictionaries(texts, json_values, max_size=3)
commits = st.none() | st.builds(Commit, sha=texts, author=texts, author_email=texts, time=texts, subject=texts)
origins = st.none() | st.builds(Origin, texts, st.integers(0))
keys = st.builds(ResourceKey, texts, texts, texts, texts)
owners = st.none() | st.builds(FieldOwner, manager=texts, operation=texts, subresource=texts, time=texts)
elements = st.one_of(
    texts,
    st.integers(0, 9),
    st.builds(ItemKey, st.tuples(st.tuples(texts, texts))),
    st.builds(SetMember, texts),
)
fields = st.builds(
    DriftedField,
    path=st.lists(elements, max_size=4).map(tuple),
    desired=json_values | st.just(ABSENT),
    live=json_values | st.just(ABSENT),
    owner=owners,
    kind=st.sampled_from([DriftKind.MODIFIED, DriftKind.ADDED, DriftKind.STALE]),
    origin=origins,
    commit=commits,
    ignored=st.just("") | texts,
    confirmed=st.booleans(),
)
field_tuples = st.lists(fields, max_size=3).map(tuple)
drifts = st.builds(
    ObjectDrift,
    kind=st.sampled_from(DriftKind),
    key=keys,
    api_version=texts,
    origin=origins,
    commit=commits,
    fields=field_tuples,
    desired=trees,
    live=trees,
    note=texts,
)
drift_tuples = st.lists(drifts, max_size=3).map(tuple)
actions = st.builds(
    PlannedAction,
    kind=st.sampled_from(ActionKind),
    key=keys,
    api_version=texts,
    origin=origins,
    fields=field_tuples,
    desired=trees,
    live=trees,
    error=texts,
)
drift_reports = st.builds(
    DriftReport,
    subject=texts,
    repo_url=texts,
    path=texts,
    revision=commits,
    ref=texts,
    checked=st.integers(0, 100),
    drifts=drift_tuples,
    ignored=drift_tuples,
    unconfirmed_because=texts,
)
plan_reports = st.builds(
    PlanReport,
    subject=texts,
    repo_url=texts,
    path=texts,
    revision=commits,
    ref=texts,
    actions=st.lists(actions, max_size=3).map(tuple),
    applied=st.booleans(),
)
report_lists = st.builds(DriftReportList, items=st.lists(drift_reports, max_size=2).map(tuple))
drift_lists = st.one_of(drift_reports, report_lists)
reports = st.one_of(drift_reports, plan_reports, report_lists)
styles = st.builds(
    Style,
    color=st.booleans(),
    now=st.none() | st.datetimes(timezones=st.timezones()),
    show_ignored=st.booleans(),
)
