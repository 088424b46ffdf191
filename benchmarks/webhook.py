"""webhook-*: what a verdict costs beside an app that always says yes, and what the webhook costs the API server.

The webhook has one core, who asks it another. It knows 10,000 objects, of which five are in the cluster.
"""

from __future__ import annotations

import base64
import copy
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import psutil
import urllib3

from benchmarks.bench import Bench, Figure, Ground
from benchmarks.measure import CommandFailed
from benchmarks.objects import OBJECTS_PER_FILE
from benchmarks.reviews import CLIENT_CORE
from benchmarks.stalls import stalls
from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.names import (
    ACTOR_EXTRA_KEY,
    ACTOR_RECONCILER,
    API_VERSION,
    MANAGED_BY_LABEL,
    SYSTEM_NAMESPACE,
    managed_by,
)
from kubectl_gitops.api.objects import Object, Origin, digest, key_of
from kubectl_gitops.api.schema import custom_resource_definition
from kubectl_gitops.cluster.connection import MERGE_PATCH, Cluster, Impersonation
from kubectl_gitops.cluster.discovery import Discovery, Resource
from kubectl_gitops.cluster.writing import apply_object, create_object
from kubectl_gitops.diff.compare import Canonical, canonical_of
from kubectl_gitops.errors import ClusterError, NotFound
from kubectl_gitops.snapshot.codec import encode
from kubectl_gitops.snapshot.model import Entry, Snapshot
from kubectl_gitops.snapshot.store import SECRETS, SnapshotStore
from kubectl_gitops.source.desired import from_directory
from tests.testbed.waiting import wait_until
from webhook.configuration import CONFIGURATION_NAME, CONFIGURATIONS
from webhook.state import GITSYNCS

COUNT = 10_000
PEER = "an app that says yes"
ALLOWED = "allowed"
_WEBHOOK_CORE = 0
_BODIES = 2000
_REFUSED = 10
#: Of new snapshots: as many as count, out of at most as many.
_ROUNDS, _TRIES = 7, 20
#: What a new snapshot does to answers may show a moment later.
_AFTER_SECONDS = 0.5
#: A stall of the machine that spoils a round: what piles up in it is answered long after it.
_LONG_STALL_SECONDS = 0.03
_NAME = "shop"
_CRD = Resource(
    group="apiextensions.k8s.io",
    version="v1",
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    namespaced=False,
)


class Shop:
    """A GitSync with ``COUNT`` objects, five of them real, and the reviews that the API server sends about them."""

    def __init__(self, ground: Ground) -> None:
        self.ground, self.namespace, self.directory = ground, ground.new_namespace(), ground.new_directory()
        self.cluster = Cluster.from_kubeconfig(Path(ground.environment["KUBECONFIG"]))
        self.label = managed_by(self.namespace, _NAME)
        self._install()
        actor = Impersonation(user="bench", groups=["system:masters"], extra={ACTOR_EXTRA_KEY: ACTOR_RECONCILER})
        reconciler, discovery = self.cluster.acting_as(actor), Discovery(self.cluster)
        self.live: list[Object] = []
        for one in from_directory(ground.objects(OBJECTS_PER_FILE)).declared:
            labels = {**one.object["metadata"].get("labels", {}), MANAGED_BY_LABEL: self.label}
            labelled = {**one.object, "metadata": {**one.object["metadata"], "namespace": self.namespace}}
            labelled["metadata"]["labels"] = labels
            answer = apply_object(reconciler, discovery.need(one.api_version, one.kind), labelled)
            self.live.append({"apiVersion": one.api_version, "kind": one.kind, **answer})
        self.entries = [_entry(obj) for obj in self.live]
        for number in range(1, COUNT // len(self.live)):
            self.entries += [_renamed(entry, f"app-{number:05}") for entry in self.entries[: len(self.live)]]
        self.publish("a" * 40)

    def _install(self) -> None:
        with suppress(ClusterError):
            self.cluster.request("POST", "/api/v1/namespaces", body={"metadata": {"name": SYSTEM_NAMESPACE}})
        apply_object(self.cluster, _CRD, custom_resource_definition())
        gitsync = {
            "apiVersion": API_VERSION,
            "kind": "GitSync",
            "metadata": {"name": _NAME, "namespace": self.namespace},
            "spec": {"source": {"repoURL": "https://git.example.org/shop.git"}, "enforcement": {"mode": "Enforce"}},
        }

        def is_created() -> bool:
            try:
                self.cluster.request("POST", GITSYNCS.path(self.namespace), body=gitsync)
            except NotFound:
                return False
            return True

        wait_until(is_created, 20, "the CRD to be served")

    def publish(self, sha: str) -> None:
        SnapshotStore(self.cluster, SYSTEM_NAMESPACE).publish(self.snapshot(sha))

    def encoded(self, sha: str) -> list[Object]:
        """A publication, ready to be stored: to make it takes a core, which is not the webhook's business."""
        return encode(self.snapshot(sha), namespace=SYSTEM_NAMESPACE)

    def snapshot(self, sha: str) -> Snapshot:
        return Snapshot(
            namespace=self.namespace,
            name=_NAME,
            revision=_commit(sha),
            repo_url="https://git.example.org/shop.git",
            path="deploy",
            sequence=time.time_ns() // 1_000_000,
            complete=True,
            entries=tuple(self.entries),
        )

    def bodies(self) -> Path:
        """Reviews of updates of all Deployments: most are allowed, one in ten is refused."""
        web = next(obj for obj in self.live if obj["kind"] == "Deployment")
        lines = []
        for number in range(_BODIES):
            old = copy.deepcopy(web)
            old["metadata"]["name"] = f"app-{number * (COUNT // len(self.live)) // _BODIES:05}"
            new = copy.deepcopy(old)
            if number % _REFUSED == 0:
                new["spec"]["replicas"] = 9
            else:
                new["metadata"]["annotations"] = {"note": "hello"}
            lines.append(orjson.dumps(_review(old, new)))
        path = self.directory / "bodies"
        path.write_bytes(b"\n".join(lines))
        return path

    def ca(self) -> Path:
        path = self.directory / "ca.crt"
        secret = self.cluster.get(f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/secrets/gitops-webhook-ca")
        path.write_bytes(base64.b64decode(secret["data"]["tls.crt"]))
        return path


@dataclass(frozen=True)
class Served:
    address: str
    metrics: str
    pid: int
    ready_seconds: float


@contextmanager
def webhook(shop: Shop) -> Iterator[Served]:
    """The webhook on its core, ready, and asked by the API server."""
    port, metrics = _free_port(), _free_port()
    argv = [sys.executable, "-m", "webhook", "--kubeconfig", shop.ground.environment["KUBECONFIG"]]
    argv += ["--listen", f"127.0.0.1:{port}", "--metrics-listen", f"127.0.0.1:{metrics}", "--drain-seconds", "0"]
    argv += ["--url", f"https://127.0.0.1:{port}/validate"]
    began = time.perf_counter()
    with _process(argv, shop.ground.environment) as process:
        wait_until(lambda: _is_ready(metrics), 60, "the webhook to be ready")
        ready = time.perf_counter() - began
        wait_until(lambda: _is_registered(shop.cluster), 20, "the webhook to be registered")
        yield Served(f"127.0.0.1:{port}", f"http://127.0.0.1:{metrics}", process.pid, ready)
    with suppress(NotFound):
        shop.cluster.request("DELETE", CONFIGURATIONS.path("", CONFIGURATION_NAME))


@contextmanager
def floor(ground: Ground) -> Iterator[tuple[str, Path]]:
    """The app that says yes: where it answers, and its CA."""
    directory, port = ground.new_directory(), _free_port()
    with _process([sys.executable, "-m", "benchmarks.yes", str(port), str(directory)], ground.environment):
        wait_until((directory / "ca.crt").exists, 20, "the floor")
        yield f"127.0.0.1:{port}", directory / "ca.crt"


def verdicts(ground: Ground) -> list[Figure]:
    """As many as it can, and then the time of one at a load that both bear, in turn."""
    shop = Shop(ground)
    bodies = shop.bodies()
    with (
        webhook(shop) as served,
        floor(ground) as (floor_address, floor_ca),
        stalls(ground, [_WEBHOOK_CORE, CLIENT_CORE]) as machine,
    ):
        sides = {"ours": (served.address, shop.ca()), PEER: (floor_address, floor_ca)}
        rates: dict[str, list[float]] = {side: [] for side in sides}
        latencies: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(5):
            for side, (address, ca) in sides.items():
                found = ask(ground, address, ca, bodies, connections=16, seconds=3)
                rates[side].append(len(found["answered"]) / found["seconds"])
        for _ in range(5):
            for side, (address, ca) in sides.items():
                found = ask(ground, address, ca, bodies, connections=16, seconds=3, rate=300)
                latencies[side] += machine.spared(found["answered"])
        memory = _pss_mib(served.pid)
    rate = {side: statistics.median(found) for side, found in rates.items()}
    p50 = {side: _percentile(found, 50) * 1000 for side, found in latencies.items()}
    p99 = {side: _percentile(found, 99) * 1000 for side, found in latencies.items()}
    make = _maker(ground, memory)
    return [
        make("webhook-throughput", rate["ours"], PEER, rate[PEER], "reviews/s"),
        make("webhook-p50", p50["ours"], PEER, p50[PEER], "ms"),
        make("webhook-p99", p99["ours"], PEER, p99[PEER], "ms"),
        make("webhook-memory", memory, ALLOWED, 160.0, "MiB PSS"),
    ]


def patches(ground: Ground) -> list[Figure]:
    """A PATCH of a managed object through the API server, with the webhook and without, in turn."""
    shop = Shop(ground)
    with webhook(shop) as served:
        configuration = shop.cluster.get(CONFIGURATIONS.path("", CONFIGURATION_NAME))
        hooks = configuration["webhooks"]
        times: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(5):
            for is_asked in (True, False):
                _replace_hooks(shop.cluster, hooks if is_asked else [])
                _wait_asked(shop, is_asked=is_asked)
                times[is_asked] += [_patch(shop) for _ in range(200)]
        _replace_hooks(shop.cluster, hooks)
        memory = _pss_mib(served.pid)
    with_, without = (statistics.median(times[is_asked]) * 1000 for is_asked in (True, False))
    return [_maker(ground, memory)("webhook-patch-p50", with_, "no webhook", without, "ms")]


def cold_start(ground: Ground) -> list[Figure]:
    shop, seconds, memory = Shop(ground), [], 0.0
    for _ in range(5):
        with webhook(shop) as served:
            seconds.append(served.ready_seconds)
            memory = max(memory, _pss_mib(served.pid))
    return [_maker(ground, memory)("webhook-cold-start", statistics.median(seconds), ALLOWED, 3.0, "s")]


def new_snapshots(ground: Ground) -> list[Figure]:
    """Another snapshot of all objects while reviews come: until it is in force, and the slowest answer meanwhile.

    Beside the slowest one when nothing is new, in as long a time shortly after. A round in which the machine stood
    still for nearly as long as what is looked for does not count, nor do answers that shorter stalls fell upon.
    """
    shop = Shop(ground)
    bodies = shop.bodies()
    live: list[float] = []
    slowest: list[float] = []
    quiet: list[float] = []
    with webhook(shop) as served, stalls(ground, [_WEBHOOK_CORE, CLIENT_CORE]) as machine:
        ca = shop.ca()
        for _ in range(_TRIES):
            sha = secrets.token_hex(20)
            chunks = shop.encoded(sha)
            with _asking(ground, served.address, ca, bodies, seconds=6, rate=200) as asking:
                began = time.perf_counter()
                for chunk in chunks:
                    create_object(shop.cluster, SECRETS, chunk, manager="bench")
                published = time.perf_counter()
                wait_until(lambda sha=sha: sha in _metrics(served), 30, "the snapshot")  # type: ignore[misc]
                ended = time.perf_counter()
            answered = orjson.loads(asking.output)["answered"]
            windows = [(began, ended + _AFTER_SECONDS), (ended + 1.0, 2 * ended + 1.0 + _AFTER_SECONDS - began)]
            news, nothing = (
                machine.spared([one for one in answered if since < one[0] < until]) for since, until in windows
            )
            if machine.longest(began - _AFTER_SECONDS, windows[1][1]) > _LONG_STALL_SECONDS or not (news and nothing):
                continue
            live.append(ended - published)
            slowest.append(max(news))
            quiet.append(max(nothing))
            if len(slowest) == _ROUNDS:
                break
        memory = _pss_mib(served.pid)
    if not slowest:
        raise CommandFailed(f"the machine stood still in each of {_TRIES} rounds")
    make = _maker(ground, memory)
    return [
        make("webhook-snapshot-live", max(live), ALLOWED, 1.0, "s"),
        make("webhook-snapshot-slowest-review", max(slowest) * 1000, ALLOWED, 50.0, "ms"),
        make("webhook-snapshot-slowest-review", max(slowest) * 1000, "nothing new", max(quiet) * 1000, "ms"),
    ]


# Asking


def ask(
    ground: Ground, address: str, ca: Path, bodies: Path, *, connections: int, seconds: float, rate: float = 0
) -> dict[str, Any]:
    argv = [sys.executable, "-m", "benchmarks.reviews", address, ca, bodies, connections, seconds, rate]
    done = subprocess.run(list(map(str, argv)), env=_environment(ground.environment), capture_output=True, check=False)
    if done.returncode:
        raise CommandFailed(done.stderr.decode()[-2000:])
    found: dict[str, Any] = orjson.loads(done.stdout)
    return found


class _Asking:
    output = b""


@contextmanager
def _asking(ground: Ground, address: str, ca: Path, bodies: Path, *, seconds: float, rate: float) -> Iterator[_Asking]:
    argv = [sys.executable, "-m", "benchmarks.reviews", address, ca, bodies, 16, seconds, rate]
    found = _Asking()
    process = subprocess.Popen(
        list(map(str, argv)), env=_environment(ground.environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()  # it has begun
    yield found
    found.output, errors = process.communicate()
    if process.returncode:
        raise CommandFailed(errors.decode()[-2000:])


def _patch(shop: Shop) -> float:
    """Seconds of one change of a label that nobody minds."""
    body = {"metadata": {"annotations": {"note": secrets.token_hex(4)}}}
    path = f"/apis/apps/v1/namespaces/{shop.namespace}/deployments/app-00000"
    began = time.perf_counter()
    shop.cluster.request("PATCH", path, body=body, content_type=MERGE_PATCH)
    return time.perf_counter() - began


def _replace_hooks(cluster: Cluster, hooks: Sequence[Object]) -> None:
    path = CONFIGURATIONS.path("", CONFIGURATION_NAME)
    cluster.request("PATCH", path, body={"webhooks": list(hooks)}, content_type=MERGE_PATCH)


def _wait_asked(shop: Shop, *, is_asked: bool) -> None:
    path = f"/apis/apps/v1/namespaces/{shop.namespace}/deployments/app-00000"

    def is_so() -> bool:
        try:
            shop.cluster.request("DELETE", path, query={"dryRun": "All"})
        except ClusterError:
            return is_asked
        return not is_asked

    wait_until(is_so, 20, "the API server to take note")


# Processes


@contextmanager
def _process(argv: Sequence[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    pinned = ["taskset", "--cpu-list", str(_WEBHOOK_CORE)] if (os.cpu_count() or 1) > CLIENT_CORE else []
    output = subprocess.DEVNULL
    with subprocess.Popen([*pinned, *argv], env=_environment(environment), stderr=output) as process:
        try:
            yield process
        finally:
            process.terminate()


def _environment(environment: dict[str, str]) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), environment.get("PYTHONPATH")]))
    return {**environment, "PYTHONPATH": path}


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _is_ready(metrics_port: int) -> bool:
    try:
        return urllib3.request("GET", f"http://127.0.0.1:{metrics_port}/readyz", retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def _is_registered(cluster: Cluster) -> bool:
    try:
        return bool(cluster.get(CONFIGURATIONS.path("", CONFIGURATION_NAME)).get("webhooks"))
    except NotFound:
        return False


def _metrics(served: Served) -> str:
    return urllib3.request("GET", f"{served.metrics}/metrics", retries=False).data.decode()


def _pss_mib(pid: int) -> float:
    """Of a process and all below it; what several share is counted once."""
    root = psutil.Process(pid)
    pss = sum(one.memory_full_info().pss for one in [root, *root.children(recursive=True)])
    return float(pss) / (1 << 20)


# Objects


def _entry(obj: Object) -> Entry:
    key = key_of(obj)
    return Entry(
        api_version=obj["apiVersion"],
        kind=key.kind,
        namespace=key.namespace,
        name=key.name,
        origin=Origin(f"{key.name}.yaml", 1),
        declared_digest=digest(key.name),
        commit=_commit("c" * 40),
        canonical=canonical_of(obj),
        field_lines=tuple(range(2, 2 + len(list(canonical_of(obj).fields.paths())))),
    )


def _renamed(entry: Entry, name: str) -> Entry:
    assert entry.canonical is not None
    text = orjson.dumps([entry.canonical.tree, entry.canonical.fields_v1]).replace(b"app-00000", name.encode())
    origin = Origin(f"{name}.yaml", entry.origin.line)
    return replace(entry, name=name, origin=origin, canonical=Canonical(*orjson.loads(text)))


def _commit(sha: str) -> Commit:
    time_ = "2026-10-01T10:00:00Z"
    return Commit(sha=sha, author="Jane Doe", author_email="jane@example.org", time=time_, subject="Web")


def _review(old: Object, new: Object) -> Object:
    group, _, version = old["apiVersion"].rpartition("/")
    kind = {"group": group, "version": version, "kind": old["kind"]}
    resource = {"group": group, "version": version, "resource": f"{old['kind'].lower()}s"}
    return {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": kind,
            "resource": resource,
            "requestKind": kind,
            "requestResource": resource,
            "name": old["metadata"]["name"],
            "namespace": old["metadata"]["namespace"],
            "operation": "UPDATE",
            "userInfo": {"username": "bob", "groups": ["system:authenticated"]},
            "object": new,
            "oldObject": old,
            "dryRun": False,
            "options": {"kind": "UpdateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "kubectl-edit"},
        },
    }


def _percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def _maker(ground: Ground, memory_mib: float) -> Callable[[str, float, str, float, str], Figure]:
    def make(name: str, ours: float, peer: str, theirs: float, unit: str) -> Figure:
        return Figure(
            name=name,
            objects=COUNT,
            ours=round(ours, 3),
            peer=peer,
            peer_value=round(theirs, 3),
            ratio=round(ours / theirs, 3),
            unit=unit,
            peak_rss_mib=round(memory_mib, 1),
            api_calls=None,
            versions=ground.versions,
        )

    return make


BENCHES = [
    Bench("webhook-verdicts", verdicts),
    Bench("webhook-patch", patches),
    Bench("webhook-cold-start", cold_start),
    Bench("webhook-new-snapshot", new_snapshots),
]
