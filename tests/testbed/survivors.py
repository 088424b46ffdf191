"""Who is still there: for tests that nothing of a control plane survives."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import psutil

from tests.testbed.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def processes_of(directory: Path) -> list[str]:
    """Command lines of those that work in the directory of a control plane, or were told of it."""
    processes = (process.info for process in psutil.process_iter(["cmdline", "cwd"]))
    # Fields are None for zombies, and for processes of other people.
    commands = ((" ".join(info["cmdline"] or []), info["cwd"] or "") for info in processes)
    return [command for command, cwd in commands if str(directory) in command or cwd.startswith(str(directory))]


def is_port_free(port: int) -> bool:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past connections may linger
        try:
            server.bind(("127.0.0.1", port))
            server.listen()
        except OSError:
            return False
    return True


def assert_nothing_left(directory: Path, ports: Iterable[int] = ()) -> None:
    assert not processes_of(directory)
    assert not directory.exists()
    assert [port for port in ports if not is_port_free(port)] == []


def await_nothing_left(directory: Path, ports: Iterable[int] = ()) -> None:
    def is_clear() -> bool:
        assert_nothing_left(directory, ports)
        return True

    wait_until(is_clear, 20, f"the processes, ports and directory of {directory} to be gone")
