"""reconciler-*: what the reconciler's process takes, against what it may take; and how soon it acts."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import urllib3

from benchmarks.bench import Bench, Figure, Ground
from benchmarks.objects import write_objects
from tests.testbed.installation import SYSTEM_NAMESPACE, Installation
from tests.testbed.waiting import wait_until
from tests.unit.source.repository import Repository

_GITSYNCS = f"/apis/kubectl-gitops.dev/v1alpha1/namespaces/{SYSTEM_NAMESPACE}/gitsyncs"
_MERGE_PATCH = "application/merge-patch+json"
_SECONDS = 900.0
_IDLE_SECONDS = 20.0
_TOKEN = "not a secret"  # noqa: S105 - of a benchmark
#: How much memory the process may take, by the number of objects.
_MEMORY_MIB = {1000: 120.0, 10_000: 300.0}
_START_SECONDS = 10.0
_IDLE_PERCENT = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """One GitSync of ``count`` objects: its first sync, the process at rest, and the process that follows it."""

    count: int
    sync_seconds: float
    synced_mib: float
    idle_percent: float  # of one core, children included
    idle_writes: int
    first_verdict_seconds: float  # from start to the first drift found
    restarted_mib: float


def resting(ground: Ground, count: int) -> Rest:
    """Measure it, in a namespace of its own."""
    namespace = ground.new_namespace()
    repository = Repository(ground.new_directory() / "repository")
    write_objects(repository.path / "deploy", count)
    repository.commit({"README.md": "objects"})
    with _installed(ground) as installation:
        installation.start_reconciler()
        _wait_answering(installation)
        started = time.perf_counter()
        name = create_gitsync(ground, repository, namespace, path="deploy", interval="10s")
        wait_ready(ground, [name])
        sync_seconds = time.perf_counter() - started
        process = installation.reconciler_process()
        synced_mib = process.memory_info().rss / 2**20
        idle_percent, writes = _idle(ground, process)
        assert installation.stop_reconciler() == 0
        ground.plane.request("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/app-00001")
        started = time.perf_counter()
        installation.start_reconciler()
        _wait_metric(installation, "gitops_reconciler_drift_found_total")
        first_verdict_seconds = time.perf_counter() - started
        process = installation.reconciler_process()
        wait_ready(ground, [name])
        restarted_mib = process.memory_info().rss / 2**20
        delete_gitsync(ground, name)
    return Rest(
        count=count,
        sync_seconds=sync_seconds,
        synced_mib=synced_mib,
        idle_percent=idle_percent,
        idle_writes=writes,
        first_verdict_seconds=first_verdict_seconds,
        restarted_mib=restarted_mib,
    )


def at_rest(ground: Ground, count: int) -> list[Figure]:
    """Memory, idle, and from start to the first verdict."""
    rest = resting(ground, count)
    memory = _MEMORY_MIB.get(count, _MEMORY_MIB[10_000])
    figure = _figures(ground, count, max(rest.synced_mib, rest.restarted_mib))
    return [
        figure(f"reconciler-memory-{count}-after-sync", rest.synced_mib, memory, "MiB", None),
        figure(f"reconciler-memory-{count}-after-restart", rest.restarted_mib, memory, "MiB", None),
        figure(f"reconciler-idle-{count}", rest.idle_percent, _IDLE_PERCENT, "% of a core", rest.idle_writes),
        figure(f"reconciler-start-{count}", rest.first_verdict_seconds, _START_SECONDS, "s", None),
    ]


def many(ground: Ground) -> list[Figure]:
    """A hundred GitSyncs of four new objects each, from one repository, all made at once."""
    namespace, number = ground.new_namespace(), 100
    repository = Repository(ground.new_directory() / "repository")
    files = {
        f"app-{n}/all.yaml": "---\n".join(object_text(f"app-{n}-{part}") for part in range(4)) for n in range(number)
    }
    repository.commit(files)
    with _installed(ground) as installation:
        installation.start_reconciler()
        _wait_answering(installation)
        started = time.perf_counter()
        names = [create_gitsync(ground, repository, namespace, path=f"app-{n}", interval="1m") for n in range(number)]
        wait_ready(ground, names)
        seconds = time.perf_counter() - started
        peak_mib = installation.reconciler_process().memory_info().rss / 2**20
        for name in names:
            delete_gitsync(ground, name)
    return [_figures(ground, 4 * number, peak_mib)("reconciler-100-gitsyncs-of-4", seconds, 20.0, "s", None)]


def pushed(ground: Ground) -> list[Figure]:
    """From a push event to the new commit's being in the cluster."""
    namespace = ground.new_namespace()
    repository = Repository(ground.new_directory() / "repository")
    write_objects(repository.path / "deploy", 100)
    repository.commit({"deploy/pushed.yaml": object_text("pushed")})
    with _installed(ground) as installation:
        hook = f"bench-hook-{secrets.token_hex(4)}"
        ground.plane.request(
            "POST",
            f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/secrets",
            {"metadata": {"name": hook}, "stringData": {"token": _TOKEN}},
        )
        installation.start_reconciler("--receiver-listen", "127.0.0.1:0")
        receiver = {"provider": "Generic", "secretRef": {"name": hook}}
        name = create_gitsync(ground, repository, namespace, path="deploy", interval="1h", receiver=receiver)
        wait_ready(ground, [name])
        url = next(
            f"http://{json.loads(line)['receiver']}/hooks/{SYSTEM_NAMESPACE}/{name}"
            for line in installation.log("reconciler", 1000).splitlines()
            if '"receiver"' in line
        )
        times = []
        for turn in range(5):
            repository.commit({"deploy/pushed.yaml": object_text("pushed", turn=str(turn))})
            started = time.perf_counter()
            signature = hmac.new(_TOKEN.encode(), b"{}", hashlib.sha256).hexdigest()
            urllib3.request("POST", url, body=b"{}", headers={"X-Signature": f"sha256={signature}"}, retries=False)
            _wait_data(ground, namespace, "pushed", {"turn": str(turn)})
            times.append(time.perf_counter() - started)
        peak_mib = installation.reconciler_process().memory_info().rss / 2**20
        delete_gitsync(ground, name)
    return [_figures(ground, 101, peak_mib)("reconciler-push-to-applied", sorted(times)[2], 2.0, "s", None)]


def _figures(ground: Ground, count: int, peak_mib: float) -> Callable[[str, float, float, str, int | None], Figure]:
    def figure(name: str, ours: float, limit: float, unit: str, api_calls: int | None) -> Figure:
        return Figure(
            name=name,
            objects=count,
            ours=round(ours, 3),
            peer="what it may take",
            peer_value=limit,
            ratio=round(max(ours / limit, 0.001), 3),
            unit=unit,
            peak_rss_mib=round(peak_mib, 1),
            api_calls=api_calls,
            versions=ground.versions,
        )

    return figure


@contextmanager
def _installed(ground: Ground) -> Iterator[Installation]:
    with Installation(ground.plane) as installation:
        installation.gitops("install", "--no-pods")
        yield installation
        assert installation.stop_reconciler() == 0


def _idle(ground: Ground, process: psutil.Process) -> tuple[float, int]:
    """(percent of one core, children included; requests that write, but those that renew the lease)."""
    _wait_settled(process)
    mark, before, started = ground.plane.audit_mark(), _cpu_seconds(process), time.perf_counter()
    time.sleep(_IDLE_SECONDS)
    percent = (_cpu_seconds(process) - before) / (time.perf_counter() - started) * 100
    ground.plane.audit_mark()
    writes = [
        event
        for event in ground.plane.audit_events(since=mark)
        if event.get("userAgent") == "kubectl-gitops"
        and event["verb"] in {"create", "update", "patch", "delete"}
        and event["objectRef"]["resource"] != "leases"
    ]
    return percent, len(writes)


def _wait_settled(process: psutil.Process) -> None:
    """Until what the sync has left to do is done: on a busy machine its watches bring that in for some time.

    No longer than a minute: what goes on after that is no rest of anything.
    """
    deadline = time.perf_counter() + 60.0
    used = 1.0
    while used > 0.1 and time.perf_counter() < deadline:
        before = _cpu_seconds(process)
        time.sleep(2.0)
        used = (_cpu_seconds(process) - before) / 2.0


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return sum((times.user, times.system, times.children_user, times.children_system))


def create_gitsync(
    ground: Ground, repository: Repository, namespace: str, *, path: str, interval: str, **source: Any
) -> str:
    name = f"bench-{secrets.token_hex(4)}"
    spec = {
        "source": {
            "repoURL": str(repository.path),
            "revision": "main",
            "path": path,
            "interval": interval,
            **source,
        },
        "target": {"namespace": namespace},
    }
    obj = {"apiVersion": "kubectl-gitops.dev/v1alpha1", "kind": "GitSync", "metadata": {"name": name}, "spec": spec}
    ground.plane.request("POST", _GITSYNCS, obj)
    return name


def delete_gitsync(ground: Ground, name: str) -> None:
    ground.plane.request("DELETE", f"{_GITSYNCS}/{name}")


def wait_ready(ground: Ground, names: list[str]) -> None:
    def ready() -> bool:
        items = ground.plane.request("GET", _GITSYNCS)["items"]
        well = {
            item["metadata"]["name"]
            for item in items
            for condition in (item.get("status") or {}).get("conditions") or []
            if condition["type"] == "Ready" and condition["status"] == "True"
        }
        return set(names) <= well

    wait_until(ready, _SECONDS, "the GitSyncs to be ready")


def _wait_answering(installation: Installation) -> None:
    """Until the process is in charge and knows the GitSyncs: its start is not measured."""
    wait_until(lambda: installation.ask_reconciler("/readyz")[0] == 200, _SECONDS, "the reconciler to be ready")


def _wait_metric(installation: Installation, name: str) -> None:
    wait_until(lambda: installation.reconciler_metric(name), _SECONDS, name)


def _wait_data(ground: Ground, namespace: str, name: str, data: dict[str, str]) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/{name}"
    wait_until(lambda: ground.plane.request("GET", path).get("data") == data, _SECONDS, name)


def object_text(name: str, **data: str) -> str:
    lines = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in (data or {"key": "git"}).items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n{lines}"


BENCHES = [
    Bench("reconciler-rest-1000", lambda ground: at_rest(ground, 1000)),
    Bench("reconciler-rest-10000", lambda ground: at_rest(ground, 10_000)),
    Bench("reconciler-many", many),
    Bench("reconciler-push", pushed),
]
