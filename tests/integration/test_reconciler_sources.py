"""The reconciler and repositories that ask for credentials, and GitSyncs that ask for signatures."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gitsyncs import SECONDS, App, config_map, new_repository, secret
from tests.testbed.controlplane import ControlPlane
from tests.testbed.gitserver import GitServer, basic, serving
from tests.testbed.installation import Installation
from tests.testbed.pki import Authority
from tests.testbed.sshserver import new_key
from tests.testbed.waiting import wait_until

AUTHORITY = Authority()
CREDENTIALS = {"username": "jane", "password": "s3cret-password", "ca.crt": AUTHORITY.pem}


@pytest.fixture
def tenant(control_plane: ControlPlane, reconciler: Installation, namespace: str, tmp_path: Path) -> Iterator[App]:
    """A GitSync in a namespace of its own, whose account may write ConfigMaps there."""
    made = App(control_plane, namespace, new_repository(tmp_path), namespace=namespace)
    kubectl = control_plane.kubectl
    kubectl("create", "serviceaccount", "deployer", "-n", namespace)
    kubectl("create", "role", "deployer", "-n", namespace, "--verb=*", "--resource=configmaps")
    account = f"--serviceaccount={namespace}:deployer"
    kubectl("create", "rolebinding", "deployer", "-n", namespace, "--role=deployer", account)
    yield made
    made.delete()


@pytest.fixture
def server(tenant: App) -> Iterator[GitServer]:
    """Serves the tenant's repository to Jane."""
    root = tenant.repository.path.parent
    with serving(GitServer(root=root, authority=AUTHORITY, authorization=basic("jane", "s3cret-password"))) as server:
        yield server


def follow(tenant: App, server: GitServer, **source: Any) -> None:
    url = f"{server.url}/{tenant.repository.path.name}"
    given = {"repoURL": url, "interval": "300ms", "revision": "main", "secretRef": {"name": "git"}, **source}
    tenant.create(serviceAccountName="deployer", source=given)


def let_read(tenant: App, *names: str) -> None:
    """The account may read these Secrets."""
    kubectl, namespace = tenant.plane.kubectl, tenant.namespace
    named = [f"--resource-name={name}" for name in names]
    kubectl("create", "role", "read-git", "-n", namespace, "--verb=get", "--resource=secrets", *named)
    account = f"--serviceaccount={namespace}:deployer"
    kubectl("create", "rolebinding", "read-git", "-n", namespace, "--role=read-git", account)


def test_a_private_repository_is_synced_with_the_secret_that_the_account_may_read(
    tenant: App, server: GitServer, reconciler: Installation
) -> None:
    sha = tenant.commit(config_map("settings"))
    follow(tenant, server)
    words = tenant.wait_failed("Forbidden", r"cannot get resource \"secrets\"")["message"]
    assert f"Secret {tenant.namespace}/git, which spec.source.secretRef names, cannot be read" in words
    assert "bind deployer to a Role with the verb get on secrets, resourceNames [git]" in words
    let_read(tenant, "git")
    tenant.wait_failed("SourceError", f"^there is no Secret {tenant.namespace}/git, which spec.source.secretRef names$")
    assert server.received == []
    mark = tenant.plane.audit_mark()
    tenant.live.create("secrets", secret("git", **CREDENTIALS))
    tenant.wait_synced(sha)
    assert tenant.live.data("settings") == {"key": "git"}
    readers = {
        event["impersonatedUser"]["username"]
        for event in tenant.plane.audit_events(since=mark)
        if event.get("objectRef", {}).get("resource") == "secrets"
        and event["objectRef"].get("namespace") == tenant.namespace
        and event["verb"] == "get"
        and "impersonatedUser" in event
    }
    assert readers == {f"system:serviceaccount:{tenant.namespace}:deployer"}
    assert "s3cret" not in reconciler.log("reconciler", lines=100_000) + str(tenant.get())


def test_credentials_that_are_changed_count_at_once(tenant: App, server: GitServer) -> None:
    tenant.commit(config_map("settings"))
    let_read(tenant, "git")
    tenant.live.create("secrets", secret("git", **CREDENTIALS | {"password": "s3cret-wrong"}))
    follow(tenant, server)
    words = tenant.wait_failed("SourceError", "Authentication failed")["message"]
    assert f"the credentials are wrong or have expired (Secret {tenant.namespace}/git)" in words
    assert "s3cret" not in words
    tenant.live.patch("secrets", "git", {"stringData": {"password": "s3cret-password"}})
    tenant.wait_ready()
    server.authorization = basic("jane", "s3cret-next")
    tenant.wait_failed("SourceError", "Authentication failed")
    tenant.live.patch("secrets", "git", {"stringData": {"password": "s3cret-next"}})
    tenant.wait_synced(tenant.commit(config_map("settings", colour="red")))


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen on this machine")
def test_a_commit_that_is_not_signed_is_never_applied(tenant: App, server: GitServer, tmp_path: Path) -> None:
    jane, mallory = new_key(tmp_path / "jane"), new_key(tmp_path / "mallory")
    let_read(tenant, "git", "signers")
    tenant.live.create("secrets", secret("git", **CREDENTIALS))
    tenant.live.create("secrets", secret("signers", allowed_signers=f"jane@shop.example {jane.public}"))

    def sign(key_file: Path) -> str:
        options = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={key_file}")
        tenant.repository.git(*options, "commit", "--quiet", "--allow-empty", "--gpg-sign", "--message", "signed")
        return tenant.repository.git("rev-parse", "HEAD")

    unsigned = tenant.commit(config_map("settings", colour="red"))
    follow(tenant, server, verify={"mode": "Range", "secretRef": {"name": "signers"}})
    tenant.wait_failed("Unverified", rf"^commit {unsigned[:8]} by Jane Doe \(change\) is not signed \(have it signed")
    assert tenant.live.names("configmaps") == set()
    signed = sign(jane.file)
    tenant.wait_synced(signed)
    assert tenant.live.data("settings") == {"colour": "red"}
    hidden = tenant.commit(config_map("settings", colour="black"))
    sign(jane.file)
    tenant.wait_failed("Unverified", f"^commit {hidden[:8]} .* is not signed")
    tenant.repository.git("reset", "--quiet", "--hard", signed)
    wrong = sign(mallory.file)
    tenant.wait_failed(
        "Unverified", f"^commit {wrong[:8]} .* is signed with the SSH key SHA256:.*, which is not allowed"
    )
    assert tenant.live.data("settings") == {"colour": "red"}
    # What was synced goes on being restored.
    tenant.live.patch("configmaps", "settings", {"data": {"colour": "black"}})
    wait_until(lambda: tenant.live.data("settings") == {"colour": "red"}, SECONDS, "the restore")


def test_the_newest_version_in_a_range_is_followed(tenant: App, server: GitServer) -> None:
    let_read(tenant, "git")
    tenant.live.create("secrets", secret("git", **CREDENTIALS))
    first = tenant.commit(config_map("settings", version="1.2.0"))
    tenant.repository.git("tag", "v1.2.0")
    tenant.commit(config_map("settings", version="2.0.0"))
    tenant.repository.git("tag", "v2.0.0")
    follow(tenant, server, revision=">=1.2 <2")
    tenant.wait_synced(first)
    newer = tenant.commit(config_map("settings", version="1.3.0"))
    tenant.repository.git("tag", "v1.3.0")
    tenant.wait_synced(newer)
    assert tenant.live.data("settings") == {"version": "1.3.0"}


def test_a_branch_that_is_gone_is_said_to_be_and_nothing_is_pruned(tenant: App, server: GitServer) -> None:
    let_read(tenant, "git")
    tenant.live.create("secrets", secret("git", **CREDENTIALS))
    sha = tenant.commit(config_map("settings"))
    tenant.repository.git("branch", "live")
    follow(tenant, server, revision="live")
    tenant.wait_synced(sha)
    tenant.repository.git("branch", "--delete", "--force", "live")
    tenant.wait_failed("SourceError", f"^branch 'live' is gone from {server.url}/.*; it was last seen at {sha[:8]}")
    assert tenant.live.names("configmaps") == {"settings"}
