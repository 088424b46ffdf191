"""What a benchmark is: a name, and a function that gives its figures against each peer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Run, median_seconds
from benchmarks.objects import write_objects
from kubectl_gitops.api.objects import Declared
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.writing import apply_object
from kubectl_gitops.source.desired import from_directory
from tests.testbed.controlplane import ControlPlane

BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table: ours against one peer. ``ratio`` is ours / peer: below 1, ours is less.

    ``api_calls`` is how many requests one run of ours makes; None where it was not counted.
    """

    name: str
    objects: int
    ours: float
    peer: str
    peer_value: float
    ratio: float
    unit: str
    peak_rss_mib: float
    api_calls: int | None
    versions: dict[str, str]

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Bench:
    """``run`` takes the ground to stand on, and gives a figure for each peer."""

    name: str
    run: Callable[[Ground], list[Figure]]


class Ground:
    """A control plane with nothing else on it, and directories of objects."""

    def __init__(self, plane: ControlPlane, directory: Path, versions: Mapping[str, str]) -> None:
        self.plane = plane
        self._directory = directory
        self._namespaces = 0
        self._caches = 0
        self._directories = 0
        self.versions = dict(versions)
        self.kubectl = plane.kubectl_path
        self.gitops = BIN / "kubectl-gitops"
        self.environment = plane.environment() | {"XDG_CACHE_HOME": str(directory / "cache")}

    def objects(self, count: int, *, as_people_write: bool = False) -> Path:
        """A directory of ``count`` objects."""
        found = self._directory / f"objects-{count}{'-as-people-write' if as_people_write else ''}"
        if not found.exists():
            write_objects(found, count, as_people_write=as_people_write)
        return found

    def new_directory(self) -> Path:
        """An empty directory."""
        self._directories += 1
        made = self._directory / f"directory-{self._directories}"
        made.mkdir()
        return made

    def apply(self, namespace: str, directory: Path) -> None:
        """Have the objects of a directory in the cluster, as ``kubectl apply --server-side`` would; only faster."""
        cluster = Cluster.from_kubeconfig(self.plane.kubeconfig)
        discovery = Discovery(cluster)

        def apply(one: Declared) -> None:
            metadata = {**one.object["metadata"], "namespace": namespace}
            resource = discovery.need(one.api_version, one.kind)
            apply_object(cluster, resource, {**one.object, "metadata": metadata}, manager="kubectl")

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(apply, from_directory(directory).declared))

    def new_cache(self) -> dict[str, str]:
        """The environment of somebody who has run nothing yet."""
        self._caches += 1
        return self.environment | {"XDG_CACHE_HOME": str(self._directory / f"cache-{self._caches}")}

    def api_calls(self, side: Callable[[], Run]) -> int:
        """How many requests of ours one more run makes, as the audit log tells."""
        mark = self.plane.audit_mark()
        side()
        self.plane.audit_mark()
        return sum(e.get("userAgent") == "kubectl-gitops" for e in self.plane.audit_events(since=mark))

    def new_namespace(self) -> str:
        self._namespaces += 1
        name = f"bench-{self._namespaces}"
        self.plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    def do(self, *args: str | Path) -> None:
        """kubectl, outside of what is measured."""
        self.plane.kubectl(*map(str, args), timeout_seconds=600)

    def figures(
        self, name: str, count: int, results: Mapping[str, Sequence[Run]], *, api_calls: int | None = None
    ) -> list[Figure]:
        """Ours against each of the others in ``results``, by the median of their seconds."""
        ours = median_seconds(results["ours"])
        peak = max(run.peak_rss_mib for run in results["ours"])
        return [
            Figure(
                name=name,
                objects=count,
                ours=round(ours, 3),
                peer=peer,
                peer_value=round(median_seconds(runs), 3),
                ratio=round(ours / median_seconds(runs), 3),
                unit="s",
                peak_rss_mib=round(peak, 1),
                api_calls=api_calls,
                versions=self.versions,
            )
            for peer, runs in results.items()
            if peer != "ours"
        ]


@contextmanager
def ground() -> Iterator[Ground]:
    # No controllers: what they do after each write would disturb whoever is measured next.
    with ControlPlane(audit=True) as plane, TemporaryDirectory(prefix="kubectl-gitops-bench-") as directory:
        yield Ground(plane, Path(directory), _versions(plane))


def _versions(plane: ControlPlane) -> dict[str, str]:
    from importlib.metadata import version

    return {
        "kubectl-gitops": version("kubectl-gitops"),
        "kubernetes": str(plane.request("GET", "/version")["gitVersion"]),
        "python": ".".join(map(str, sys.version_info[:3])),
        "python-kubernetes": version("kubernetes"),
    }
