"""sync-*: how long it takes to bring a directory of manifests into the cluster."""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench import Bench, Figure, Ground
from benchmarks.measure import Run, in_turn, run

COUNT = 1000
PEER = "kubectl apply --server-side"
_TIMES = {"ours": 3, PEER: 3}


def new(ground: Ground) -> list[Figure]:
    directory = ground.objects(COUNT)
    sides = {
        "ours": lambda: _ours(ground, ground.new_namespace(), directory),
        PEER: lambda: _peer(ground, ground.new_namespace(), directory),
    }
    return ground.figures("sync-1000-new", COUNT, in_turn(sides, _TIMES))


def unchanged(ground: Ground) -> list[Figure]:
    directory = ground.objects(COUNT)
    mine, theirs = ground.new_namespace(), ground.new_namespace()
    _ours(ground, mine, directory)
    _peer(ground, theirs, directory)
    sides = {
        "ours": lambda: _ours(ground, mine, directory),
        PEER: lambda: _peer(ground, theirs, directory),
    }
    return ground.figures("sync-1000-unchanged", COUNT, in_turn(sides, _TIMES))


def _ours(ground: Ground, namespace: str, directory: Path) -> Run:
    return _run(ground, namespace, directory, ground.gitops, "sync", "--name", "bench")


def _peer(ground: Ground, namespace: str, directory: Path) -> Run:
    return _run(ground, namespace, directory, ground.kubectl, "apply", "--server-side")


def _run(ground: Ground, namespace: str, directory: Path, *command: str | Path) -> Run:
    return run([*command, "--namespace", namespace, "--filename", directory], ground.environment)


BENCHES = [Bench("sync-1000-new", new), Bench("sync-1000-unchanged", unchanged)]
