"""What is wrong with a kubeconfig is told in words."""

from __future__ import annotations

import logging
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.errors import InvalidInput, Unauthorized

Change = Callable[[dict[str, Any]], Any]


def kubeconfig() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "shop"}},
            {"name": "there", "context": {"cluster": "c", "user": "u"}},
        ],
    }


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("config")


def refused(file: Path, context: str | None = None) -> str:
    with pytest.raises(InvalidInput) as caught:
        Cluster.from_kubeconfig(file, context=context)
    assert caught.value.hint
    assert str(caught.value).startswith("no cluster: ")
    return str(caught.value).removeprefix("no cluster: ")


def test_the_context_s_namespace_or_default(file: Path) -> None:
    file.write_text(yaml.safe_dump(kubeconfig()))
    assert Cluster.from_kubeconfig(file).default_namespace == "shop"
    assert Cluster.from_kubeconfig(file, context="there").default_namespace == "default"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "config is empty"),
        ("just text", "config is no kubeconfig"),
        ("- a\n- b\n", "config is no kubeconfig"),
        ("clusters: [}\n", "config:1:12: this is no YAML: did not find expected node content"),
        ("clusters: \x00\n", "config: this is no YAML: "),
        ("{}", "no context is chosen in config (there is none)"),
        ("contexts: 5\ncurrent-context: x", "no context 'x' in config (there is none)"),
    ],
)
def test_text_that_is_no_kubeconfig(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    assert refused(file).startswith(words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.pop("current-context"), "no context is chosen in config (there is here, there)"),
        (lambda c: c.update({"current-context": "x"}), "no context 'x' in config (there is here, there)"),
        (lambda c: c.pop("clusters"), "context 'here' names the cluster 'c', which is not in config"),
        (lambda c: c.pop("users"), "context 'here' names the user 'u', who is not in config"),
        (
            lambda c: c["clusters"][0].update(cluster={"server": "127.0.0.1:1"}),
            "the server of cluster 'c' in config is '127.0.0.1:1', and no https:// URL",
        ),
        (
            lambda c: c["users"][0].update(user={"client-certificate": "none.crt", "client-key": "none.key"}),
            "config: File does not exist: ",
        ),
    ],
)
def test_what_is_missing_in_a_kubeconfig(file: Path, change: Change, words: str) -> None:
    document = kubeconfig()
    change(document)
    file.write_text(yaml.safe_dump(document))
    assert refused(file).startswith(words)


def test_a_file_that_cannot_be_read(file: Path) -> None:
    assert refused(file) == "there is no kubeconfig at config"
    file.mkdir()
    assert refused(file) == "cannot read config: Is a directory"


def test_a_context_that_was_asked_for_and_is_not_there(file: Path) -> None:
    file.write_text(yaml.safe_dump(kubeconfig()))
    assert refused(file, context="prod") == "no context 'prod' in config (there is here, there)"


def test_several_files_are_one_and_those_that_are_missing_count_for_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = kubeconfig()
    users = {"users": document.pop("users")}
    Path("one").write_text(yaml.safe_dump(document))
    Path("other").write_text(yaml.safe_dump(users))
    monkeypatch.setenv("KUBECONFIG", "none:one:other")
    assert Cluster.from_kubeconfig().default_namespace == "shop"
    monkeypatch.setenv("KUBECONFIG", "none:nothing")
    with pytest.raises(InvalidInput, match=r"^no cluster: there is no kubeconfig at none, nothing$"):
        Cluster.from_kubeconfig()


def plugin(script: str) -> str:
    path = Path("login").absolute()
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def with_plugin(file: Path, command: str) -> None:
    document = kubeconfig()
    call = {"apiVersion": "client.authentication.k8s.io/v1", "command": command, "interactiveMode": "Never"}
    document["users"][0]["user"] = {"exec": call}
    file.write_text(yaml.safe_dump(document))


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'the session has expired' >&2; exit 1", "exec: process returned 1. the session has expired"),
        ("echo no JSON", "exec: failed to decode process output: "),
    ],
)
def test_a_plugin_that_fails_is_told_and_not_passed_over(
    file: Path, script: str, why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    command = plugin(script)
    with_plugin(file, command)
    with pytest.raises(Unauthorized) as caught:
        Cluster.from_kubeconfig(file)
    assert str(caught.value).startswith(f"{command}, which gives the credentials of context 'here', failed: {why}")
    assert capfd.readouterr() == ("", "")
    assert not [handler for handler in logging.getLogger().handlers if type(handler).__name__ == "_Collector"]


def test_a_plugin_that_gives_a_token(file: Path) -> None:
    credential = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "x"}}'
    with_plugin(file, plugin(f"echo '{credential}'"))
    assert Cluster.from_kubeconfig(file)._headers("application/json")["authorization"] == "Bearer x"
