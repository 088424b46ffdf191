"""Ending a process together with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

_GRACE_SECONDS = 2

Process = subprocess.Popen[bytes]


def stop(process: Process) -> None:
    """Ends the process, which leads a session of its own, if it still runs; and lets go of its pipes.

    Gently first, so that git takes its lock files away.
    """
    if process.poll() is None:
        signal_group(process, signal.SIGTERM)
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            signal_group(process, signal.SIGKILL)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(BrokenPipeError):
                stream.close()
    process.wait()


def signal_group(process: Process, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
