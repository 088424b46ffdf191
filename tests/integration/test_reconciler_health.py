"""The status of a GitSync tells how its objects do, as the watch shows them."""

from __future__ import annotations

from tests.integration.gitsyncs import SECONDS, App, Object, config_map, deployment
from tests.testbed.waiting import wait_until

CHECKS: list[Object] = [
    {
        "kind": "ConfigMap",
        "rules": [
            {"status": "Degraded", "jsonPointer": "/data/state", "value": "broken", "message": "it is broken"},
            {"status": "Healthy", "jsonPointer": "/data/key", "operator": "Exists"},
        ],
    }
]


def wait_health(app: App, reason: str) -> Object:
    def told() -> Object:
        found = app.condition("Healthy")
        assert found.get("reason") == reason, found
        return found

    return wait_until(told, SECONDS, f"the health of {app.name} to be {reason}")


def test_health_is_that_of_the_worst_object_and_follows_it(app: App) -> None:
    app.commit(config_map("settings"), config_map("other"))
    app.create(healthChecks=CHECKS)
    app.wait_ready()
    assert wait_health(app, "Healthy")["status"] == "True"
    app.live.patch("configmaps", "settings", {"data": {"state": "broken"}}, manager="some-controller")
    told = wait_health(app, "Degraded")
    assert told["status"] == "False"
    assert told["message"] == f"ConfigMap/settings in namespace {app.live.namespace}: Degraded: it is broken"
    assert app.status["objects"]["unhealthy"] == 1
    assert app.condition("Ready")["status"] == "True"
    app.live.patch("configmaps", "settings", {"data": {"state": None}}, manager="some-controller")
    assert wait_health(app, "Healthy")["status"] == "True"


def test_what_makes_an_object_healthy_may_be_said_later(app: App) -> None:
    app.commit(config_map("settings", state="broken"))
    app.create()
    app.wait_ready()
    wait_health(app, "Healthy")
    app.change({"healthChecks": CHECKS})
    wait_health(app, "Degraded")


def test_without_nodes_a_deployment_makes_no_progress(app: App) -> None:
    app.commit(deployment("web"))
    app.create()
    app.wait_ready()
    told = wait_health(app, "Progressing")
    assert told["status"] == "Unknown"
    assert told["message"].startswith(f"Deployment/web in namespace {app.live.namespace}: Progressing: ")
