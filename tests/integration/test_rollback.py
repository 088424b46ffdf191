"""Rolling back to a kept snapshot, with Git and without, and following Git again."""

from __future__ import annotations

import json
import shutil
from base64 import b64decode
from pathlib import Path

import pytest

from tests.integration.commandline import CommandLine
from tests.integration.gitsyncs import SECONDS, App, config_map, deployment, secret
from tests.integration.manifests import SETTINGS
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import Installation
from tests.testbed.waiting import wait_until

SYSTEM = ("-n", "gitops-system")


@pytest.fixture
def gitops(control_plane: ControlPlane, tmp_path: Path) -> CommandLine:
    return CommandLine(control_plane, tmp_path)


def password(app: App) -> str:
    return b64decode(app.live.get("secrets", "login")["data"]["password"]).decode()


@pytest.fixture
def changed(app: App) -> App:
    """A GitSync with two commits synced: the second changes two objects, brings one more, and drops another."""
    first = app.commit(config_map("settings", colour="red"), config_map("old"), secret("login", password="first"))
    app.create()
    app.wait_synced(first)
    second = app.commit(
        config_map("settings", colour="blue"),
        secret("login", password="second"),
        deployment("web", "example.com/web:2"),
    )
    app.wait_synced(second)
    return app


def rows(gitops: CommandLine, app: App) -> list[dict[str, object]]:
    items: list[dict[str, object]] = json.loads(gitops.ok("history", app.name, *SYSTEM, "-o", "json"))["items"]
    return items


def test_history_tells_what_each_sync_did_and_what_can_be_rolled_back_to(changed: App, gitops: CommandLine) -> None:
    now, before = rows(gitops, changed)
    assert (now["counts"], now["objects"], before["counts"], before["objects"]) == (True, 3, False, 3)
    assert [now[name] for name in ("result", "created", "changed", "pruned", "failed")] == ["Synced", 1, 2, 1, 0]
    assert [before[name] for name in ("author", "message", "created")] == ["Jane Doe", "change", 3]
    head, *lines = gitops.ok("history", changed.name, *SYSTEM).splitlines()
    assert head.split()[:5] == ["ID", "WHEN", "RESULT", "REVISION", "CHANGES"]
    assert [line.split()[0] for line in lines] == [str(now["id"]), str(before["id"])]
    assert "+1 ~2 -1 !0" in lines[0]


def test_history_tells_who_asked_and_what_failed_once(changed: App, gitops: CommandLine) -> None:
    changed.change({"sync": {"automated": False}})
    changed.wait_observed()
    sha = changed.commit(config_map("settings", colour="green"))
    gitops.ok("sync", changed.name, *SYSTEM)
    newest, *older = rows(gitops, changed)
    assert (newest["revision"], newest["requestedBy"], newest["result"]) == (sha, "admin", "Synced")
    assert "requestedBy" not in older[0]
    changed.change({"sync": {"automated": True}})
    bad = changed.commit(config_map("settings", colour="green"), config_map("Not_A_Name"))
    changed.wait_failed("SyncFailed", "Not_A_Name")
    sha = changed.commit(config_map("settings", colour="red"))
    changed.wait_synced(sha)
    found = [(row["revision"], row["result"]) for row in rows(gitops, changed)]
    assert found.count((bad, "Failed")) == 1
    assert (sha, "Synced") in found


def test_it_goes_back_stays_there_and_is_what_counts_until_it_is_resumed(changed: App, gitops: CommandLine) -> None:
    second, first = (str(row["revision"]) for row in rows(gitops, changed))
    said = gitops.ok("rollback", changed.name, *SYSTEM, "--reason", "INC-42")
    assert f"rolled back to {first[:8]} (snapshot " in said
    assert "asked for by admin: INC-42; new commits wait until it is resumed\n" in said
    assert said.endswith(f"to follow Git again: kubectl gitops resume {changed.name} -n gitops-system\n")
    assert changed.live.data("settings") == {"colour": "red"}
    assert changed.live.names("configmaps") == {"settings", "old"}
    assert changed.live.find("apps/v1/deployments", "web") is None
    assert password(changed) == "first"  # Git still gives the very value
    status = changed.wait_ready()
    assert f"{changed.name}: RolledBack: rolled back to {first[:8]}" in gitops.ok("status", changed.name, *SYSTEM)
    assert status["synced"]["revision"] == first
    # What is restored now is what was rolled back to, and new commits wait.
    third = changed.commit(config_map("settings", colour="green"))
    changed.live.patch("configmaps", "settings", {"data": {"colour": "by hand"}})
    wait_until(lambda: changed.live.data("settings") == {"colour": "red"}, SECONDS, "the restore")
    assert gitops("drift", changed.name, *SYSTEM).returncode == 0
    assert changed.condition("Synced")["reason"] == "RolledBack"
    assert "its rollback to snapshot" in gitops.ok("resume", changed.name, *SYSTEM)
    changed.wait_synced(third)
    assert changed.live.data("settings") == {"colour": "green"}
    # The commit that was left is one that can be named.
    assert f"rolled back to {second[:8]}" in gitops.ok("rollback", changed.name, second[:8], *SYSTEM)
    assert changed.live.find("apps/v1/deployments", "web")


def test_without_git_all_but_values_of_secrets_goes_back(
    changed: App, gitops: CommandLine, reconciler: Installation
) -> None:
    assert reconciler.stop_reconciler() == 0
    shutil.rmtree(Path(reconciler.reconciler_command()[4]))
    with changed.git_unreachable():
        reconciler.start_reconciler()
        said = gitops.ok("rollback", changed.name, *SYSTEM)
        where = f"in namespace {changed.live.namespace}"
        assert f"left as they are, because their values are only in Git: Secret/login {where}\n" in said
        assert "second" not in said
        assert changed.live.data("settings") == {"colour": "red"}
        assert changed.live.names("configmaps") == {"settings", "old"}
        assert password(changed) == "second"
        changed.wait_ready()
    gitops.ok("resume", changed.name, *SYSTEM)
    wait_until(lambda: changed.live.data("settings") == {"colour": "blue"}, SECONDS, "the head again")


def test_sync_ends_a_rollback_too(changed: App, gitops: CommandLine) -> None:
    gitops.ok("rollback", changed.name, *SYSTEM)
    done = gitops("sync", changed.name, *SYSTEM)
    assert (done.returncode, "the rollback to snapshot" in done.stderr) == (0, True)
    assert changed.live.data("settings") == {"colour": "blue"}
    assert "rollback" not in changed.get()["spec"]


def test_where_drift_is_only_reported_a_restart_does_not_overwrite_it(
    changed: App, gitops: CommandLine, reconciler: Installation
) -> None:
    changed.change({"sync": {"selfHeal": False}})
    changed.wait_observed()
    gitops.ok("rollback", changed.name, *SYSTEM)
    changed.live.patch("configmaps", "settings", {"data": {"colour": "by hand"}})
    changed.wait_drift(("Modified ConfigMap/settings", "data.colour"))
    assert reconciler.stop_reconciler() == 0
    changed.live.patch("configmaps", "old", {"data": {"key": "by hand"}})
    reconciler.start_reconciler()
    changed.wait_drift(("Modified ConfigMap/old", "data.key"), ("Modified ConfigMap/settings", "data.colour"))
    assert changed.live.data("settings") == {"colour": "by hand"}


def test_what_is_not_kept_cannot_be_rolled_back_to(changed: App, gitops: CommandLine) -> None:
    refused = gitops.refused("rollback", changed.name, "12345", *SYSTEM)
    assert refused.error == f"of GitSync gitops-system/{changed.name} no snapshot 12345 is kept"
    assert refused.hint == f"kubectl gitops history {changed.name} -n gitops-system lists those that are kept"
    changed.change({"rollback": {"snapshot": 12345}})
    changed.wait_failed("InvalidInput", "there is no snapshot 12345")
    assert changed.live.data("settings") == {"colour": "blue"}


def test_history_of_a_directory(gitops: CommandLine, namespace: str) -> None:
    gitops.write({"shop/settings.yaml": SETTINGS})
    gitops.ok("sync", "-f", "shop", "-n", namespace)
    (row,) = json.loads(gitops.ok("history", "shop", "-n", namespace, "-o", "json"))["items"]
    assert (row["objects"], row["revision"]) == (1, None)
