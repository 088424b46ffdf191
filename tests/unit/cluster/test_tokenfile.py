"""A token that is renewed in its file is sent from the next request on."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from kubernetes import client

from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.tokenfile import TokenFile
from tests.unit.cluster.fakeserver import Answer, FakeServer, serving


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("first\n")
    return path


def replace(token: Path, text: str) -> None:
    """As the kubelet does: a new file under the old name."""
    (token.parent / "new").write_text(text)
    (token.parent / "new").rename(token)


def test_while_there_is_no_file_or_an_empty_one_the_last_token_counts(token: Path) -> None:
    configuration = client.Configuration()
    refresh = TokenFile(token)
    refresh(configuration)
    replace(token, "")
    refresh(configuration)
    assert configuration.api_key["BearerToken"] == "Bearer first"
    token.unlink()
    refresh(configuration)
    assert configuration.api_key["BearerToken"] == "Bearer first"
    token.write_text("second")
    refresh(configuration)
    assert configuration.api_key["BearerToken"] == "Bearer second"


def test_a_kubeconfig_may_name_the_file_by_its_place_beside_it(token: Path) -> None:
    with serving(lambda _: Answer({})) as server:
        cluster = Cluster.from_kubeconfig(kubeconfig(token.parent, server.url, {"tokenFile": "token"}))
        assert authorization(cluster, server) == "Bearer first"
        replace(token, "second")
        assert authorization(cluster, server) == "Bearer second"


def test_a_token_in_the_kubeconfig_itself_counts_more(token: Path) -> None:
    with serving(lambda _: Answer({})) as server:
        user = {"tokenFile": "token", "token": "inline"}
        cluster = Cluster.from_kubeconfig(kubeconfig(token.parent, server.url, user))
        replace(token, "second")
        assert authorization(cluster, server) == "Bearer inline"


def kubeconfig(directory: Path, url: str, user: dict[str, str]) -> Path:
    path = directory / "kubeconfig"
    document = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "me"}}],
        "clusters": [{"name": "one", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": user}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def authorization(cluster: Cluster, server: FakeServer) -> str:
    """What the server is shown."""
    cluster.get("/")
    return {name.lower(): value for name, value in server.requests[-1].headers.items()}["authorization"]
