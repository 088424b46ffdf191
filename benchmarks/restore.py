"""restore-*: how long an object stays wrong, with the reconciler's own process and no webhook in the way.

From the answer to the bad write until a watch of ours shows the object right again: what that watch takes counts, too.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from benchmarks.bench import Bench, Figure, Ground
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.watching import Watch
from kubectl_gitops.cluster.writing import merge_patch
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import SYSTEM_NAMESPACE, Installation
from tests.testbed.waiting import wait_until
from tests.unit.source.repository import Repository

COUNT = 1000
ROUNDS = 300
AT_ONCE = 100
_PARALLEL = 16
_MIB = 1 << 20
_WAIT_SECONDS = 120.0
_CONFIG_MAPS = Resource(group="", version="v1", kind="ConfigMap", plural="configmaps", namespaced=True)
_BAD: Object = {"data": {"level": "by hand"}}

#: What is asked of us, in seconds: of one object at the median and at the 99th percentile, and of a hundred at once.
TARGETS = {"p50": 0.05, "p99": 0.25, "all": 2.0}


def latency(ground: Ground) -> list[Figure]:
    """One object after the other."""
    with _reconciled(ground) as (place, memory):
        seconds = [place.seconds_until_right([place.names[one % len(place.names)]]) for one in range(ROUNDS)]
        p99 = statistics.quantiles(seconds, n=100)[98]
        return [
            _figure(ground, "restore-1000-p50", statistics.median(seconds), TARGETS["p50"], memory()),
            _figure(ground, "restore-1000-p99", p99, TARGETS["p99"], memory()),
        ]


def at_once(ground: Ground) -> list[Figure]:
    """A hundred objects, changed as fast as the API server takes it."""
    with _reconciled(ground) as (place, memory):
        runs = [place.seconds_until_right(place.names[:AT_ONCE]) for _ in range(5)]
        return [_figure(ground, "restore-100-at-once", statistics.median(runs), TARGETS["all"], memory())]


@dataclass
class _Place:
    """The ConfigMaps of a namespace, as a watch of our own shows them."""

    cluster: Cluster
    namespace: str
    names: list[str]
    right_at: dict[str, float] = field(default_factory=dict)
    _versions: dict[str, int] = field(default_factory=dict)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def seconds_until_right(self, names: Sequence[str]) -> float:
        """Spoil these objects, 16 at a time, and wait until all are right; from the first answer to a bad write."""
        with ThreadPoolExecutor(_PARALLEL) as pool:
            answered = dict(zip(names, pool.map(self._spoil, names), strict=True))
        begun = min(seconds for seconds, _ in answered.values())
        with self._news:
            # Each is right once a version after the bad one has been seen with the right value.
            assert self._news.wait_for(
                lambda: all(self._versions.get(name, 0) > version for name, (_, version) in answered.items()),
                _WAIT_SECONDS,
            )
            return max(self.right_at[name] for name in names) - begun

    def _spoil(self, name: str) -> tuple[float, int]:
        """When the answer came, and the resourceVersion in it."""
        answer = merge_patch(self.cluster, _CONFIG_MAPS, self.namespace, name, _BAD, manager="kubectl-edit")
        return time.perf_counter(), int(answer["metadata"]["resourceVersion"])

    # -- what the watch tells

    def replaced(self, items: list[Object], resource_version: str) -> None:  # noqa: ARG002 - the protocol's
        for item in items:
            self.changed(item)

    def changed(self, obj: Object) -> None:
        if (obj.get("data") or {}).get("level") != "info":
            return
        now, metadata = time.perf_counter(), obj["metadata"]
        with self._news:
            self.right_at[metadata["name"]] = now
            self._versions[metadata["name"]] = int(metadata["resourceVersion"])
            self._news.notify_all()

    def deleted(self, obj: Object) -> None:
        """Nothing is deleted here."""


@contextmanager
def _reconciled(ground: Ground) -> Iterator[tuple[_Place, Callable[[], float]]]:
    """A thousand objects that a reconciler keeps as they are, and what memory its process has (MiB)."""
    plane, namespace = ground.plane, ground.new_namespace()
    repository = Repository(ground.new_directory() / "repository")
    files = {path.name: path.read_text() for path in sorted(ground.objects(COUNT).iterdir())}
    repository.commit(files)
    with Installation(plane) as installation:
        installation.gitops("install", "--no-pods")
        installation.start_reconciler()
        with _gitsync(plane, namespace, repository):
            place = _Place(Cluster.from_kubeconfig(plane.kubeconfig), namespace, [path[:-5] for path in files])
            watch = Watch(place.cluster, _CONFIG_MAPS, place, namespace=namespace)
            watch.start()
            try:
                yield place, _memory_mib
            finally:
                watch.stop()
        installation.stop_reconciler()


@contextmanager
def _gitsync(plane: ControlPlane, namespace: str, repository: Repository) -> Iterator[None]:
    path = f"/apis/kubectl-gitops.dev/v1alpha1/namespaces/{SYSTEM_NAMESPACE}/gitsyncs"
    spec = {"source": {"repoURL": str(repository.path), "revision": "main"}, "target": {"namespace": namespace}}
    body = {
        "apiVersion": "kubectl-gitops.dev/v1alpha1",
        "kind": "GitSync",
        "metadata": {"name": namespace},
        "spec": spec,
    }
    plane.request("POST", path, body)

    def is_ready() -> bool:
        conditions = plane.request("GET", f"{path}/{namespace}").get("status", {}).get("conditions", [])
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    wait_until(is_ready, _WAIT_SECONDS, "the first sync")
    try:
        yield
    finally:
        plane.request("DELETE", f"{path}/{namespace}")


def _memory_mib() -> float:
    ours = [p for p in psutil.Process().children(recursive=True) if any("gitops-reconciler" in a for a in p.cmdline())]
    return max(float(process.memory_info().rss) for process in ours) / _MIB


def _figure(ground: Ground, name: str, seconds: float, target: float, memory_mib: float) -> Figure:
    return Figure(
        name=name,
        objects=COUNT,
        ours=round(seconds, 4),
        peer="the target",
        peer_value=target,
        ratio=round(seconds / target, 3),
        unit="s",
        peak_rss_mib=round(memory_mib, 1),
        api_calls=None,
        versions=ground.versions,
    )


BENCHES = [Bench("restore-1000-latency", latency), Bench("restore-100-at-once", at_once)]
