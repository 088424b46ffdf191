"""Runs processes for a parent, and ends them with it, however the parent ends.

A program of its own, in a session of its own: it survives kill -9 of the parent, Ctrl-C and the end of
the terminal just long enough to kill what it started and to remove its directory. It makes that directory
and starts those processes itself, so that at no moment anything exists that nobody would clear away.

It talks JSON, a line a message. First it says ``{"directory": …}``; then it answers each of::

    {"do": "start", "name": …, "argv": […], "log": …}            {} or {"error": …}
    {"do": "stop", "names": […], "grace_seconds": …}             {"exited": {name: code}}
    {"do": "exited"}                                             {"exited": {name: code}}

Run as a file with ``python -I -S``, and so made of the standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType

_PR_SET_PDEATHSIG = 1


class Supervisor:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        match message["do"]:
            case "start":
                return self._start(message["name"], message["argv"], log=message["log"])
            case "stop":
                return self._stop(message["names"], grace_seconds=message["grace_seconds"])
            case _:
                return self._exited()

    def kill_all(self) -> None:
        self._stop(list(self._processes), grace_seconds=0)

    def _start(self, name: str, argv: list[str], *, log: str) -> dict[str, Any]:
        try:
            with Path(log).open("ab") as out:
                self._processes[name] = subprocess.Popen(
                    argv,
                    cwd=self._directory,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    process_group=0,
                    preexec_fn=_die_with_parent(),  # noqa: PLW1509 - this program has one thread only
                )
        except OSError as exc:
            return {"error": str(exc)}
        return {}

    def _stop(self, names: list[str], *, grace_seconds: float) -> dict[str, Any]:
        stopping = {name: process for name, process in self._processes.items() if name in names}
        if grace_seconds:
            _signal_groups(stopping.values(), signal.SIGTERM)
            deadline = time.monotonic() + grace_seconds
            while time.monotonic() < deadline and any(process.poll() is None for process in stopping.values()):
                time.sleep(0.01)
        # Always: the first of a group may be gone, and others of it not.
        _signal_groups(stopping.values(), signal.SIGKILL)
        return {"exited": {name: self._processes.pop(name).wait() for name in stopping}}

    def _exited(self) -> dict[str, Any]:
        codes = {name: process.poll() for name, process in self._processes.items()}
        return {"exited": {name: code for name, code in codes.items() if code is not None}}


def _signal_groups(processes: Iterable[subprocess.Popen[bytes]], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def _die_with_parent() -> Callable[[], None] | None:
    """Should this program be killed itself, then Linux kills what it started."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _messages(parent: int) -> Iterator[dict[str, Any]]:
    """What the parent asks for, until it is gone.

    Its end closes the pipe; but a process that it forked may hold the pipe open, hence the look at its pid.
    """
    received = b""
    while os.getppid() == parent:
        if not select.select([0], [], [], 0.5)[0]:
            continue
        chunk = os.read(0, 65536)
        if not chunk:
            return
        *lines, received = (received + chunk).split(b"\n")
        yield from map(json.loads, lines)


def _say(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _remove(directory: Path) -> None:
    # More than once: a client that is not ours, say kubectl, may still be writing its cache there.
    for _ in range(100):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        time.sleep(0.01)


def _exit(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(0)


def main(parent: int) -> None:
    signal.signal(signal.SIGTERM, _exit)
    directory = Path(tempfile.mkdtemp(prefix="kubectl-gitops-testbed-"))
    supervisor = Supervisor(directory)
    try:
        _say({"directory": str(directory)})
        for message in _messages(parent):
            _say(supervisor.answer(message))
    except BrokenPipeError:
        pass  # the parent is gone
    finally:
        supervisor.kill_all()
        _remove(directory)


if __name__ == "__main__":
    main(int(sys.argv[1]))
