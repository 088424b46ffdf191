"""Nothing outlives the process that started it; the processes here are shells."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.testbed.ports import ReservedPorts
from tests.testbed.processes import Processes, SupervisorDied
from tests.testbed.survivors import assert_nothing_left, await_nothing_left, is_port_free, processes_of
from tests.testbed.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
# A process with a child that does not end with it.
TREE = ["sh", "-c", "sleep 1000 & wait"]
DEAF_TREE = ["sh", "-c", "trap '' TERM; echo ready; sleep 1000 & wait; wait"]


@pytest.fixture
def processes() -> Iterator[Processes]:
    made = Processes()
    yield made
    made.close()


def await_tree(directory: Path) -> None:
    wait_until(lambda: len(processes_of(directory)) == 2, 10, "a process and its child")


def test_close_ends_whole_groups_and_removes_the_directory(processes: Processes) -> None:
    processes.start("tree", TREE)
    await_tree(processes.directory)
    processes.close()
    assert_nothing_left(processes.directory)


def test_stop_ends_one_group_and_tells_the_signal(processes: Processes) -> None:
    processes.start("tree", TREE)
    processes.start("other", TREE)
    assert processes.stop("tree", grace_seconds=10) == {"tree": -signal.SIGTERM}
    assert processes.exited() == {}
    await_tree(processes.directory)


def test_stop_kills_what_ignores_sigterm(processes: Processes) -> None:
    processes.start("deaf", DEAF_TREE)
    wait_until(lambda: processes.log_tail("deaf") == "ready", 10, "the trap")
    assert processes.stop("deaf", grace_seconds=0.05) == {"deaf": -signal.SIGKILL}
    assert not processes_of(processes.directory)


def test_exit_code_and_last_lines_are_told(processes: Processes) -> None:
    processes.start("short", ["sh", "-c", "echo first; echo second; echo third >&2; exit 3"])
    assert wait_until(processes.exited, 10, "the exit") == {"short": 3}
    assert processes.log_tail("short", lines=2) == "second\nthird"


def test_program_that_does_not_exist_is_an_error(processes: Processes) -> None:
    with pytest.raises(OSError, match=r"ghost could not be started: .*/no/such/program"):
        processes.start("ghost", ["/no/such/program"])


CHILD = """\
import json, os, sys
from tests.testbed.processes import Processes

processes = Processes()
processes.start("tree", sys.argv[2:])
if sys.argv[1] == "alone" or os.fork():
    print(json.dumps({"directory": str(processes.directory), "supervisor": processes.supervisor_pid}), flush=True)
sys.stdin.read()
"""


@contextmanager
def child(kind: str = "alone") -> Iterator[tuple[subprocess.Popen[str], Path, int]]:
    """A process that runs a tree and waits, with its directory and the pid of its supervisor."""
    command = [sys.executable, "-c", CHILD, kind, *TREE]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        await_tree(Path(told["directory"]))
        yield process, Path(told["directory"]), told["supervisor"]
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_survives_the_parent(number: signal.Signals) -> None:
    with child() as (process, directory, _):
        process.send_signal(number)
        await_nothing_left(directory)


def test_nothing_survives_though_a_fork_of_the_parent_does() -> None:
    """It holds the pipe open, whose end the supervisor waits for."""
    with child("forks") as (process, directory, _):
        process.kill()
        await_nothing_left(directory)


def test_nothing_survives_sigterm_to_the_supervisor() -> None:
    with child() as (_, directory, supervisor):
        os.kill(supervisor, signal.SIGTERM)
        await_nothing_left(directory)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG")
def test_no_process_survives_kill_of_the_supervisor() -> None:
    processes = Processes()
    processes.start("first", ["sleep", "1000"])
    os.kill(processes.supervisor_pid, signal.SIGKILL)
    wait_until(lambda: not processes_of(processes.directory), 10, "the process to be gone")
    with pytest.raises(SupervisorDied):
        processes.exited()
    processes.close()
    assert_nothing_left(processes.directory)


def test_reserved_port_is_refused_to_others_and_lets_its_server_in() -> None:
    ports = ReservedPorts(2)
    first, second = ports.numbers
    assert first != second
    if sys.platform == "linux":
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", first))
    with socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(("127.0.0.1", first))
    assert is_port_free(first)  # with SO_REUSEADDR
    ports.release()
