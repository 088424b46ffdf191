"""What holds back new commits: windows, GitSyncs that come first, retries; and how long a sync may take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.gitsyncs import SECONDS, App, Object, config_map, deployment, new_repository
from tests.testbed.installation import SYSTEM_NAMESPACE, Installation
from tests.testbed.waiting import wait_until


@pytest.fixture
def other(app: App, tmp_path: Path) -> Iterator[App]:
    """Another GitSync with a repository of its own; its objects go to the same namespace."""
    made = App(app.plane, app.live.namespace, new_repository(tmp_path))
    yield made
    made.delete()


def shut(*, manual: bool = False) -> Object:
    """A window that opens in two hours."""
    opens = datetime.now(UTC) + timedelta(hours=2)
    return {"schedule": f"{opens.minute} {opens.hour} * * *", "duration": "1h", "manual": manual}


def wait_held_back(app: App, reason: str, words: str) -> None:
    app.wait_failed(reason, words)
    assert app.condition("Ready")["status"] == "False"


def test_outside_of_its_windows_a_new_commit_waits_and_drift_is_restored(shop: App) -> None:
    shop.change({"sync": {"windows": [shut()]}})
    sha = shop.commit(config_map("settings", greeting="new"), deployment("web"))
    wait_held_back(
        shop, "OutsideWindow", rf"^{sha[:8]} is not applied: spec\.sync\.windows hold it back until 2.*: allow "
    )
    shop.live.patch("configmaps", "settings", {"data": {"greeting": "by hand"}})
    wait_until(lambda: shop.live.data("settings")["greeting"] == "hello", SECONDS, "the restore")
    always = {"schedule": "* * * * *", "duration": "1m"}
    shop.change({"sync": {"windows": [shut(), always]}})
    shop.wait_synced(sha)
    assert shop.live.data("settings") == {"greeting": "new"}


def test_what_a_person_asks_for_passes_a_window_only_if_that_says_so(shop: App, reconciler: Installation) -> None:
    shop.change({"sync": {"windows": [shut()]}})
    shop.wait_observed()
    sha = shop.commit(config_map("settings", greeting="new"), deployment("web"))
    done = reconciler.gitops("sync", shop.name, "-n", SYSTEM_NAMESPACE, check=False)
    assert done.returncode == 2
    assert "spec.sync.windows hold it back until" in done.stderr
    shop.change({"sync": {"windows": [shut(manual=True)]}})
    shop.wait_observed()
    assert f"synced {sha[:8]}" in reconciler.gitops("sync", shop.name, "-n", SYSTEM_NAMESPACE).stdout


def test_a_window_that_cannot_be_read_is_told_and_healing_goes_on(shop: App) -> None:
    shop.change({"sync": {"windows": [{"schedule": "0 25 * * *", "duration": "1h"}]}})
    shop.wait_failed("InvalidInput", r"spec\.sync\.windows\[0\]\.schedule: '25' is no hour: it is from 0 to 23$")
    assert shop.condition("Stalled")["status"] == "True"
    shop.live.delete("configmaps", "settings")
    wait_until(lambda: shop.live.data("settings"), SECONDS, "the restore")


def test_a_gitsync_waits_until_those_that_it_depends_on_are_ready(app: App, other: App) -> None:
    app.commit(config_map("app"))
    app.create(interval="1h", dependsOn=[{"name": other.name}])
    wait_held_back(app, "DependencyNotReady", f"there is no GitSync {SYSTEM_NAMESPACE}/{other.name}")
    wrong = config_map("platform")
    wrong["data"] = {"no good key": "x"}
    other.commit(wrong)
    other.create()
    other.wait_failed("SyncFailed", "platform")
    assert not app.live.data("app")
    other.wait_synced(other.commit(config_map("platform")))
    app.wait_ready()  # at once, however seldom it looks for new commits
    assert app.live.data("app") == {"key": "git"}


def test_gitsyncs_that_wait_for_each_other_say_so(app: App, other: App) -> None:
    for one, another in ((app, other), (other, app)):
        one.commit(config_map(one.name))
        one.create(dependsOn=[{"name": another.name}])
    mine, its = (f"{SYSTEM_NAMESPACE}/{one.name}" for one in (app, other))
    app.wait_failed("InvalidInput", f"^GitSyncs wait for each other in a circle: {mine} -> {its} -> {mine}")
    assert app.condition("Stalled")["status"] == "True"
    app.change({"dependsOn": None})
    app.wait_ready()
    other.wait_ready()


def test_after_its_last_retry_a_sync_waits_for_a_person(shop: App, reconciler: Installation) -> None:
    shop.change({"sync": {"retry": {"limit": 1, "backoff": {"duration": "100ms"}}}})
    shop.wait_observed()
    shop.commit(config_map("settings", greeting="hello", colour="red"), wrong_deployment())
    shop.wait_failed("RetriesExhausted", r"selector.*; tried 2 times, and not again \(mend it by a new commit")
    assert shop.condition("Stalled")["status"] == "True"
    mark = shop.plane.audit_mark()
    shop.live.delete("configmaps", "settings")
    wait_until(lambda: shop.live.data("settings"), SECONDS, "the restore")
    assert len([e for e in shop.plane.audit_events(since=mark) if is_try(shop, e)]) == 0
    done = reconciler.gitops("sync", shop.name, "-n", SYSTEM_NAMESPACE, check=False)
    assert "selector" in done.stderr
    shop.wait_synced(shop.commit(config_map("settings")))
    assert not shop.condition("Stalled")


def is_try(app: App, event: Object) -> bool:
    place = event["objectRef"]
    return bool(
        event["verb"] == "patch" and place["resource"] == "deployments" and place["namespace"] == app.live.namespace
    )


def wrong_deployment() -> Object:
    wrong = deployment("web")
    wrong["spec"]["selector"]["matchLabels"] = {"app": "another"}
    return wrong
