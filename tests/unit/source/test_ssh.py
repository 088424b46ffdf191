"""Repositories over ssh, on a real sshd: the key and the host must be right, and nothing else is asked or used."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kubectl_gitops.cli.frame import gitops
from kubectl_gitops.errors import SourceError
from kubectl_gitops.source.credentials import Credentials
from kubectl_gitops.source.mirror import Mirror
from tests.testbed.sshserver import SSHD, Key, SshServer, agent_with, new_key, ssh_serving
from tests.unit.source.repository import Repository, files_at

pytestmark = pytest.mark.skipif(SSHD is None, reason="no sshd on this machine (make test installs it where it may)")

MirrorOf = Callable[..., Mirror]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return new_key(tmp_path_factory.mktemp("keys") / "deploy")


@pytest.fixture(scope="module")
def server(key: Key) -> Iterator[SshServer]:
    with ssh_serving(key) as server:
        yield server


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


@pytest.fixture
def mirror_of(repository: Repository, server: SshServer, tmp_path: Path) -> MirrorOf:
    def mirror_of(identity: str, known_hosts: str) -> Mirror:
        data = {"identity": identity.encode(), "known_hosts": known_hosts.encode()}
        return Mirror(
            server.url(repository.path),
            cache_directory=tmp_path / "cache",
            credentials=Credentials.from_secret(data, where="Secret team/git"),
        )

    return mirror_of


def refused(mirror: Mirror) -> SourceError:
    with pytest.raises(SourceError) as caught:
        mirror.update("main")
    return caught.value


def test_a_deploy_key_opens_the_repository(
    repository: Repository, server: SshServer, key: Key, mirror_of: MirrorOf
) -> None:
    repository.git("config", "uploadpack.allowFilter", "true")
    sha = repository.commit({"apps/a.yaml": "1\n"})
    mirror = mirror_of(key.private, server.known_hosts)
    commit = mirror.update("main")
    assert commit.sha == sha
    assert files_at(mirror, commit, "apps") == {"apps/a.yaml": b"1\n"}
    assert mirror.blame(commit, "apps/a.yaml", [1])[1].sha == sha


def test_a_host_with_another_key_is_not_talked_to(
    repository: Repository, server: SshServer, key: Key, mirror_of: MirrorOf, tmp_path: Path
) -> None:
    other = new_key(tmp_path / "other").public.split()[:2]
    error = refused(mirror_of(key.private, f"[127.0.0.1]:{server.port} {' '.join(other)}\n"))
    assert "Host key verification failed" in str(error)
    assert error.hint == "the host shows another key than the one in known_hosts: find out why first (Secret team/git)"


def test_a_host_that_is_not_known_is_not_talked_to(
    repository: Repository, server: SshServer, key: Key, mirror_of: MirrorOf
) -> None:
    error = refused(mirror_of(key.private, server.known_hosts.replace("127.0.0.1", "127.0.0.2")))
    assert "Host key verification failed" in str(error)
    assert error.hint == "add the host's key to known_hosts (Secret team/git)"


def test_a_key_that_is_not_let_in_is_said_to_be(
    repository: Repository, server: SshServer, mirror_of: MirrorOf, tmp_path: Path
) -> None:
    error = refused(mirror_of(new_key(tmp_path / "other").private, server.known_hosts))
    assert "Permission denied (publickey)" in str(error)
    assert error.hint == "the repository does not accept this ssh key (Secret team/git)"


def test_neither_an_agent_nor_the_keys_of_the_account_are_used(
    repository: Repository,
    server: SshServer,
    key: Key,
    mirror_of: MirrorOf,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "ssh").write_text(f"#!/bin/sh\ntouch {tmp_path}/used\nexit 1\n")
    (tmp_path / "ssh").chmod(0o755)
    for name in ("GIT_SSH", "SSH_ASKPASS"):
        monkeypatch.setenv(name, str(tmp_path / "ssh"))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    refused(mirror_of(new_key(tmp_path / "other").private, server.known_hosts))
    without = Mirror(server.url(repository.path), cache_directory=tmp_path / "cache")
    assert "Host key verification failed" in str(refused(without))
    assert not (tmp_path / "used").exists()


def test_the_plugin_uses_the_agent_of_the_person_who_runs_it(
    repository: Repository, server: SshServer, key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({"apps/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-afar}\n"})
    (tmp_path / "known_hosts").write_text(server.known_hosts)
    options = (
        f"-F /dev/null -oIdentityFile=none -oUserKnownHostsFile={tmp_path}/known_hosts -oStrictHostKeyChecking=yes"
    )
    (tmp_path / "gitconfig").write_text(f"[core]\n\tsshCommand = ssh {options}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def rendered() -> Result:
        place = ["-f", server.url(repository.path), "--path", "apps"]
        return CliRunner().invoke(gitops, ["render", *place])

    with agent_with(key) as agent:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
        assert "name: from-afar" in rendered().stdout
    with agent_with() as agent:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
        repository.commit({"apps/a.yaml": "x"})
        assert "Permission denied (publickey)" in rendered().stderr


def test_the_key_is_private_and_gone_when_the_command_ends(
    repository: Repository,
    server: SshServer,
    key: Key,
    mirror_of: MirrorOf,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sha = repository.commit({})
    programs, seen = tmp_path / "bin", tmp_path / "seen"
    programs.mkdir()
    # The real ssh, which is looked over the shoulder first.
    (programs / "ssh").write_text(
        "#!/bin/sh\n"
        f'for option; do echo "$option" >> {seen}; case $option in\n'
        f'-oIdentityFile=*) stat -c \'%a %n\' "${{option#*=}}" "$(dirname "${{option#*=}}")" >> {seen};;\n'
        f'esac; done\nexec {shutil.which("ssh")} "$@"\n'
    )
    (programs / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    assert mirror_of(key.private, server.known_hosts).update("main").sha == sha
    said = seen.read_text()
    found = [line.split(" ") for line in said.splitlines() if line.startswith(("600 ", "700 "))]
    files = {name: mode for mode, name in found}
    assert sorted(files.values()) == ["600", "700"]
    assert not [file for file in files if Path(file).exists()]
    assert "PRIVATE KEY" not in said
    assert {"-oStrictHostKeyChecking=yes", "-oIdentitiesOnly=yes", "-oBatchMode=yes"} <= set(said.splitlines())
