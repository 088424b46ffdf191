"""When the machine itself stood still: what is measured then says nothing about who is measured.

``python -m benchmarks.stalls CORE FILE``: until it is killed, a line in FILE for each time that a process which only
sleeps was woken late on that core: from when to when, in seconds (of ``time.perf_counter``).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.bench import Ground
from tests.testbed.waiting import wait_until

_NAP_SECONDS = 0.001
#: Longer than the scheduler lets a single process wait for another one: what is later has met with something else.
_LATE_SECONDS = 0.008


class Stalls:
    """Times at which a core of the machine stood still, or worked for somebody else."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files

    def spared(self, answered: list[tuple[float, float]]) -> list[float]:
        """How long those answers took that met with no stall; each is given as when it was due and how long it took.

        What piled up in a stall is answered after it: as long again as it was does not count either.
        """
        stalls = [(began, 2 * ended - began) for began, ended in self._all()]
        return [
            took for due, took in answered if not any(began < due + took and due < ended for began, ended in stalls)
        ]

    def longest(self, since: float, until: float) -> float:
        """How long the longest stall in this time was, in seconds."""
        return max((ended - began for began, ended in self._all() if began < until and since < ended), default=0.0)

    def _all(self) -> list[tuple[float, float]]:
        lines = [line.split() for file in self._files for line in file.read_text().splitlines()]
        return [(float(began), float(ended)) for began, ended in lines]


@contextmanager
def stalls(ground: Ground, cores: list[int]) -> Iterator[Stalls]:
    """Watch these cores meanwhile."""
    directory = ground.new_directory()
    with ExitStack() as stack:
        files = [directory / str(core) for core in cores]
        for core, file in zip(cores, files, strict=True):
            argv = [sys.executable, "-m", "benchmarks.stalls", str(core), str(file)]
            process = stack.enter_context(subprocess.Popen(argv, env=ground.environment))
            stack.callback(process.terminate)
        for file in files:
            wait_until(file.exists, 20, "the machine to be watched")
        yield Stalls(files)


def watch(core: int, file: Path) -> None:
    if (os.cpu_count() or 1) > core:
        os.sched_setaffinity(0, {core})
    with file.open("w", buffering=1) as out:
        while True:
            began = time.perf_counter()
            time.sleep(_NAP_SECONDS)
            ended = time.perf_counter()
            if ended - began > _LATE_SECONDS:
                out.write(f"{began} {ended}\n")


if __name__ == "__main__":
    watch(int(sys.argv[1]), Path(sys.argv[2]))
