"""The webhook's configuration: what others change in it is put back, and whoever deletes it is obeyed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.enforcement import WEBHOOK, Guarded, greet, registered, running_both
from tests.integration.gitsyncs import SECONDS, App, config_map, deployment, new_repository
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import WEBHOOK_CONFIGURATION, WEBHOOK_REGISTERED, Installation
from tests.testbed.waiting import wait_until

CONFIGURATION = ("validatingwebhookconfiguration", WEBHOOK_CONFIGURATION)


@pytest.fixture(scope="module")
def both(control_plane: ControlPlane) -> Iterator[Installation]:
    with running_both(control_plane) as installation:
        yield installation


@pytest.fixture
def shop(control_plane: ControlPlane, both: Installation, namespace: str, tmp_path: Path) -> Iterator[Guarded]:
    app = App(control_plane, namespace, new_repository(tmp_path))
    made = Guarded(app, both)
    made.create()
    yield made
    app.delete()


def resources(shop: Guarded) -> set[str]:
    """Those that the API server asks about."""
    document = json.loads(shop.plane.kubectl("get", *CONFIGURATION, "-o", "json").stdout)
    hooks = {hook["name"]: hook for hook in document["webhooks"]}
    return {name for rule in hooks["managed.kubectl-gitops.dev"]["rules"] for name in rule["resources"]}


@pytest.mark.parametrize(
    "patch",
    [
        [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Fail"}],
        [{"op": "remove", "path": "/webhooks/0/matchConditions"}],
        [{"op": "replace", "path": "/webhooks/0/rules/0/operations", "value": ["CREATE"]}],
        [{"op": "replace", "path": "/webhooks", "value": []}],
    ],
    ids=["failurePolicy", "matchConditions", "rules", "all"],
)
def test_what_others_change_is_put_back(shop: Guarded, patch: list[dict[str, object]]) -> None:
    def hooks() -> object:
        return json.loads(shop.plane.kubectl("get", *CONFIGURATION, "-o", "json").stdout).get("webhooks")

    before = hooks()
    shop.plane.kubectl("patch", *CONFIGURATION, "--type=json", "-p", json.dumps(patch))
    wait_until(lambda: hooks() == before, SECONDS, "it to be put back")


def test_rules_follow_the_kinds_in_use(shop: Guarded) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "shop"}}
    shop.app.commit(config_map("settings", greeting="hello"), deployment("web"), account)
    wait_until(lambda: "serviceaccounts" in resources(shop), SECONDS, "a rule for the new kind")
    shop.app.commit(config_map("settings", greeting="hello"))
    wait_until(lambda: resources(shop) == {"configmaps"}, SECONDS, "stale rules to go")


def test_a_person_who_deletes_it_is_rid_of_it_until_they_say_otherwise(shop: Guarded, both: Installation) -> None:
    shop.refused(*greet("bye"), by=WEBHOOK)
    shop.plane.kubectl("delete", *CONFIGURATION)
    shop.wait_allowed(*greet("bye"))

    def said() -> int:
        return both.log("webhook", lines=1000).count("somebody has deleted")

    wait_until(said, SECONDS, "the webhook to say so")
    before = said()
    # Neither a new kind nor a restart brings it back.
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "shop"}}
    sha = shop.app.commit(config_map("settings", greeting="hello"), deployment("web"), account)
    shop.app.wait_synced(sha)
    both.stop_webhook()
    both.start_webhook()
    wait_until(lambda: said() > before, SECONDS, "the next one to say so")
    assert not registered(shop.plane)()
    shop.plane.kubectl("delete", "configmap", WEBHOOK_REGISTERED, "-n", "gitops-system")
    wait_until(registered(shop.plane), SECONDS, "it to register again")
    shop.refused(*greet("bye"), by=WEBHOOK)


def test_install_brings_it_back(shop: Guarded, both: Installation) -> None:
    shop.plane.kubectl("delete", *CONFIGURATION)
    shop.wait_allowed(*greet("bye"))
    assert (
        "the webhook, whose configuration was deleted, will register again"
        in both.gitops("install", "--no-pods").stdout
    )
    wait_until(registered(shop.plane), SECONDS, "it to register again")
