"""What of a plan is taken over: what runs as Git says, and nothing that would change."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.api.names import MANAGED_BY_LABEL
from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.diff.compare import FieldChange
from kubectl_gitops.diff.path import ABSENT
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.errors import Rejected
from kubectl_gitops.sync.adoption import adoption_of
from kubectl_gitops.sync.steps import HeldByAnother, Plan, Step, Target

TARGET = Target(namespace="shop", name="it", label="shop.it", default_namespace="shop")
LABEL = FieldChange(("metadata", "labels", MANAGED_BY_LABEL), "shop.it", ABSENT)
FIRST_LABEL = FieldChange(("metadata", "labels"), {MANAGED_BY_LABEL: "shop.it"}, ABSENT)
LABELS = FieldChange(("metadata", "labels"), {MANAGED_BY_LABEL: "shop.it", "app": "web"}, ABSENT)
DATA = FieldChange(("data", "key"), "git", "live")


def step(kind: ActionKind = ActionKind.CHANGE, *changes: FieldChange, label: str = "", **more: Any) -> Step:
    labels = {MANAGED_BY_LABEL: label} if label else {}
    live = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it", "labels": labels}}
    key = ResourceKey("", "ConfigMap", "shop", "it")
    return Step(kind=kind, key=key, api_version="v1", live=live, changes=changes, **more)


def plan(*steps: Step) -> Plan:
    return Plan(target=TARGET, steps=steps, previous=None)


@pytest.mark.parametrize(
    "one",
    [
        step(ActionKind.CHANGE, LABEL),
        step(ActionKind.CHANGE, FIRST_LABEL),
        step(ActionKind.TAKE_OVER, label="shop.it"),
    ],
)
def test_what_lacks_only_our_label_or_our_field_manager_is_taken_over(one: Step) -> None:
    adoption = adoption_of(plan(one))
    assert ([step.kind for step in adoption.steps], adoption.differing) == ([ActionKind.TAKE_OVER], ())


@pytest.mark.parametrize(
    "one",
    [
        step(ActionKind.CHANGE, LABEL, DATA),
        step(ActionKind.CHANGE, LABELS),
        step(ActionKind.CHANGE, error=Rejected("no")),
    ],
)
def test_what_would_change_is_left_and_shown(one: Step) -> None:
    adoption = adoption_of(plan(one))
    assert (adoption.steps, adoption.differing) == ((), (one,))


def test_what_another_gitsync_has_is_left_though_it_is_as_git_says() -> None:
    taken = FieldChange(LABEL.path, "shop.it", "team.other")
    (left,) = adoption_of(plan(step(ActionKind.CHANGE, taken, label="team.other"))).differing
    assert isinstance(left.error, HeldByAnother)
    assert str(left.error) == "ConfigMap/it in namespace shop is labelled as managed by team.other"


def test_nothing_is_created_or_pruned() -> None:
    kinds = (ActionKind.CREATE, ActionKind.PRUNE, ActionKind.ORPHAN, ActionKind.UNCHANGED)
    adoption = adoption_of(plan(*map(step, kinds)))
    assert (adoption.steps, adoption.differing) == ((), ())
    assert (adoption.missing, adoption.undeclared, adoption.ours) == (1, 2, 1)
