"""What others need is applied before them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.sync.order import in_order, rank

KINDS = ["CustomResourceDefinition", "Namespace", "Role", "RoleBinding", "Secret", "Deployment", "Lamp", "APIService"]


def key(kind: str, name: str = "x") -> ResourceKey:
    return ResourceKey("", kind, "shop", name)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("CustomResourceDefinition", "Lamp"),
        ("Namespace", "ServiceAccount"),
        ("ServiceAccount", "RoleBinding"),
        ("ClusterRole", "ClusterRoleBinding"),
        ("ConfigMap", "Deployment"),
        ("Secret", "StatefulSet"),
        ("PersistentVolumeClaim", "Pod"),
        ("Deployment", "ValidatingWebhookConfiguration"),
        ("Service", "APIService"),
    ],
)
def test_what_comes_before_what(first: str, then: str) -> None:
    assert rank(key(first)) < rank(key(then))


@settings(deadline=None)
@given(st.lists(st.sampled_from(KINDS)))
def test_stages_hold_each_item_once_in_the_order_given(kinds: list[str]) -> None:
    items = [(key(kind, str(number)), number) for number, kind in enumerate(kinds)]
    stages = in_order(items)
    assert sorted(number for stage in stages for number in stage) == list(range(len(kinds)))
    assert all(stage == sorted(stage) for stage in stages)
    ranks = [rank(items[number][0]) for stage in stages for number in stage]
    assert ranks == sorted(ranks)
    assert all(len({rank(items[number][0]) for number in stage}) == 1 for stage in stages)
