"""The floor: with the webhook dead, and the reconciler too, what takes declared state away from Git is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.enforcement import FLOOR, WEBHOOK, Guarded, floor_action, greet, running_both, wait_floor
from tests.integration.gitsyncs import SECONDS, App, config_map, deployment, new_repository
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import WEBHOOK_CONFIGURATION, Installation
from tests.testbed.waiting import wait_until

MANAGED, SCALE, NAMESPACES = (f"ValidatingAdmissionPolicy '{name}'" for name in FLOOR)


@pytest.fixture
def both(control_plane: ControlPlane) -> Iterator[Installation]:
    with running_both(control_plane) as installation:
        yield installation


@pytest.fixture
def shop(control_plane: ControlPlane, both: Installation, namespace: str, tmp_path: Path) -> Iterator[Guarded]:
    app = App(control_plane, namespace, new_repository(tmp_path))
    yield Guarded(app, both)
    app.delete()


def content(plane: ControlPlane) -> dict[str, str]:
    found: dict[str, str] = plane.request("GET", "/api/v1/namespaces/gitops-system/configmaps/gitops-floor")["data"]
    return found


def layer(both: Installation) -> str:
    return both.gitops("version").stdout.splitlines()[-1]


def ready_replicas(plane: ControlPlane) -> set[str]:
    """The Leases; those of replicas that were killed by other tests are there, too."""
    path = "/apis/coordination.k8s.io/v1/namespaces/gitops-system/leases?labelSelector=kubectl-gitops.dev/webhook"
    return {one["metadata"]["name"] for one in plane.request("GET", path)["items"]}


def test_with_the_webhook_dead_the_api_server_refuses_and_says_why(shop: Guarded, both: Installation) -> None:
    shop.create()
    wait_floor(shop.plane, "Audit")
    assert WEBHOOK in shop.refused(*greet("bye"), by=WEBHOOK)

    assert layer(both) == "Enforcement: the webhook"
    both.stop_webhook(grace_seconds=0)  # kill -9
    wait_floor(shop.plane, "Deny")
    assert layer(both) == "Enforcement: the floor: the API server refuses by itself, because no webhook is ready"
    said = shop.refused(*greet("bye"), by=MANAGED)
    owner = f"gitops-system/{shop.app.name}"
    assert f"ConfigMap/settings is kept by GitSync {owner}, and this changes fields that Git declares" in said
    assert f"Change it in Git, or see: kubectl gitops status {shop.app.name} -n gitops-system" in said
    assert "keeps it from being deleted" in shop.refused("delete", "configmap", "settings", by=MANAGED)
    shop.refused("delete", "deployments", "--all", by=MANAGED)
    shop.refused("label", "configmap", "settings", "kubectl-gitops.dev/managed-by-", by=MANAGED)
    shop.refused("set", "image", "deployment/web", "web=example.com/web:2.0", by=MANAGED)
    reset = '[{"op":"replace","path":"/metadata/managedFields","value":[{}]}]'
    shop.refused("patch", "configmap", "settings", "--type=json", "-p", reset, by=MANAGED)
    said = shop.refused("scale", "deployment", "web", "--replicas=5", by=SCALE)
    assert f"kept by GitSync {owner}: Git says 2 replicas, asked 5" in said
    said = shop.refused("delete", "namespace", shop.namespace, by=NAMESPACES)
    assert f"holds what GitSync {owner} declares in Git" in said
    # What Git does not declare is free, and so is what it says.
    shop.wait_allowed("annotate", "deployment/web", "note=hello")
    shop.wait_allowed("rollout", "restart", "deployment/web")
    shop.wait_allowed("scale", "deployment", "web", "--replicas=2")
    shop.wait_allowed(*greet("hello"))
    shop.wait_allowed("create", "configmap", "other", "--from-literal=a=b")
    shop.wait_allowed("delete", "configmap", "other")
    # The reconciler is not in its own way.
    shop.app.commit(config_map("settings", greeting="good morning"))
    shop.wait_greeting("good morning")
    wait_until(lambda: shop.app.live.find("apps/v1/deployments", "web") is None, SECONDS, "web to be pruned")


def test_with_the_reconciler_dead_as_well_the_last_state_holds(shop: Guarded, both: Installation) -> None:
    shop.create()
    wait_until(lambda: f"gitops-system.{shop.app.name}" in content(shop.plane), SECONDS, "the floor to know it")
    both.stop_webhook(grace_seconds=0)
    wait_floor(shop.plane, "Deny")
    both.stop_reconciler(grace_seconds=0)
    shop.refused(*greet("bye"), by=MANAGED)
    shop.refused("delete", "namespace", shop.namespace, by=NAMESPACES)
    # A reconciler that has just begun, and knows little yet, does not open it.
    before = content(shop.plane)
    both.start_reconciler()
    both.start_webhook()
    wait_floor(shop.plane, "Audit")
    assert WEBHOOK in shop.refused(*greet("bye"), by=WEBHOOK)
    wait_until(lambda: content(shop.plane) == before, SECONDS, "the floor to know the same")


def test_a_graceful_end_raises_the_floor_without_waiting_for_time(shop: Guarded, both: Installation) -> None:
    shop.create()
    wait_floor(shop.plane, "Audit")
    before = ready_replicas(shop.plane)
    assert both.stop_webhook() == 0
    assert len(before - ready_replicas(shop.plane)) == 1
    shop.refused(*greet("bye"), by=MANAGED)


@pytest.mark.parametrize(
    "enforcement", [{"mode": "Warn"}, {"mode": "Audit"}, {"mode": "Off"}, {"onUnavailable": "Allow"}]
)
def test_the_floor_is_for_what_is_enforced(shop: Guarded, both: Installation, enforcement: dict[str, str]) -> None:
    shop.create(enforcement=enforcement)
    both.stop_webhook(grace_seconds=0)
    wait_floor(shop.plane, "Deny")
    shop.wait_allowed(*greet("bye"))
    shop.wait_allowed("scale", "deployment", "web", "--replicas=5")


def test_an_object_that_git_frees_is_free_and_a_mode_may_change(shop: Guarded, both: Installation) -> None:
    free = config_map("free", greeting="hello")
    free["metadata"]["annotations"] = {"kubectl-gitops.dev/enforcement": "off"}
    shop.create()
    shop.app.wait_synced(shop.app.commit(config_map("settings", greeting="hello"), deployment("web"), free))
    both.stop_webhook(grace_seconds=0)
    wait_floor(shop.plane, "Deny")
    shop.refused(*greet("bye"), by=MANAGED)
    shop.wait_allowed("patch", "configmap", "free", "--type=merge", "-p", '{"data":{"greeting":"bye"}}')
    # In the cluster the annotation counts for nothing.
    shop.wait_allowed("annotate", "configmap", "settings", "kubectl-gitops.dev/enforcement=off")
    shop.refused(*greet("bye"), by=MANAGED)
    shop.app.change({"enforcement": {"mode": "Off"}})
    shop.wait_allowed(*greet("bye"))


def test_the_largest_objects_are_not_too_much_for_it(shop: Guarded, both: Installation) -> None:
    """An expression that costs too much counts as an error, and that would refuse whatever is asked."""
    large = config_map("large", **{f"key-{number:05}": "x" * 40 for number in range(10_000)})
    shop.create()
    shop.app.wait_synced(shop.app.commit(config_map("settings", greeting="hello"), deployment("web"), large))
    both.stop_webhook(grace_seconds=0)
    wait_floor(shop.plane, "Deny")
    change = ["patch", "configmap", "large", "--type=merge", "-p"]
    said = shop.refused(*change, '{"data":{"key-09999":"y"}}', by=MANAGED)
    assert "this changes fields that Git declares" in said
    shop.wait_allowed(*change, '{"data":{"more":"y"}}')
    shop.wait_allowed("annotate", "configmap", "large", "note=hello")


def test_whoever_takes_the_webhook_s_configuration_away_takes_the_floor_away(shop: Guarded, both: Installation) -> None:
    shop.create()
    both.stop_webhook(grace_seconds=0)
    wait_floor(shop.plane, "Deny")
    shop.plane.kubectl("delete", "validatingwebhookconfiguration", WEBHOOK_CONFIGURATION)
    wait_floor(shop.plane, "Audit")
    shop.wait_allowed(*greet("bye"))
    assert layer(both).startswith("Enforcement: none: the webhook's configuration was deleted")


def test_foreign_edits_of_a_binding_are_put_back_and_a_deleted_one_stays_deleted(
    shop: Guarded, both: Installation
) -> None:
    shop.create()
    both.stop_webhook(grace_seconds=0)
    wait_floor(shop.plane, "Deny")
    patch = '{"spec":{"validationActions":["Audit"]}}'
    binding = ("validatingadmissionpolicybinding", FLOOR[0])
    shop.plane.kubectl("patch", *binding, "--type=merge", "-p", patch)
    wait_floor(shop.plane, "Deny")
    shop.plane.kubectl("delete", *binding)
    try:
        shop.wait_allowed(*greet("bye"))
        both.start_webhook()
        wait_until(
            lambda: shop.kubectl("get", "validatingadmissionpolicybinding", FLOOR[1], "-o", "yaml").stdout.count(
                "Audit"
            ),
            SECONDS,
            "the others to follow",
        )
        assert shop.kubectl("get", *binding).returncode != 0
    finally:
        both.gitops("install", "--no-pods")
    wait_until(lambda: floor_action(shop.plane) == {"Audit"}, SECONDS, "what install brings back")
