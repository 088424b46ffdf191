"""drift-*: how long it takes to know whether a directory of manifests is what the cluster has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.bench import Bench, Figure, Ground
from benchmarks.measure import Run, in_turn, run

COUNT = 1000
MANY = 10 * COUNT

SERVER_SIDE = "kubectl diff --server-side"
CLIENT_SIDE = "kubectl diff"
FEWER = f"ours, {COUNT:,} objects"
FIRST_RUN = "ours, nothing remembered"
# Client-side diff takes a minute; more runs of it would tell nothing new.
_TIMES = {"ours": 5, SERVER_SIDE: 3, CLIENT_SIDE: 1, FEWER: 5, FIRST_RUN: 3}

Side = Callable[[], Run]


def unchanged(ground: Ground) -> list[Figure]:
    namespace, directory = _applied(ground, COUNT)
    return _beside_kubectl(ground, "drift-1000-unchanged", namespace, directory)


def one_percent(ground: Ground) -> list[Figure]:
    namespace, directory = _applied(ground, COUNT)
    _change(ground, namespace, COUNT // 100)
    return _beside_kubectl(ground, "drift-1000-1pct", namespace, directory, expected=1)


def as_people_write(ground: Ground) -> list[Figure]:
    """Each Deployment looks different, as ``cpu: 0.1`` and ``cpu: 100m`` do, and is not."""
    namespace, directory = _applied(ground, COUNT, as_people_write=True)
    sides: dict[str, Side] = {
        "ours": partial(_ours, ground, namespace, directory),
        FIRST_RUN: lambda: _ours(ground, namespace, directory, environment=ground.new_cache()),
        SERVER_SIDE: _server_side(ground, namespace, directory),
    }
    sides["ours"]()
    return _figures(ground, "drift-1000-as-people-write", COUNT, sides)


def many_unchanged(ground: Ground) -> list[Figure]:
    return _beside_fewer(ground, "drift-10000-unchanged", changed=False)


def many_one_percent(ground: Ground) -> list[Figure]:
    return _beside_fewer(ground, "drift-10000-1pct", changed=True)


def _applied(ground: Ground, count: int, *, as_people_write: bool = False) -> tuple[str, Path]:
    namespace, directory = ground.new_namespace(), ground.objects(count, as_people_write=as_people_write)
    ground.apply(namespace, directory)
    return namespace, directory


def _change(ground: Ground, namespace: str, number: int) -> None:
    deployments = [f"deployment/app-{one:05}" for one in range(number)]
    ground.do("set", "image", *deployments, "web=registry.example/changed:1", "--namespace", namespace)


def _beside_kubectl(ground: Ground, name: str, namespace: str, directory: Path, *, expected: int = 0) -> list[Figure]:
    place: list[str | Path] = ["--namespace", namespace, "--filename", directory]
    sides: dict[str, Side] = {
        "ours": partial(_ours, ground, namespace, directory, expected=expected),
        SERVER_SIDE: _server_side(ground, namespace, directory, expected=expected),
        # It knows nothing of fields that were applied server-side, so what it finds may differ.
        CLIENT_SIDE: partial(run, [ground.kubectl, "diff", *place], ground.environment, exit_codes=(0, 1)),
    }
    return _figures(ground, name, COUNT, sides)


def _beside_fewer(ground: Ground, name: str, *, changed: bool) -> list[Figure]:
    """How it grows: ten times the objects beside the same with a tenth of them."""
    sides: dict[str, Side] = {}
    for side, count in (("ours", MANY), (FEWER, COUNT)):
        namespace, directory = _applied(ground, count)
        if changed:
            _change(ground, namespace, count // 100)
        sides[side] = partial(_ours, ground, namespace, directory, expected=int(changed))
    return _figures(ground, name, MANY, sides)


def _ours(
    ground: Ground,
    namespace: str,
    directory: Path,
    *,
    expected: int = 0,
    environment: Mapping[str, str] | None = None,
) -> Run:
    argv: list[str | Path] = [ground.gitops, "drift", "--namespace", namespace, "--filename", directory]
    return run(argv, environment or ground.environment, exit_codes=(expected,))


def _server_side(ground: Ground, namespace: str, directory: Path, *, expected: int = 0) -> Side:
    argv: list[str | Path] = [ground.kubectl, "diff", "--server-side", "--force-conflicts"]
    argv += ["--namespace", namespace, "--filename", directory]
    return partial(run, argv, ground.environment, exit_codes=(expected,))


def _figures(ground: Ground, name: str, count: int, sides: Mapping[str, Side]) -> list[Figure]:
    results = in_turn(sides, {side: _TIMES[side] for side in sides})
    return ground.figures(name, count, results, api_calls=ground.api_calls(sides["ours"]))


BENCHES = [
    Bench("drift-1000-unchanged", unchanged),
    Bench("drift-1000-1pct", one_percent),
    Bench("drift-1000-as-people-write", as_people_write),
    Bench("drift-10000-unchanged", many_unchanged),
    Bench("drift-10000-1pct", many_one_percent),
]
