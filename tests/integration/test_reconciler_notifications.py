"""Notifications to chat and webhooks, from a running reconciler."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.gitsyncs import SECONDS, App, config_map, secret
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import Installation
from tests.testbed.waiting import wait_until
from tests.unit.reconciler.test_outgoing import Got, listening


@pytest.fixture(scope="module")
def reconciler(control_plane: ControlPlane) -> Iterator[Installation]:
    with Installation(control_plane) as installation:
        installation.gitops("install", "--no-pods")
        installation.start_reconciler("--allow-insecure-notifications")
        yield installation
        assert installation.stop_reconciler() == 0
        log = installation.log("reconciler", lines=100_000)
        assert "Traceback" not in log, log
        assert "hook-path" not in log


@pytest.fixture
def inbox() -> Iterator[tuple[str, Got]]:
    with listening() as (port, got):
        yield f"http://127.0.0.1:{port}/hook-path", got


def wait_letter(got: Got, words: str) -> tuple[dict[str, str], bytes]:
    def found() -> tuple[dict[str, str], bytes] | None:
        return next(((headers, body) for _, headers, body in got if words in body.decode()), None)

    letter = wait_until(found, SECONDS, f"a notification with {words!r}")
    assert letter is not None
    return letter


def notify(app: App, kind: str, address: str, *on: str, **data: str) -> None:
    name = f"{app.name}-chat"
    app.plane.request("POST", f"/api/v1/namespaces/{app.namespace}/secrets", secret(name, address=address, **data))
    app.change({"notifications": [{"type": kind, "secretRef": {"name": name}, "on": list(on)}]})
    app.wait_observed()


def test_what_is_asked_for_is_sent_signed_and_nothing_else(shop: App, inbox: tuple[str, Got]) -> None:
    address, got = inbox
    notify(shop, "Generic", address, "SyncFailed", "DriftFound", token="shared")
    shop.change({"sync": {"selfHeal": False}})
    shop.wait_observed()
    shop.live.patch("configmaps", "settings", {"data": {"greeting": "by hand"}})
    headers, body = wait_letter(got, "DriftFound")
    letter: dict[str, Any] = json.loads(body)
    assert letter["gitsync"] == {"namespace": shop.namespace, "name": shop.name}
    assert letter["severity"] == "warning"
    assert "ConfigMap/settings data.greeting" in letter["message"]
    assert b"by hand" not in body
    assert headers["X-Signature"] == "sha256=" + hmac.new(b"shared", body, hashlib.sha256).hexdigest()
    shop.commit(config_map("settings"), bad="kind: {")
    wait_letter(got, "SyncFailed")
    assert {json.loads(body)["reason"] for _, _, body in got} == {"DriftFound", "SyncFailed"}


def test_slack_gets_a_text(shop: App, inbox: tuple[str, Got]) -> None:
    address, got = inbox
    notify(shop, "Slack", address, "SyncFailed")
    shop.commit(config_map("settings"), bad="kind: {")
    _, body = wait_letter(got, "SyncFailed")
    assert json.loads(body)["text"].startswith(f":warning: *SyncFailed* GitSync {shop.namespace}/{shop.name}: ")


@pytest.mark.parametrize(
    ("kind", "path", "header", "well", "bad"),
    [
        ("GitHub", "/repos/{}/statuses/{}", ("Authorization", "Bearer t0ken"), "success", "failure"),
        ("GitLab", "/projects/{}/statuses/{}", ("PRIVATE-TOKEN", "t0ken"), "success", "failed"),
        ("Gitea", "/repos/{}/statuses/{}", ("Authorization", "token t0ken"), "success", "failure"),
    ],
)
def test_what_becomes_of_a_commit_is_told_to_where_it_came_from(
    shop: App,
    inbox: tuple[str, Got],
    reconciler: Installation,
    kind: str,
    path: str,
    header: tuple[str, str],
    well: str,
    bad: str,
) -> None:
    address, got = inbox
    notify(shop, kind, address, "Synced", "SyncFailed", "DriftFound", token="t0ken")
    good = shop.commit(config_map("settings", key="new"))
    shop.wait_synced(good)
    headers, body = wait_letter(got, "Synced")
    assert json.loads(body)["state"] == well
    assert header in headers.items()
    broken = shop.commit(config_map("settings"), bad="kind: {")
    _, body = wait_letter(got, "SyncFailed")
    assert json.loads(body)["state"] == bad
    repository = str(shop.repository.path)[1:]
    repository = quote(repository, safe="") if kind == "GitLab" else repository
    told = [where for where, _, body in got if b"SyncFailed" in body or b"Synced" in body]
    assert [where.removeprefix("/hook-path") for where in told][:2] == [
        path.format(repository, sha) for sha in (good, broken)
    ]
    name = f"kubectl-gitops/{shop.namespace}/{shop.name}"
    assert json.loads(body)["name" if kind == "GitLab" else "context"] == name
    assert "t0ken" not in reconciler.log("reconciler", lines=100_000)


def test_while_git_cannot_be_reached_the_last_commit_keeps_its_status(shop: App, inbox: tuple[str, Got]) -> None:
    address, got = inbox
    notify(shop, "GitHub", address, "Synced", "SyncFailed", token="t0ken")
    with shop.git_unreachable():
        shop.wait_failed("SourceError", "")
    sha = shop.commit(config_map("settings", key="new"))
    wait_letter(got, "Synced")
    assert {(where.rpartition("/")[2], json.loads(body)["state"]) for where, _, body in got} == {(sha, "success")}


def test_who_cannot_be_reached_holds_up_nothing(shop: App, reconciler: Installation) -> None:
    notify(shop, "Slack", "http://127.0.0.1:9/hook-path", "Restored")
    shop.live.delete("configmaps", "settings")
    wait_until(lambda: shop.live.data("settings"), SECONDS, "the restore")
    shop.live.delete("configmaps", "settings")
    wait_until(lambda: shop.live.data("settings"), SECONDS, "the next restore")
    wait_until(
        lambda: reconciler.reconciler_metric("gitops_reconciler_notifications_total", type="Slack", result="failed"),
        SECONDS,
        "that to be counted",
    )
