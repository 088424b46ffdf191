"""What the floor is told, and when it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.api.breakglass import BreakGlass, Target
from kubectl_gitops.api.gitsync import GitSync, read_gitsync
from kubectl_gitops.api.objects import Object, Origin
from kubectl_gitops.diff.compare import Canonical
from kubectl_gitops.diff.rules import Rules, scaled_by
from kubectl_gitops.reconciler.floor import Replicas, action_of
from kubectl_gitops.reconciler.floorcontent import Content, content_of, fitting
from kubectl_gitops.snapshot.model import Entry


def gitsync(**enforcement: str) -> GitSync:
    return read_gitsync(
        {
            "apiVersion": "kubectl-gitops.dev/v1alpha1",
            "kind": "GitSync",
            "metadata": {"name": "shop", "namespace": "team"},
            "spec": {"source": {"repoURL": "https://git.example/shop.git"}, "enforcement": enforcement},
        }
    )


def entry(kind: str, name: str, *, api_version: str = "v1", is_learned: bool = True, **tree: Any) -> Entry:
    return Entry(
        api_version=api_version,
        kind=kind,
        namespace="shop",
        name=name,
        origin=Origin("a.yaml", 1),
        declared_digest="d",
        canonical=Canonical(tree, {}) if is_learned else None,
    )


def deployment(replicas: int | None = 3, **rest: Any) -> Entry:
    spec: dict[str, Any] = {"spec": {"replicas": replicas}} if replicas is not None else {"spec": {}}
    return entry("Deployment", "web", api_version="apps/v1", **spec, **rest)


def glass(*only: Target) -> BreakGlass:
    return BreakGlass(
        namespace="team", name="g", gitsync="shop", by="eve", reason="INC-42", opened=0.0, until=1.0, only=only
    )


def told(*entries: Entry, rules: Rules | None = None, opened: tuple[BreakGlass, ...] = ()) -> dict[str, str]:
    return dict(content_of(gitsync(), entries, rules or Rules(), opened).data)


def test_it_is_told_the_label_the_namespaces_and_the_replicas() -> None:
    assert told(deployment(), entry("ConfigMap", "settings")) == {
        "team.shop": "team/shop",
        "namespace_shop": "team/shop",
        "scale_shop_deployments.apps_web": "team/shop/3",
    }


@pytest.mark.parametrize(
    "enforcement", [{"mode": "Warn"}, {"mode": "Audit"}, {"mode": "Off"}, {"onUnavailable": "Allow"}]
)
def test_nothing_of_what_is_not_to_be_refused(enforcement: dict[str, str]) -> None:
    assert content_of(gitsync(**enforcement), [deployment()], Rules(), []) == Content({}, frozenset())


def test_replicas_that_may_differ_are_not_told() -> None:
    off: dict[str, Any] = {"metadata": {"annotations": {"kubectl-gitops.dev/enforcement": "off"}}}
    autoscaler: Object = {
        "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
    }
    scaled = Rules().beside(scaled_by([autoscaler]))
    for found in (told(deployment(None)), told(deployment(**off)), told(deployment(), rules=scaled)):
        assert "scale_shop_deployments.apps_web" not in found


def test_what_the_api_server_never_accepted_does_not_count() -> None:
    assert told(entry("ConfigMap", "settings", is_learned=False)) == {"team.shop": "team/shop"}


def test_break_glass_opens_it_for_what_it_covers() -> None:
    assert told(deployment(), opened=(glass(),)) == {}
    only = told(
        deployment(), entry("ConfigMap", "a"), opened=(glass(Target(group="apps", kind="Deployment", name="web")),)
    )
    assert only == {
        "team.shop": "team/shop",
        "namespace_shop": "team/shop",
        "open_shop_Deployment.apps_web": "team/shop",
    }


def test_what_cannot_be_a_key_is_left_out() -> None:
    role = entry("Role", "system:web", api_version="rbac.authorization.k8s.io/v1")
    opened = glass(Target(group="rbac.authorization.k8s.io", kind="Role", name="system:web"))
    assert set(told(role, opened=(opened,))) == {"team.shop", "namespace_shop"}


def test_what_is_not_known_yet_stays_as_it_is_stored() -> None:
    pending = content_of(gitsync(), None, Rules(), [])
    assert pending == Content({"team.shop": "team/shop"}, frozenset({"team/shop"}))
    stored = {"scale_shop_deployments.apps_web": "team/shop/3", "other.app": "other/app", "namespace_x": "other/app"}
    assert pending.over(stored) == {"team.shop": "team/shop", "scale_shop_deployments.apps_web": "team/shop/3"}
    other = Content({"other.app": "other/app"}, frozenset())
    assert pending.and_also(other).over(stored).keys() == {"team.shop", "other.app", "scale_shop_deployments.apps_web"}


def test_replicas_are_left_out_where_not_all_fits() -> None:
    content = {"team.shop": "team/shop", "scale_a_x_a": "team/shop/1", "scale_a_x_b": "team/shop/1"}
    assert fitting(content, 1000) == content
    assert fitting(content, 60) == {"team.shop": "team/shop", "scale_a_x_a": "team/shop/1"}
    assert fitting(content, 1) == {"team.shop": "team/shop"}


def lease(name: str, renewed: str) -> Object:
    return {"metadata": {"name": name}, "spec": {"renewTime": renewed, "leaseDurationSeconds": 9}}


def test_a_replica_counts_for_as_long_as_it_renews_by_our_clock() -> None:
    now = 0.0
    replicas = Replicas(lambda: now)
    replicas.take([])
    assert replicas.seconds_left() == 0
    replicas.take([lease("a", "2001-01-01T00:00:00Z")])  # whatever its own clock says
    assert replicas.seconds_left() == 9
    now = 8.0
    replicas.take([lease("a", "2001-01-01T00:00:00Z")])
    assert replicas.seconds_left() == 1
    replicas.take([lease("a", "2001-01-01T00:00:03Z"), lease("b", "2001-01-01T00:00:00Z")])
    assert replicas.seconds_left() == 9
    now = 17.0
    assert replicas.seconds_left() == 0


def test_it_refuses_while_the_webhook_is_wanted_and_away() -> None:
    assert action_of(is_wanted=True, is_served=False) == "Deny"
    assert action_of(is_wanted=True, is_served=True) == "Audit"
    assert action_of(is_wanted=False, is_served=False) == "Audit"
