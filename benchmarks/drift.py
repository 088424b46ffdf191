"""drift-*: how long it takes to know whether a directory of manifests is what the cluster has."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.bench import Bench, Figure, Ground
from benchmarks.measure import Run, in_turn, run

COUNT = 1000
_DRIFTED = COUNT // 100

SERVER_SIDE = "kubectl diff --server-side"
CLIENT_SIDE = "kubectl diff"
# Client-side diff takes a minute; more runs of it would tell nothing new.
_TIMES = {"ours": 5, SERVER_SIDE: 3, CLIENT_SIDE: 1}


def unchanged(ground: Ground) -> list[Figure]:
    namespace, directory = _applied(ground)
    return _measured(ground, "drift-1000-unchanged", namespace, directory)


def one_percent(ground: Ground) -> list[Figure]:
    namespace, directory = _applied(ground)
    for number in range(_DRIFTED):
        image = f"web=registry.example/changed:{number}"
        ground.do("set", "image", f"deployment/app-{number:05}", image, "--namespace", namespace)
    return _measured(ground, "drift-1000-1pct", namespace, directory, drifted=True)


def _applied(ground: Ground) -> tuple[str, Path]:
    namespace, directory = ground.new_namespace(), ground.objects(COUNT)
    ground.do("apply", "--server-side", "--namespace", namespace, "--filename", directory)
    return namespace, directory


def _measured(ground: Ground, name: str, namespace: str, directory: Path, *, drifted: bool = False) -> list[Figure]:
    expected = 1 if drifted else 0

    def measure(*argv: str | Path, exit_codes: tuple[int, ...] = (expected,)) -> Run:
        place: list[str | Path] = ["--namespace", namespace, "--filename", directory]
        return run([*argv, *place], ground.environment, exit_codes=exit_codes)

    sides = {
        "ours": partial(measure, ground.gitops, "drift"),
        SERVER_SIDE: partial(measure, ground.kubectl, "diff", "--server-side", "--force-conflicts"),
        # It knows nothing of fields that were applied server-side, so what it finds may differ.
        CLIENT_SIDE: partial(measure, ground.kubectl, "diff", exit_codes=(0, 1)),
    }
    return ground.figures(name, COUNT, in_turn(sides, _TIMES))


BENCHES = [Bench("drift-1000-unchanged", unchanged), Bench("drift-1000-1pct", one_percent)]
