"""``spec.sync.additions``: what people add and Git does not declare is removed, reported, or does not count."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.gitsyncs import SECONDS, App, Object, config_map, deployment, secret
from tests.testbed.installation import Installation
from tests.testbed.waiting import wait_until

DEPLOYMENTS = "apps/v1/deployments"
STRATEGIC = "application/strategic-merge-patch+json"


@pytest.fixture
def tidy(app: App) -> App:
    """A GitSync that removes what people add."""
    app.commit(config_map("settings", greeting="hello", colour="red"), deployment("web"), secret("login", password="x"))
    app.create(sync={"additions": "remove"})
    app.wait_ready()
    return app


def web_of(app: App) -> Object:
    """The Deployment without what changes with each write."""
    found = app.live.get(DEPLOYMENTS, "web")
    metadata = {name: found["metadata"][name] for name in ("labels", "uid")}
    return {"metadata": metadata, "spec": found["spec"]}


def by_hand(app: App, spec: Object, **metadata: Any) -> None:
    path = f"{app.live.path(DEPLOYMENTS, 'web')}?fieldManager=kubectl-edit"
    app.plane.request("PATCH", path, {"metadata": metadata, "spec": spec}, content_type=STRATEGIC)


def pod(spec: Object) -> Object:
    return {"template": {"spec": spec}}


@pytest.mark.parametrize(
    "spec",
    [
        {"paused": True},
        {"minReadySeconds": 5, "strategy": {"type": "Recreate", "rollingUpdate": None}},
        pod({"containers": [{"name": "web", "env": [{"name": "DEBUG", "value": "1"}]}]}),
        pod(
            {
                "containers": [
                    {"name": "web", "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]}
                ]
            }
        ),
        pod({"containers": [{"name": "sidecar", "image": "example.com/x"}], "nodeSelector": {"a/b": "c"}}),
        pod(
            {"containers": [{"name": "web", "securityContext": {"runAsUser": 0}}], "securityContext": {"runAsUser": 0}}
        ),
        pod({"volumes": [{"name": "v", "emptyDir": {}}], "tolerations": [{"operator": "Exists"}]}),
    ],
    ids=["field", "defaulted", "env", "ports", "sidecar", "security", "volumes"],
)
def test_the_object_is_again_what_it_was_before_the_addition(tidy: App, spec: Object) -> None:
    before = web_of(tidy)
    mark = tidy.plane.audit_mark()
    by_hand(tidy, spec)

    def is_restored() -> bool:
        assert web_of(tidy) == before
        return True

    wait_until(is_restored, SECONDS, "the additions to go")
    tidy.wait_drift()
    tidy.wait_ready()
    assert [write["verb"] for write in tidy.writes(mark)] == ["patch"]


def test_changes_and_additions_of_one_object_are_both_undone_and_declared_fields_stay_ours(
    tidy: App, reconciler: Installation
) -> None:
    before = tidy.live.get("configmaps", "settings")
    changes = {"data": {"greeting": "by hand", "extra": "by hand"}, "metadata": {"labels": {"tier": "x"}}}
    tidy.live.patch("configmaps", "settings", changes)
    wait_until(lambda: tidy.live.data("settings") == before["data"], SECONDS, "the object to be as Git says")
    after = tidy.live.get("configmaps", "settings")
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    (entry,) = after["metadata"]["managedFields"]
    assert entry["fieldsV1"] == before["metadata"]["managedFields"][0]["fieldsV1"]
    words = "what Git does not declare: data.extra (kubectl-edit), metadata.labels.tier (kubectl-edit)"
    wait_until(lambda: words in reconciler.log("reconciler", 200), SECONDS, "the log")


def test_of_a_secret_no_value_is_sent_or_told(tidy: App, reconciler: Installation) -> None:
    value = secrets.token_hex(12)
    tidy.live.patch("secrets", "login", {"stringData": {"extra": value}})
    wait_until(lambda: "extra" not in tidy.live.get("secrets", "login")["data"], SECONDS, "the addition to go")
    assert value not in reconciler.log("reconciler", 1000)
    assert value not in str(tidy.get())


def test_what_a_controller_adds_stays(tidy: App) -> None:
    tidy.live.patch("configmaps", "settings", {"data": {"theirs": "x"}}, manager="some-controller")
    tidy.live.patch("configmaps", "settings", {"data": {"extra": "x"}})
    wait_until(lambda: "extra" not in tidy.live.data("settings"), SECONDS, "the addition to go")
    assert tidy.live.data("settings")["theirs"] == "x"


def test_a_terminating_object_keeps_what_was_added_to_it(tidy: App) -> None:
    tidy.live.patch(
        "configmaps", "settings", {"metadata": {"finalizers": ["example.com/a"]}}, manager="some-controller"
    )
    tidy.live.delete("configmaps", "settings")
    mark = tidy.plane.audit_mark()
    tidy.live.patch("configmaps", "settings", {"data": {"extra": "x"}})
    tidy.live.patch(DEPLOYMENTS, "web", {"spec": {"paused": True}})
    wait_until(lambda: "paused" not in tidy.live.get(DEPLOYMENTS, "web")["spec"], SECONDS, "the addition to go")
    assert [write["objectRef"]["name"] for write in tidy.writes(mark)] == ["web"]
    assert tidy.live.data("settings")["extra"] == "x"
    tidy.live.patch("configmaps", "settings", {"metadata": {"finalizers": None}}, manager="some-controller")
    wait_until(lambda: "extra" not in tidy.live.data("settings"), SECONDS, "the object to be made anew")
    tidy.wait_ready()


def heal(app: App) -> None:
    """Drift that is restored; by that time what happened before it has been looked at, too."""
    app.live.patch("configmaps", "settings", {"data": {"greeting": "by hand"}})
    wait_until(lambda: app.live.data("settings")["greeting"] == "hello", SECONDS, "the restore")


def test_another_policy_counts_at_once(shop: App) -> None:
    """Of a policy that is not given, the default: additions are told, and stay."""
    shop.live.patch("configmaps", "settings", {"data": {"extra": "x"}})
    shop.wait_drift(("Added ConfigMap/settings", "data.extra"))
    heal(shop)
    assert shop.live.data("settings")["extra"] == "x"
    shop.change({"sync": {"additions": "allow"}})
    shop.wait_drift()
    counts = wait_counted(shop, lambda found: bool(found["ignored"]))
    assert (counts["added"], counts["drifted"]) == (0, 0)
    heal(shop)
    assert shop.live.data("settings")["extra"] == "x"
    shop.change({"sync": {"additions": "remove"}})
    wait_until(lambda: "extra" not in shop.live.data("settings"), SECONDS, "the addition to go")
    wait_counted(shop, lambda found: not found["ignored"])


def wait_counted(app: App, condition: Callable[[Object], bool]) -> Object:
    def counted() -> Object:
        found: Object = app.status["objects"]
        assert condition(found), found
        return found

    return wait_until(counted, SECONDS, "the counts")


def test_without_self_healing_additions_are_only_told(tidy: App) -> None:
    tidy.change({"sync": {"selfHeal": False}})
    tidy.wait_observed()
    mark = tidy.plane.audit_mark()
    tidy.live.patch("configmaps", "settings", {"data": {"extra": "x"}})
    tidy.wait_drift(("Added ConfigMap/settings", "data.extra"))
    tidy.change({"sync": {"selfHeal": True}})
    wait_until(lambda: "extra" not in tidy.live.data("settings"), SECONDS, "the addition to go")
    assert len(tidy.writes(mark)) == 1
