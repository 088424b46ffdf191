"""Push events: a new commit is there at once, and strangers learn nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from tests.integration.gitsyncs import SECONDS, App, config_map, new_repository, secret
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import Installation
from tests.testbed.waiting import wait_until

TOKEN = "correct horse battery staple"
FLAGS = ("--receiver-listen", "127.0.0.1:0")
BODY = b'{"ref": "refs/heads/main"}'


@pytest.fixture(scope="module")
def reconciler(control_plane: ControlPlane) -> Iterator[Installation]:
    with Installation(control_plane) as installation:
        installation.gitops("install", "--no-pods")
        installation.start_reconciler(*FLAGS)
        yield installation
        assert installation.stop_reconciler() == 0
        log = installation.log("reconciler", lines=100_000)
        assert "Traceback" not in log, log
        assert TOKEN not in log


def receiver(replica: Installation) -> str:
    def told() -> str:
        lines = [line for line in replica.log("reconciler", 100_000).splitlines() if '"receiver"' in line]
        assert lines
        return f"http://{json.loads(lines[-1])['receiver']}"

    return wait_until(told, SECONDS, "the receiver's address")


def digest(body: bytes = BODY) -> str:
    return hmac.new(TOKEN.encode(), body, hashlib.sha256).hexdigest()


def send(url: str, app: App | str, headers: dict[str, str], body: bytes = BODY) -> tuple[int, bytes]:
    path = app if isinstance(app, str) else f"/hooks/{app.namespace}/{app.name}"
    answer = urllib3.request("POST", f"{url}{path}", body=body, headers=headers, retries=False, timeout=20)
    return answer.status, answer.data


@pytest.fixture
def app(control_plane: ControlPlane, reconciler: Installation, namespace: str, tmp_path: Path) -> Iterator[App]:
    """A GitSync that polls once an hour, and has synced a ConfigMap."""
    made = App(control_plane, namespace, new_repository(tmp_path))
    made.commit(config_map("settings"))
    made.create(interval="1h")
    made.wait_ready()
    yield made
    made.delete()


def receive(app: App, provider: str) -> None:
    name = f"{app.name}-hook"
    app.plane.request("POST", f"/api/v1/namespaces/{app.namespace}/secrets", secret(name, token=TOKEN))
    app.change({"source": {"receiver": {"provider": provider, "secretRef": {"name": name}}}})
    app.wait_observed()


@pytest.mark.parametrize(
    ("provider", "header", "value"),
    [
        ("GitHub", "X-Hub-Signature-256", f"sha256={digest()}"),
        ("GitLab", "X-Gitlab-Token", TOKEN),
        ("Gitea", "X-Gitea-Signature", digest()),
        ("Bitbucket", "X-Hub-Signature", f"sha256={digest()}"),
        ("Generic", "X-Signature", f"sha256={digest()}"),
    ],
)
def test_after_a_push_event_a_new_commit_is_synced_without_waiting_for_the_poll(
    app: App, reconciler: Installation, provider: str, header: str, value: str
) -> None:
    receive(app, provider)
    sha = app.commit(config_map("settings", key="pushed"))
    assert send(receiver(reconciler), app, {header: value}) == (202, b"accepted\n")
    app.wait_synced(sha)
    assert app.live.data("settings") == {"key": "pushed"}


def test_what_is_not_proven_is_answered_alike_and_does_nothing(app: App, reconciler: Installation) -> None:
    url, good = receiver(reconciler), {"X-Hub-Signature-256": f"sha256={digest()}"}
    refused = (404, b"not found\n")
    assert send(url, app, good) == refused  # it has no receiver yet
    receive(app, "GitHub")
    synced = app.status["synced"]
    app.commit(config_map("settings", key="not pushed"))
    assert send(url, app, {"X-Hub-Signature-256": f"sha256={digest(b'other')}"}) == refused
    assert send(url, app, {"X-Gitlab-Token": TOKEN}) == refused
    assert send(url, app, {}) == refused
    assert send(url, f"/hooks/{app.namespace}/no-such-gitsync", good) == refused
    assert send(url, "/hooks/no-such-namespace/shop", good) == refused
    assert send(url, f"/hooks/{app.namespace}/..%2f..%2fsecrets", good) == refused
    assert send(url, "/metrics", good) == refused
    assert urllib3.request("GET", f"{url}/hooks/{app.namespace}/{app.name}", retries=False).status == 404
    app.plane.request("DELETE", f"/api/v1/namespaces/{app.namespace}/secrets/{app.name}-hook")
    assert send(url, app, good) == refused
    # Healing, a turn of its own, shows that none was given to the commit meanwhile.
    app.live.delete("configmaps", "settings")
    wait_until(lambda: app.live.data("settings"), SECONDS, "the restore")
    assert app.live.data("settings") == {"key": "git"}
    assert app.status["synced"] == synced


def test_what_is_too_large_or_of_unknown_length_is_not_read(app: App, reconciler: Installation) -> None:
    url = receiver(reconciler)
    too_large = {"Content-Length": str((25 << 20) + 1)}
    assert send(url, app, too_large)[0] == 413
    assert send(url, app, {"Content-Length": "-1"})[0] in {400, 411}


def test_who_sends_too_many_is_told_so(app: App, reconciler: Installation) -> None:
    url = receiver(reconciler)
    answers = [send(url, app, {})[0] for _ in range(40)]
    assert set(answers) == {404, 429}


def test_a_replica_that_is_not_in_charge_passes_it_on(app: App, reconciler: Installation) -> None:
    receive(app, "Generic")
    with Installation(app.plane) as other:
        other.start_reconciler(*FLAGS)
        url = receiver(other)
        wait_until(lambda: other.ask_reconciler("/readyz")[0] == 200, SECONDS, "the other to be ready")
        assert not other.reconciler_metric("gitops_reconciler_leading", shard="0")
        sha = app.commit(config_map("settings", key="passed on"))
        assert send(url, app, {"X-Signature": f"sha256={digest()}"})[0] == 202
        app.wait_synced(sha)
        assert other.stop_reconciler() == 0


def test_a_tenant_cannot_use_a_secret_that_its_account_may_not_read(
    control_plane: ControlPlane, reconciler: Installation, namespace: str, tmp_path: Path
) -> None:
    tenant = App(control_plane, namespace, new_repository(tmp_path), namespace=namespace)
    try:
        tenant.commit(config_map("settings"))
        control_plane.kubectl("create", "serviceaccount", "deployer", "-n", namespace)
        tenant.create(serviceAccountName="deployer")
        tenant.wait_failed("SyncFailed", "forbidden")
        receive(tenant, "Generic")
        assert send(receiver(reconciler), tenant, {"X-Signature": f"sha256={digest()}"})[0] == 404
        wait_until(
            lambda: f"push event for GitSync {namespace}/" in reconciler.log("reconciler", 1000), SECONDS, "the reason"
        )
    finally:
        tenant.delete()
