"""One file, environment variables and flags; mistakes are named before anything begins."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.reconciler.__main__ import run
from kubectl_gitops.reconciler.configuration import config_schema, parameter_of, read_config

PAGE = Path(__file__).parents[3] / "docs" / "operations.md"

WHOLE = """\
namespace: elsewhere
cacheDirectory: /var/cache/gitops
allowRemoteBases: true
allowFileRepositories: true
allowInsecureNotifications: true
limits: {files: 100}
metricsListen: "[::]:9000"
receiverListen: 127.0.0.1:9001
leaderElect: false
shards: 3
logLevel: warning
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def parameters(*args: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    """What the command would run with."""
    runner = CliRunner(env=env)
    with runner.isolation(env=env):
        return run.make_context("gitops-reconciler", list(args), auto_envvar_prefix="GITOPS_RECONCILER").params


def test_every_field_is_an_option(file: Path) -> None:
    file.write_text(WHOLE)
    assert parameters("--config", str(file)) == {
        "kubeconfig": None,
        "namespace": "elsewhere",
        "cache_directory": Path("/var/cache/gitops"),
        "allow_remote_bases": True,
        "allow_file_repositories": True,
        "allow_insecure_notifications": True,
        "limits": ("files=100",),
        "metrics_listen": "[::]:9000",
        "receiver_listen": "127.0.0.1:9001",
        "leader_elect": False,
        "shards": 3,
        "log_level": "warning",
    }
    options = {option.name for option in run.params if isinstance(option, click.Option)}
    assert options == {*map(parameter_of, config_schema()["properties"]), "config", "kubeconfig"}


def test_a_flag_counts_more_than_the_environment_and_that_more_than_the_file(file: Path) -> None:
    file.write_text("shards: 3\nnamespace: of-file\nlogLevel: error\n")
    env = {"GITOPS_RECONCILER_SHARDS": "4", "GITOPS_RECONCILER_NAMESPACE": "of-environment"}
    found = parameters("--config", str(file), "--shards", "5", env=env)
    assert (found["shards"], found["namespace"], found["log_level"]) == (5, "of-environment", "error")


def test_an_empty_file_says_nothing(file: Path) -> None:
    file.write_text("# nothing yet\n")
    assert read_config(file) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shards: 0\nlogLevel: loud\n", "logLevel: 'loud' is not one of .*; shards: 0 is less than the minimum"),
        ("shard: 2\n", r"the file: unknown field shard \(there is namespace, cacheDirectory"),
        ("- shards\n", "the file: .* is not of type 'object'"),
        ("limits: {files: many}\n", "limits.files: 'many' is not of type 'number'"),
        ("namespace: x\nshards: {\n", r"config.yaml:3: this is no YAML"),
    ],
)
def test_mistakes_are_named(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidInput, match=words):
        read_config(file)


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(InvalidInput, match=r"cannot read .*config\.yaml: No such file or directory"):
        read_config(file)


def test_the_page_lists_each_field_as_the_schema_does() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| `--[\w-]+` \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    assert rows == [(name, one["type"], one["description"]) for name, one in config_schema()["properties"].items()]
