"""Options that subcommands share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kubectl_gitops.cli.options import NO_LIMIT_SECONDS, ClusterOptions
from kubectl_gitops.errors import InvalidInput
from tests.unit.cli.sample_commands import group

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: here
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts:
- {name: here, context: {cluster: c, user: u, namespace: shop}}
- {name: there, context: {cluster: c, user: u}}
"""

DEFAULTS: dict[str, Any] = {
    "name": None,
    "all": False,
    "output": "table",
    "kubeconfig": None,
    "context": None,
    "namespace": None,
    "as_user": None,
    "as_groups": [],
    "timeout_seconds": None,
}


def given(*args: str) -> Any:
    result = CliRunner().invoke(group(), ["options", *args])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    file = tmp_path / "config"
    file.write_text(KUBECONFIG)
    return file


@pytest.mark.parametrize(
    ("args", "changed"),
    [
        ([], {}),
        (["x"], {"name": "x"}),
        (["-A"], {"all": True}),
        (["--all-namespaces"], {"all": True}),
        (["-o", "json"], {"output": "json"}),
        (["-ojson"], {"output": "json"}),
        (["--output=json"], {"output": "json"}),
        (["-n", "shop"], {"namespace": "shop"}),
        (["--namespace=shop"], {"namespace": "shop"}),
        (["--context", "there"], {"context": "there"}),
        (["--kubeconfig", "some/file"], {"kubeconfig": "some/file"}),
        (["--as", "jane"], {"as_user": "jane"}),
        (["--as=jane", "--as-group=a", "--as-group=b"], {"as_user": "jane", "as_groups": ["a", "b"]}),
        (["--request-timeout", "10s"], {"timeout_seconds": 10.0}),
        (["--request-timeout=1m30s"], {"timeout_seconds": 90.0}),
        (["--request-timeout=250ms"], {"timeout_seconds": 0.25}),
        (["--request-timeout=5"], {"timeout_seconds": 5.0}),
        (["--request-timeout=0"], {"timeout_seconds": NO_LIMIT_SECONDS}),
        (["--request-timeout=0s"], {"timeout_seconds": NO_LIMIT_SECONDS}),
        (["--request-timeout=9999999h"], {"timeout_seconds": NO_LIMIT_SECONDS}),
    ],
)
def test_options_are_understood_as_kubectl_does(args: list[str], changed: dict[str, Any]) -> None:
    assert given(*args) == DEFAULTS | changed


def test_help_lists_the_common_options_after_the_command_s_own() -> None:
    help_text = CliRunner().invoke(group(), ["options", "-h"]).stdout
    names = ["-A", "-o", "-n", "--context", "--kubeconfig", "--as ", "--as-group", "--request-timeout", "-h"]
    places = [help_text.index(f"  {name}") for name in names]
    assert places == sorted(places)


def test_a_cluster_is_connected_as_the_options_say(kubeconfig: Path) -> None:
    cluster = ClusterOptions(kubeconfig=kubeconfig).connect()
    assert cluster.url == "https://127.0.0.1:1"
    assert cluster.timeout_seconds == 30.0
    assert ClusterOptions().namespace_or_default(cluster) == "shop"
    assert ClusterOptions(namespace="other").namespace_or_default(cluster) == "other"


def test_context_and_timeout_reach_the_connection(kubeconfig: Path) -> None:
    cluster = ClusterOptions(kubeconfig=kubeconfig, context="there", timeout_seconds=5.0).connect()
    assert cluster.timeout_seconds == 5.0
    assert cluster.default_namespace == "default"


def test_impersonation_reaches_the_connection(kubeconfig: Path) -> None:
    cluster = ClusterOptions(kubeconfig=kubeconfig, as_user="jane", as_groups=("a", "b")).connect()
    headers = cluster._headers("application/json")
    assert headers["Impersonate-User"] == "jane"
    assert headers.getlist("Impersonate-Group") == ["a", "b"]


def test_a_missing_kubeconfig_is_the_person_s_to_mend(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        ClusterOptions(kubeconfig=tmp_path / "none").connect()
