"""startup-*: what everybody pays on each call, beside what the import of click alone takes."""

from __future__ import annotations

import sys
from functools import partial

from benchmarks.bench import Bench, Figure, Ground
from benchmarks.measure import in_turn, run

PEER = "python -c 'import click'"
_TIMES = {"ours": 11, PEER: 11}


def help_text(ground: Ground) -> list[Figure]:
    return _measured(ground, "startup-help", "--help")


def version(ground: Ground) -> list[Figure]:
    return _measured(ground, "startup-version", "version", "--client")


def _measured(ground: Ground, name: str, *args: str) -> list[Figure]:
    sides = {
        "ours": partial(run, [ground.gitops, *args], ground.environment),
        PEER: partial(run, [sys.executable, "-c", "import click"], ground.environment),
    }
    return ground.figures(name, 0, in_turn(sides, _TIMES), api_calls=ground.api_calls(sides["ours"]))


BENCHES = [Bench("startup-help", help_text), Bench("startup-version", version)]
