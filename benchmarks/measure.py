"""Measure whole processes: wall time from start to end, and peak memory, as the operating system tells."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process. ``peak_rss_mib`` counts the process alone."""

    seconds: float
    peak_rss_mib: float
    exit_code: int


class CommandFailed(Exception):
    """A measured command ended otherwise than it must; a figure of it would mean nothing."""


def run(argv: Sequence[str | Path], environment: Mapping[str, str], *, exit_codes: Sequence[int] = (0,)) -> Run:
    """Run a command to its end, its output read and dropped."""
    return _run(argv, environment, subprocess.DEVNULL, exit_codes)


def run_told(argv: Sequence[str | Path], environment: Mapping[str, str]) -> Run:
    """Run a command that prints how many seconds that took which is measured, of all that it does; those count."""
    with TemporaryFile() as output:
        whole = _run(argv, environment, output, (0,))
        output.seek(0)
        return replace(whole, seconds=float(output.read()))


def _run(
    argv: Sequence[str | Path], environment: Mapping[str, str], output: int | IO[bytes], exit_codes: Sequence[int]
) -> Run:
    started = time.perf_counter()
    process = subprocess.Popen(argv, stdout=output, stderr=subprocess.PIPE, env=dict(environment))
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = code = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if code not in exit_codes:
        raise CommandFailed(f"{' '.join(map(str, argv))} ended with {code}: {errors.decode(errors='replace')[-2000:]}")
    return Run(seconds, usage.ru_maxrss / 1024, code)


def in_turn(sides: Mapping[str, Callable[[], Run]], times: Mapping[str, int]) -> dict[str, list[Run]]:
    """Run the sides in turn, each as often as ``times`` says, so that what disturbs one disturbs the other."""
    results: dict[str, list[Run]] = {name: [] for name in sides}
    for round_ in range(max(times.values())):
        for name, side in sides.items():
            if round_ < times[name]:
                results[name].append(side())
    return results


def median_seconds(runs: Sequence[Run]) -> float:
    return statistics.median(one.seconds for one in runs)
