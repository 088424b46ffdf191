"""What does not count as drift is left alone; what people add is told; what is taken from us is taken back."""

from __future__ import annotations

from typing import Any

from tests.integration.gitsyncs import SECONDS, App, config_map, deployment
from tests.testbed.waiting import wait_until

DEPLOYMENTS = "apps/v1/deployments"


def autoscaler(target: str) -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": target},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            "minReplicas": 1,
            "maxReplicas": 9,
        },
    }


def wait_counts(app: App, **counts: int) -> None:
    def counted() -> bool:
        found = app.status["objects"]
        assert {name: found[name] for name in counts} == counts, found
        return True

    wait_until(counted, SECONDS, f"the counts of {app.name}")


def replicas(app: App) -> int:
    found: int = app.live.get(DEPLOYMENTS, "web")["spec"]["replicas"]
    return found


def image_of(app: App) -> str:
    found: str = app.live.get(DEPLOYMENTS, "web")["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def heal_marker(app: App) -> None:
    """Drift that is restored, and by that time what happened before it has been looked at, too."""
    app.live.patch("configmaps", "settings", {"data": {"greeting": "by hand"}})
    wait_until(lambda: app.live.data("settings")["greeting"] == "hello", SECONDS, "the restore")


def test_replicas_are_the_autoscaler_s_as_long_as_there_is_one(shop: App) -> None:
    shop.live.create("autoscaling/v2/horizontalpodautoscalers", autoscaler("web"))
    shop.live.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 6}}, manager="kube-controller-manager")
    wait_counts(shop, ignored=1, drifted=0)
    # Restoring another field leaves the replicas as they are, and so does a new commit.
    shop.live.patch(
        DEPLOYMENTS,
        "web",
        {"spec": {"minReadySeconds": 0, "template": {"metadata": {"labels": {"app": "web", "x": "y"}}}}},
    )
    image = {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "example.com/evil:1"}
    shop.plane.request("PATCH", shop.live.path(DEPLOYMENTS, "web"), [image], content_type="application/json-patch+json")
    wait_until(
        lambda: shop.live.get(DEPLOYMENTS, "web")["spec"]["template"]["spec"]["containers"][0]["image"].endswith(
            "web:1.0"
        ),
        SECONDS,
        "the image to be restored",
    )
    assert replicas(shop) == 6
    sha = shop.commit(config_map("settings", greeting="hello", colour="red"), deployment("web", "example.com/web:2.0"))
    shop.wait_synced(sha)
    assert image_of(shop) == "example.com/web:2.0"
    assert replicas(shop) == 6
    wait_counts(shop, ignored=1, drifted=0)
    shop.live.delete("autoscaling/v2/horizontalpodautoscalers", "web")
    wait_until(lambda: replicas(shop) == 2, SECONDS, "the replicas to be as Git says")


def test_differences_that_the_gitsync_ignores_are_counted_and_left(shop: App) -> None:
    shop.change({"ignoreDifferences": [{"kind": "ConfigMap", "jsonPointers": ["/data/colour"]}]})
    shop.wait_observed()
    shop.live.patch("configmaps", "settings", {"data": {"colour": "green"}})
    heal_marker(shop)
    wait_counts(shop, ignored=1, drifted=0)
    assert shop.live.data("settings")["colour"] == "green"
    # Once it counts again, it is restored, though nothing happens to the object.
    shop.change({"ignoreDifferences": None})
    wait_until(lambda: shop.live.data("settings")["colour"] == "red", SECONDS, "the restore")
    wait_counts(shop, ignored=0, drifted=0)


def test_an_annotation_in_git_ignores_places_of_its_object(app: App) -> None:
    settings = config_map("settings", greeting="hello", colour="red")
    settings["metadata"]["annotations"] = {"kubectl-gitops.dev/ignore": "/data/colour"}
    app.commit(settings)
    app.create()
    app.wait_ready()
    app.live.patch("configmaps", "settings", {"data": {"colour": "green"}})
    heal_marker(app)
    assert app.live.data("settings")["colour"] == "green"
    app.commit({**settings, "data": {"greeting": "hello", "colour": "blue", "new": "x"}})
    wait_until(lambda: app.live.data("settings").get("new"), SECONDS, "the sync")
    assert app.live.data("settings")["colour"] == "green"


def test_an_annotation_that_is_no_pointer_is_refused_with_its_line(app: App) -> None:
    settings = config_map("settings")
    settings["metadata"]["annotations"] = {"kubectl-gitops.dev/ignore": "data.colour"}
    app.commit(settings)
    app.create()
    app.wait_failed("InvalidManifest", r"all\.yaml:1: ConfigMap/settings: annotation .*/ignore: not a JSON pointer")


def test_what_a_person_adds_is_told_and_left_alone(shop: App) -> None:
    mark = shop.plane.audit_mark()
    shop.live.patch("configmaps", "settings", {"data": {"extra": "by hand"}})
    (row,) = shop.wait_drift(("Added ConfigMap/settings", "data.extra"))
    assert row["manager"] == "kubectl-edit"
    wait_counts(shop, added=1, drifted=0)
    assert shop.condition("Ready")["status"] == "True"
    assert shop.condition("Drifted")["reason"] == "AdditionsFound"
    heal_marker(shop)
    assert shop.live.data("settings")["extra"] == "by hand"
    assert len(shop.writes(mark)) == 1
    shop.live.patch("configmaps", "settings", {"data": {"extra": None}})
    wait_counts(shop, added=0)


def test_who_is_a_person_can_be_said(shop: App) -> None:
    shop.live.patch("configmaps", "settings", {"data": {"extra": "by hand"}}, manager="our-portal")
    heal_marker(shop)
    wait_counts(shop, added=0)
    shop.change({"humanManagers": ["our-*"]})
    shop.wait_drift(("Added ConfigMap/settings", "data.extra"))
    shop.change({"humanManagers": ["our-*", "!our-portal"]})
    wait_counts(shop, added=0)


def test_managed_fields_that_were_cleared_are_ours_again(shop: App) -> None:
    shop.live.patch("configmaps", "settings", {"metadata": {"managedFields": [{}]}})

    def is_ours() -> bool:
        entries = shop.live.get("configmaps", "settings")["metadata"].get("managedFields") or []
        return any(entry["manager"] == "kubectl-gitops" for entry in entries)

    wait_until(is_ours, SECONDS, "the object to be taken over again")
    shop.wait_ready()


def test_what_was_applied_under_our_name_goes_away_again(shop: App) -> None:
    stale = {**config_map("settings", greeting="hello", colour="red", stale="?")}
    label = shop.live.get("configmaps", "settings")["metadata"]["labels"]
    stale["metadata"] = {"name": "settings", "labels": label}
    path = f"{shop.live.path('configmaps', 'settings')}?fieldManager=kubectl-gitops&force=true"
    shop.plane.request("PATCH", path, stale, content_type="application/apply-patch+yaml")
    wait_until(lambda: "stale" not in shop.live.data("settings"), SECONDS, "the field to go")
    shop.wait_ready()
