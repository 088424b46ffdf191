"""OpenSSH's server on a port of 127.0.0.1, with one host key and one account: whoever runs the tests."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.ports import ReservedPorts
from tests.testbed.processes import Processes
from tests.testbed.tools import find
from tests.testbed.waiting import wait_until

SSHD = find("sshd")


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair as ssh-keygen writes it."""

    file: Path

    @property
    def private(self) -> str:
        return self.file.read_text()

    @property
    def public(self) -> str:
        return self.file.with_suffix(".pub").read_text().strip()


@dataclass(frozen=True, slots=True)
class SshServer:
    """``known_hosts`` is what makes a client know it; ``url`` the URL of a repository by its path."""

    port: int
    known_hosts: str

    def url(self, path: Path) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"


def new_key(file: Path, *, passphrase: str = "") -> Key:
    file.parent.mkdir(parents=True, exist_ok=True)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "jane@shop.example", "-f", str(file)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return Key(file)


@contextmanager
def ssh_serving(*authorized: Key) -> Iterator[SshServer]:
    """The server, which lets these keys in, while in here."""
    assert SSHD is not None
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where root's sshd locks its children up
    processes, ports = Processes(), ReservedPorts(1)
    try:
        directory, port = processes.directory, ports.numbers[0]
        host = new_key(directory / "host")
        keys = directory / "authorized_keys"
        keys.write_text("".join(f"restrict {key.public}\n" for key in authorized))
        config = directory / "sshd_config"
        config.write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host.file}\nAuthorizedKeysFile {keys}\nPidFile none\n"
            "UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nStrictModes no\n"
            "PermitRootLogin prohibit-password\nAcceptEnv GIT_PROTOCOL\nUseDNS no\n"
        )
        processes.start("sshd", [SSHD, "-D", "-e", "-f", str(config)])
        wait_until(lambda: _listens(port, processes), 30, "sshd to listen")
        yield SshServer(port, f"[127.0.0.1]:{port} {' '.join(host.public.split()[:2])}\n")
    finally:
        processes.close()
        ports.release()


@contextmanager
def agent_with(*keys: Key) -> Iterator[Path]:
    """The socket of an ssh agent that holds these keys, while in here."""
    processes = Processes()
    try:
        socket_file = processes.directory / "agent"
        processes.start("ssh-agent", ["ssh-agent", "-D", "-a", str(socket_file)])
        wait_until(socket_file.exists, 30, "ssh-agent to listen")
        environment = {**os.environ, "SSH_AUTH_SOCK": str(socket_file)}
        for key in keys:
            subprocess.run(["ssh-add", "-q", str(key.file)], check=True, stdin=subprocess.DEVNULL, env=environment)
        yield socket_file
    finally:
        processes.close()


def _listens(port: int, processes: Processes) -> bool:
    ended = processes.exited()
    if ended:
        raise RuntimeError(f"sshd ended: {processes.log_tail('sshd')}")
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
