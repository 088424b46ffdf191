"""The webhook's process for the modules that need it, GitSyncs of tests, and what kubectl says to them.

A module takes the fixtures by ``cluster, webhook, shop, web = webhooks.FIXTURES``: one process for each module.
"""

from __future__ import annotations

import base64
import copy
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from prometheus_client.parser import text_string_to_metric_families

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.names import (
    ACTOR_EXTRA_KEY,
    ACTOR_RECONCILER,
    API_VERSION,
    GITSYNC_LABEL,
    MANAGED_BY_LABEL,
    SYSTEM_NAMESPACE,
    WEBHOOK_REGISTERED,
    managed_by,
)
from kubectl_gitops.api.objects import Object, Origin, digest, key_of
from kubectl_gitops.api.schema import custom_resource_definition
from kubectl_gitops.cluster.connection import Cluster, Impersonation
from kubectl_gitops.cluster.discovery import Discovery, Resource
from kubectl_gitops.cluster.writing import apply_object
from kubectl_gitops.diff.compare import canonical_of
from kubectl_gitops.diff.secrets import seal
from kubectl_gitops.errors import ClusterError, NotFound, Rejected
from kubectl_gitops.snapshot.model import Entry, Snapshot
from kubectl_gitops.snapshot.store import SnapshotStore, next_sequence
from kubectl_gitops.source.declared import declare
from kubectl_gitops.sync.engine import Engine
from kubectl_gitops.sync.planning import Planner
from kubectl_gitops.sync.steps import Target
from tests.testbed.apiclient import RequestFailed
from tests.testbed.controlplane import ControlPlane
from tests.testbed.waiting import wait_until
from webhook.configuration import CONFIGURATION_NAME, CONFIGURATIONS, WEBHOOK_NAME
from webhook.state import GITSYNCS

COMMIT = Commit(
    sha="1a2b3c4d" * 5, author="Jane Doe", author_email="jane@example.org", time="2026-10-01T10:00:00Z", subject="Web"
)
#: The promise is "within two seconds"; a test on a busy machine may be generous with everything but that.
PROMISED_SECONDS = 2.0


# The process


@dataclass(frozen=True)
class Webhook:
    """A running gitops-webhook: where it listens, and what it logs."""

    process: subprocess.Popen[bytes]
    log_file: Path
    url: str
    metrics_url: str

    def log(self) -> list[dict[str, Any]]:
        lines = self.log_file.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def samples(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        families = text_string_to_metric_families(http_get(f"{self.metrics_url}/metrics").data.decode())
        return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}

    def count(self, name: str, **labels: str) -> float:
        """The sum of the samples that have these labels."""
        wanted = frozenset(labels.items())
        return sum(value for (found, has), value in self.samples().items() if found == name and wanted <= has)


def http_get(url: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", url, timeout=5.0, retries=False)


@contextmanager
def running_webhook(
    plane: ControlPlane, directory: Path, *options: str, kubeconfig: Path | None = None
) -> Iterator[Webhook]:
    """With the rights of an administrator, where no other kubeconfig is given."""
    log_file = directory / "webhook.log"
    argv = [sys.executable, "-m", "webhook", "--kubeconfig", str(kubeconfig or plane.kubeconfig)]
    argv += [
        "--drain-seconds",
        "0",
        "--listen",
        "127.0.0.1:0",
        "--metrics-listen",
        "127.0.0.1:0",
        "--url",
        "https://127.0.0.1:0/validate",
    ]
    environ = os.environ | {"TMPDIR": str(directory)}
    with log_file.open("wb") as log, subprocess.Popen([*argv, *options], stderr=log, env=environ) as process:
        try:
            yield started(process, log_file)
        finally:
            process.terminate()
            try:
                process.wait(20)
            finally:
                process.kill()


def started(process: subprocess.Popen[bytes], log_file: Path) -> Webhook:
    def serving() -> dict[str, Any] | None:
        assert process.poll() is None, log_file.read_text()
        lines = [json.loads(line) for line in log_file.read_text().splitlines() if '"serving"' in line]
        return lines[0] if lines else None

    line = wait_until(serving, 20, "the webhook to start")
    assert line is not None
    webhook = Webhook(process, log_file, line["url"], f"http://{line['metrics']}")

    def is_ready() -> bool:
        assert process.poll() is None, log_file.read_text()
        try:
            return http_get(f"{webhook.metrics_url}/readyz").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    wait_until(is_ready, 20, "the webhook to be ready")
    return webhook


# What it lives on


@pytest.fixture(scope="module")
def cluster(control_plane: ControlPlane) -> Cluster:
    found = Cluster.from_kubeconfig(control_plane.kubeconfig)
    with suppress(RequestFailed):  # somebody else's test made it
        control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": SYSTEM_NAMESPACE}})
    crd = Resource(
        group="apiextensions.k8s.io",
        version="v1",
        kind="CustomResourceDefinition",
        plural="customresourcedefinitions",
        namespaced=False,
    )
    apply_object(found, crd, custom_resource_definition())
    wait_until(lambda: is_served(found), 20, "the CRD to be served")
    return found


def is_served(cluster: Cluster) -> bool:
    try:
        cluster.get(GITSYNCS.path())
    except ClusterError:
        return False
    return True


@pytest.fixture(scope="module")
def webhook(
    control_plane: ControlPlane, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Webhook]:
    """One for the module. Its configuration must not outlive it: others use this API server too."""
    try:
        with running_webhook(control_plane, tmp_path_factory.mktemp("webhook")) as running:
            yield running
            assert running.process.poll() is None
    finally:
        with suppress(NotFound):
            cluster.request("DELETE", CONFIGURATIONS.path("", CONFIGURATION_NAME))
        with suppress(NotFound):
            cluster.request("DELETE", f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/configmaps/{WEBHOOK_REGISTERED}")
    assert running.process.returncode == 0, running.log_file.read_text()
    assert not list(running.log_file.parent.glob("gitops-webhook-*"))


class Shop:
    """A GitSync of one test, and what it manages."""

    def __init__(self, plane: ControlPlane, cluster: Cluster, namespace: str) -> None:
        self.plane, self.cluster, self.namespace = plane, cluster, namespace
        self.name = f"shop-{secrets.token_hex(3)}"
        self.label = managed_by(namespace, self.name)
        self.store = SnapshotStore(cluster, SYSTEM_NAMESPACE)
        self.published: Snapshot | None = None

    def create(self, mode: str = "Enforce") -> None:
        spec: Object = {"source": {"repoURL": "https://git.example.org/shop.git"}, "enforcement": {"mode": mode}}
        gitsync = {
            "apiVersion": API_VERSION,
            "kind": "GitSync",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": spec,
        }
        self.cluster.request("POST", GITSYNCS.path(self.namespace), body=gitsync)

    def set_mode(self, mode: str) -> None:
        self.change({"enforcement": {"mode": mode}})

    def change(self, spec: Object) -> None:
        self.cluster.request(
            "PATCH",
            GITSYNCS.path(self.namespace, self.name),
            body={"spec": spec},
            content_type="application/merge-patch+json",
        )

    def manage(self, *objects: Object) -> None:
        """Apply as the reconciler does, then publish what the API server made of it."""
        reconciler = self.cluster.acting_as(
            Impersonation(user="test-reconciler", groups=["system:masters"], extra={ACTOR_EXTRA_KEY: ACTOR_RECONCILER})
        )
        discovery = Discovery(self.cluster)
        entries = []
        for line, obj in enumerate(objects, 7):
            labelled = copy.deepcopy(obj)
            labelled["metadata"].setdefault("labels", {})[MANAGED_BY_LABEL] = self.label
            labelled["metadata"].setdefault("namespace", self.namespace)
            answer = apply_object(reconciler, discovery.need(obj["apiVersion"], obj["kind"]), labelled)
            entries.append(self.entry(answer, line))
        self.publish(entries)

    def sync(self, manifest: str, *, file: str) -> None:
        """Sync what a file declares, with the reconciler's own engine and rights."""
        cluster = self.cluster.acting_as(
            Impersonation(user="test-reconciler", groups=["system:masters"], extra={ACTOR_EXTRA_KEY: ACTOR_RECONCILER})
        )
        discovery, key = Discovery(cluster), self.store.sealing_key()
        target = Target(namespace=self.namespace, name=self.name, label=self.label, default_namespace=self.namespace)
        planner = Planner(reader=cluster, writer=cluster, discovery=discovery, sealing_key=key)
        declared = declare(manifest.encode(), file=file)
        plan = planner.plan(declared, target, previous=None, file_commits={file: COMMIT})
        engine = Engine(writer=cluster, discovery=discovery, store=self.store, sealing_key=key)
        result = engine.run(plan, revision=COMMIT, repo_url="https://git.example.org/shop.git", path="deploy")
        assert not result.failed

    def entry(self, answer: Object, line: int) -> Entry:
        key = key_of(answer)
        return Entry(
            api_version=answer["apiVersion"],
            kind=key.kind,
            namespace=key.namespace,
            name=key.name,
            origin=Origin("deploy/web.yaml", line),
            declared_digest=digest(answer["metadata"]["name"]),
            commit=COMMIT,
            canonical=canonical_of(seal(answer, self.store.sealing_key())),
        )

    def publish(self, entries: Iterable[Entry]) -> None:
        self.published = Snapshot(
            namespace=self.namespace,
            name=self.name,
            revision=COMMIT,
            repo_url="https://git.example.org/shop.git",
            path="deploy",
            sequence=next_sequence(self.published),
            complete=True,
            entries=tuple(entries),
        )
        self.store.publish(self.published)

    def forget(self) -> None:
        self.forget_snapshots()
        with suppress(NotFound):
            self.cluster.request("DELETE", GITSYNCS.path(self.namespace, self.name))

    def forget_snapshots(self) -> None:
        selector = f"{GITSYNC_LABEL}={managed_by(self.namespace, self.name)}"
        self.plane.kubectl("delete", "secrets", "-n", self.store.namespace, "-l", selector)

    def kubectl(self, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return self.plane.kubectl("-n", self.namespace, *args, check=False, **options)

    def refused(self, *args: str, by: str = WEBHOOK_NAME, **options: Any) -> str:
        """What kubectl writes when the webhook refuses."""
        done = self.kubectl(*args, **options)
        assert done.returncode != 0, f"not refused: kubectl {' '.join(args)}: {done.stdout}{done.stderr}"
        assert f'"{by}" denied the request' in done.stderr, done.stderr
        return done.stderr

    def allowed(self, *args: str, **options: Any) -> str:
        """What kubectl writes (warnings included) when the change passes."""
        done = self.kubectl(*args, **options)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def may_go(self) -> bool:
        """Whether the namespace may be deleted, as the fixture that made it will."""
        try:
            self.cluster.request("DELETE", f"/api/v1/namespaces/{self.namespace}?dryRun=All")
        except Rejected:
            return False
        except NotFound:
            return True
        return True

    def wait_enforced(self, *resource: str) -> None:
        """Until the API server asks the webhook about this kind, and the webhook knows this GitSync."""
        kind, name = resource
        wait_until(
            lambda: self.kubectl("delete", kind, name, "--dry-run=server").returncode != 0,
            10,
            f"{kind}/{name} to be enforced",
        )


@pytest.fixture
def shop(control_plane: ControlPlane, cluster: Cluster, webhook: Webhook, namespace: str) -> Iterator[Shop]:
    """A GitSync in mode Enforce that manages nothing yet."""
    made = Shop(control_plane, cluster, namespace)
    made.create()
    yield made
    made.forget()
    wait_until(made.may_go, 10, f"namespace {namespace} to be free")


def deployment() -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [{"name": "web", "image": "shop:1.4", "resources": {"requests": {"cpu": "1000m"}}}]
                },
            },
        },
    }


def config_map() -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"mode": "prod"}}


@pytest.fixture
def web(shop: Shop) -> Shop:
    shop.manage(deployment(), config_map())
    shop.wait_enforced("deployment", "web")
    shop.wait_enforced("configmap", "settings")
    return shop


#: To be assigned to module variables of these names, in this order.
FIXTURES = (cluster, webhook, shop, web)


# Shorthand


def patch(kind: str, name: str, value: Mapping[str, Any]) -> list[str]:
    return ["patch", kind, name, "--type=merge", "-p", json.dumps(value)]


def scale(replicas: int) -> list[str]:
    return patch("deployment", "web", {"spec": {"replicas": replicas}})


def allowed_with(shop: Shop, *args: str) -> str | None:
    done = shop.kubectl(*args)
    return done.stderr if done.returncode == 0 else None


def rules(cluster: Cluster) -> list[tuple[str, str]]:
    found = cluster.get(CONFIGURATIONS.path("", CONFIGURATION_NAME))
    return [
        (rule["apiGroups"][0], resource)
        for webhook in found.get("webhooks", [])
        if webhook["name"] == WEBHOOK_NAME
        for rule in webhook["rules"]
        for resource in rule["resources"]
    ]


def trusting_pool(cluster: Cluster, webhook: Webhook, **options: Any) -> urllib3.HTTPSConnectionPool:
    """To the webhook as the API server sees it: with the CA of the configuration and nothing else."""
    configuration = cluster.get(CONFIGURATIONS.path("", CONFIGURATION_NAME))
    ca_pem = base64.b64decode(configuration["webhooks"][0]["clientConfig"]["caBundle"]).decode()
    url = urlsplit(webhook.url)
    assert url.hostname is not None
    return urllib3.HTTPSConnectionPool(url.hostname, url.port, ca_cert_data=ca_pem, timeout=10, **options)
