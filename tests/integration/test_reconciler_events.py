"""Events on a GitSync, as `kubectl events` shows them."""

from __future__ import annotations

from typing import Any

from tests.integration.gitsyncs import SECONDS, App, config_map
from tests.testbed.waiting import wait_until

Object = dict[str, Any]


def events(app: App) -> list[Object]:
    path = f"/apis/events.k8s.io/v1/namespaces/{app.namespace}/events"
    uid = app.get()["metadata"]["uid"]
    found = app.plane.request("GET", path)["items"]
    return [one for one in found if one["regarding"].get("uid") == uid]


def wait_event(app: App, reason: str, words: str) -> Object:
    def told() -> Object:
        found = [one for one in events(app) if one["reason"] == reason]
        assert found, [one["reason"] for one in events(app)]
        assert words in found[-1]["note"], found
        return found[-1]

    return wait_until(told, SECONDS, f"an Event {reason}")


def test_each_change_of_state_is_an_event_on_the_gitsync(shop: App) -> None:
    synced = wait_event(shop, "Synced", ": 2 objects")
    assert (synced["type"], synced["regarding"]["name"]) == ("Normal", shop.name)
    shop.live.delete("configmaps", "settings")
    wait_event(shop, "Restored", "ConfigMap/settings")
    shop.change({"suspend": True})
    wait_event(shop, "Suspended", "new commits wait")
    shop.live.patch("configmaps", "settings", {"data": {"greeting": "by hand"}})
    drift = wait_event(shop, "DriftFound", "ConfigMap/settings data.greeting")
    assert drift["type"] == "Warning"
    assert "by hand" not in drift["note"]
    shop.change({"suspend": False})
    wait_event(shop, "Resumed", "synced")
    wait_event(shop, "DriftEnded", "every object is as Git says")
    shop.commit(config_map("settings"), bad="kind: {")
    failed = wait_event(shop, "SyncFailed", "bad.yaml")
    assert failed["type"] == "Warning"
    shown = shop.plane.kubectl("events", "--for", f"gitsync/{shop.name}", "-n", shop.namespace).stdout
    assert "SyncFailed" in shown
