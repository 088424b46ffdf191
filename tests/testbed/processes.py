"""Processes and a directory that never outlive this process: the near side of ``supervisor``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.testbed import supervisor

if TYPE_CHECKING:
    from collections.abc import Sequence


class SupervisorDied(Exception):
    """Somebody killed the supervisor; what it ran is gone with it (on Linux)."""


class Processes:
    """Named processes, their logs in ``directory``; ``close`` ends them and removes it."""

    def __init__(self) -> None:
        self._supervisor = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__, str(os.getpid())],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        self._lock = threading.Lock()
        self.directory = Path(self._receive()["directory"])

    @property
    def supervisor_pid(self) -> int:
        return self._supervisor.pid

    def start(self, name: str, argv: Sequence[str]) -> None:
        answer = self._ask(do="start", name=name, argv=list(argv), log=str(self.log_file(name)))
        if "error" in answer:
            raise OSError(f"{name} could not be started: {answer['error']}")

    def stop(self, *names: str, grace_seconds: float) -> dict[str, int]:
        """SIGTERM, and SIGKILL after the grace; returns exit codes (negative: the signal)."""
        return self._exit_codes(do="stop", names=names, grace_seconds=grace_seconds)

    def exited(self) -> dict[str, int]:
        """Exit codes of those that ended by themselves."""
        return self._exit_codes(do="exited")

    def log_file(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def log_tail(self, name: str, lines: int = 20) -> str:
        return "\n".join(self.log_file(name).read_text(errors="replace").splitlines()[-lines:])

    def close(self) -> None:
        with self._supervisor:  # closes the pipe, which is its cue, and waits for it
            pass
        shutil.rmtree(self.directory, ignore_errors=True)  # had it been killed, it could not

    def _exit_codes(self, **message: Any) -> dict[str, int]:
        codes: dict[str, int] = self._ask(**message)["exited"]
        return codes

    def _ask(self, **message: Any) -> dict[str, Any]:
        with self._lock:
            assert self._supervisor.stdin is not None
            try:
                self._supervisor.stdin.write(json.dumps(message).encode() + b"\n")
            except BrokenPipeError as exc:
                raise SupervisorDied from exc
            return self._receive()

    def _receive(self) -> dict[str, Any]:
        assert self._supervisor.stdout is not None
        line = self._supervisor.stdout.readline()
        if not line:
            raise SupervisorDied(f"exit code {self._supervisor.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer
