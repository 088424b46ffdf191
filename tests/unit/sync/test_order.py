"""What others need is applied before them; phases and waves come before kinds."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_gitops.api.objects import Declared, ResourceKey
from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.sync.directives import directives_of
from kubectl_gitops.sync.order import KIND_ORDER, prune_stages, rank, stages
from tests.unit.sync.annotated import annotated, crd, namespace

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
        ("Service", "Deployment"),
        ("Service", "APIService"),
    ],
)
def test_what_comes_before_what(first: str, then: str) -> None:
    assert rank(key(first)) < rank(key(then))


def test_a_custom_resource_goes_with_the_rest_whatever_its_kind_is_called() -> None:
    knative = ResourceKey("serving.knative.dev", "Service", "shop", "x")
    assert rank(knative) == rank(key("Deployment"))
    assert rank(ResourceKey("rbac.authorization.k8s.io", "Role", "shop", "x")) < rank(knative)


def applied(*declared: Declared) -> list[tuple[str, list[str]]]:
    """The stages, with the names in each."""
    return [(str(stage.wave), list(stage.items)) for stage in stages((one, one.name) for one in declared)]


def test_phases_come_before_waves_and_waves_before_kinds() -> None:
    found = applied(
        annotated("batch/v1/Job", "report", argocd_hook="PostSync", argocd_sync_wave="-5"),
        annotated("apps/v1/ReplicaSet", "frontend", argocd_sync_wave="2"),
        annotated("v1/Service", "frontend-svc", argocd_sync_wave="2"),
        annotated("batch/v1/Job", "page-up", argocd_hook="Sync", argocd_sync_wave="1"),
        annotated("v1/ConfigMap", "settings"),
        annotated("apps/v1/ReplicaSet", "backend"),
        annotated("batch/v1/Job", "migrate", argocd_hook="PreSync", argocd_sync_wave="9"),
        annotated("batch/v1/Job", "page-down", argocd_hook="Sync", argocd_sync_wave="3"),
        annotated("batch/v1/Job", "rescue", argocd_hook="SyncFail"),
        annotated("v1/ConfigMap", "first", own_sync_wave="-1"),
    )
    assert found == [
        ("PreSync wave 9", ["migrate"]),
        ("Sync wave -1", ["first"]),
        ("Sync wave 0", ["settings"]),
        ("Sync wave 0", ["backend"]),
        ("Sync wave 1", ["page-up"]),
        ("Sync wave 2", ["frontend-svc"]),
        ("Sync wave 2", ["frontend"]),
        ("Sync wave 3", ["page-down"]),
        ("PostSync wave -5", ["report"]),
        ("SyncFail wave 0", ["rescue"]),
    ]


def test_weights_of_helm_are_waves() -> None:
    found = applied(
        annotated("batch/v1/Job", "page-down", helm_hook="post-install"),
        annotated("batch/v1/Job", "page-up", helm_hook="pre-install", helm_hook_weight="-1"),
        annotated("batch/v1/Job", "upgrade", helm_hook="pre-install", helm_hook_weight="-2"),
        annotated("v1/Service", "frontend", helm_hook_weight="2"),
        annotated("v1/Pod", "smoke", helm_hook="test"),
    )
    assert [names for _, names in found] == [["upgrade"], ["page-up"], ["frontend"], ["page-down"]]


def test_what_is_in_the_same_stage_is_ordered_by_name() -> None:
    found = applied(annotated(name="b"), annotated(name="c"), annotated(name="a", namespace="other"))
    assert found == [("Sync wave 0", ["a", "b", "c"])]


def test_a_hook_of_two_phases_is_in_both_and_a_skipped_one_in_none() -> None:
    found = applied(
        annotated("batch/v1/Job", "both", argocd_hook="PreSync,PostSync"),
        annotated("batch/v1/Job", "never", argocd_hook="Skip"),
    )
    assert found == [("PreSync wave 0", ["both"]), ("PostSync wave 0", ["both"])]


def test_a_namespace_is_there_before_the_hook_that_runs_in_it() -> None:
    found = applied(
        annotated("batch/v1/Job", "migrate", argocd_hook="PreSync", argocd_sync_wave="2"),
        annotated("batch/v1/Job", "elsewhere", namespace="other", argocd_hook="PreSync"),
        annotated("v1/ConfigMap", "settings"),
        namespace("shop", argocd_sync_wave="7"),
        namespace("empty", argocd_sync_wave="7"),
    )
    assert found == [
        ("PreSync wave 0", ["elsewhere"]),
        ("PreSync wave 2", ["shop"]),
        ("PreSync wave 2", ["migrate"]),
        ("Sync wave 0", ["settings"]),
        ("Sync wave 7", ["empty"]),
    ]


def test_a_crd_is_there_before_its_objects() -> None:
    found = applied(
        crd("Lamp", argocd_sync_wave="1"),
        crd("Lamp", group="other.com", argocd_sync_wave="1"),
        annotated("example.com/v1/Lamp", "desk", argocd_sync_wave="-3"),
    )
    assert found == [
        ("Sync wave -3", ["lamps.example.com"]),
        ("Sync wave -3", ["desk"]),
        ("Sync wave 1", ["lamps.other.com"]),
    ]


def test_a_namespace_with_a_lower_wave_keeps_it() -> None:
    found = applied(namespace("shop", argocd_sync_wave="-9"), annotated(name="settings"))
    assert [wave for wave, _ in found] == ["Sync wave -9", "Sync wave 0"]


def test_a_wave_that_is_no_number_is_refused_when_applied_and_counts_as_0_when_pruned() -> None:
    bad = annotated(argocd_sync_wave="soon")
    with pytest.raises(InvalidManifest):
        stages([(bad, 1)])
    assert [str(stage.wave) for stage in prune_stages([(bad.object, 1)])] == ["Sync wave 0"]


def test_pruning_begins_with_the_highest_wave_and_ends_with_namespaces_and_crds() -> None:
    live = [
        namespace("shop"),
        crd("Lamp"),
        annotated("example.com/v1/Lamp", "desk", argocd_sync_wave="1"),
        annotated("apps/v1/Deployment", "web", argocd_sync_wave="2"),
        annotated("v1/ConfigMap", "settings"),
        annotated("example.com/v1/Lamp", "floor"),
    ]
    found = [sorted(stage.items) for stage in prune_stages((one.object, one.name) for one in live)]
    assert found == [["web"], ["desk"], ["floor"], ["settings"], ["lamps.example.com", "shop"]]


KIND_NAMES = ["v1/ConfigMap", "apps/v1/Deployment", "v1/Service", "batch/v1/Job", "example.com/v1/Lamp"]
WAVES = st.sampled_from(["-1", "0", "1", "3"])


@st.composite
def declarations(draw: st.DrawFn, *, hooks: bool = True) -> list[Declared]:
    """Objects with waves (and hooks), some in namespaces and of kinds that are declared beside them."""
    made = [
        annotated(
            draw(st.sampled_from(KIND_NAMES)),
            f"x{number}",
            namespace=draw(st.sampled_from(["shop", "other"])),
            **draw(st.fixed_dictionaries({}, optional={"argocd_sync_wave": WAVES})),
            **(draw(st.fixed_dictionaries({}, optional={"own_hook": HOOKS})) if hooks else {}),
        )
        for number in range(draw(st.integers(0, 8)))
    ]
    if draw(st.booleans()):
        made.append(namespace("shop", own_sync_wave=draw(WAVES)))
    if draw(st.booleans()):
        made.append(crd("Lamp", own_sync_wave=draw(WAVES)))
    return made


HOOKS = st.sampled_from(["PreSync", "Sync", "PostSync", "SyncFail", "PreSync,PostSync", "Skip"])


@given(declarations(), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_that_of_the_files(declared: list[Declared], random: Random) -> None:
    shuffled = random.sample(declared, len(declared))
    assert applied(*declared) == applied(*shuffled)


@given(declarations())
def test_waves_and_kinds_never_go_back(declared: list[Declared]) -> None:
    found = stages((one, one) for one in declared)
    places = [(stage.wave, stage.rank) for stage in found]
    assert all(before < after for before, after in pairwise(places))
    assert all({rank(one.key) for one in stage.items} == {stage.rank} for stage in found)


@given(declarations())
def test_each_object_is_applied_once_in_each_of_its_phases(declared: list[Declared]) -> None:
    found = [(one.name, stage.wave.phase) for stage in stages((one, one) for one in declared) for one in stage.items]
    ordinary = [one for one in declared if one.kind not in {"Namespace", "CustomResourceDefinition"}]
    for one in ordinary:
        phases = {wave.phase for wave in directives_of(one).waves}
        assert sorted(phase for name, phase in found if name == one.name) == sorted(phases)
    assert {one.name for one in declared if one not in ordinary} <= {name for name, _ in found}


@given(declarations())
def test_nothing_comes_before_its_namespace_or_its_crd(declared: list[Declared]) -> None:
    order = [one for stage in stages((one, one) for one in declared) for one in stage.items]
    made = {one.name: place for place, one in enumerate(order) if one.kind in {"Namespace", "CustomResourceDefinition"}}
    for place, one in enumerate(order):
        assert made.get(one.namespace, -1) < place
        if one.kind == "Lamp":
            assert made.get("lamps.example.com", -1) < place


@given(declarations(hooks=False))
def test_pruning_is_applying_backwards(declared: list[Declared]) -> None:
    forwards = stages((one, one.name) for one in declared)
    backwards = prune_stages((one.object, one.name) for one in declared)
    assert [(one.wave, one.rank, one.items[::-1]) for one in backwards] == [
        (one.wave, one.rank, one.items) for one in reversed(forwards)
    ]


def test_the_page_lists_the_kinds_in_their_order() -> None:
    page = (Path(__file__).parents[3] / "docs" / "sync-order.md").read_text()
    rows = [row for row in page.splitlines() if row.startswith(tuple(f"| {place} |" for place in range(1, 6)))]
    assert len(rows) == len(KIND_ORDER)
    for row, kinds in zip(rows, KIND_ORDER, strict=True):
        assert [name for name in kinds if f"`{name}`" not in row] == []
