"""Several replicas behind a load balancer: nothing that is asked is lost, whatever is restarted or rotated.

Each request of the load is one that must be refused: with the failurePolicy Ignore, one that nobody reviews would pass;
with Fail, it is refused for another reason. The replicas have the rights of manifests/base, and no more.
"""

from __future__ import annotations

import base64
import secrets
import signal
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import urllib3
from prometheus_client.parser import text_string_to_metric_families

from kubectl_gitops.api.names import API_VERSION, SYSTEM_NAMESPACE, WEBHOOK_REGISTERED
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import MERGE_PATCH, Cluster
from kubectl_gitops.errors import ClusterError, NotFound, Rejected
from tests.integration import webhooks
from tests.integration.webhooks import Shop, Webhook, config_map, deployment, http_get, running_webhook, scale
from tests.testbed.accounts import grant, kubeconfig_of
from tests.testbed.balancer import Backend, Balancer, balancer
from tests.testbed.controlplane import ControlPlane
from tests.testbed.waiting import wait_until
from webhook.authorities import ROTATE_ANNOTATION, authorities_in
from webhook.certs import CA_SECRET
from webhook.configuration import CONFIGURATION_NAME, CONFIGURATIONS, WEBHOOK_NAME

cluster = webhooks.FIXTURES[0]

CA_PATH = f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/secrets/{CA_SECRET}"


class Replicas:
    """Webhooks of one Service, each a process; ``start`` starts one and takes it into the balancer."""

    def __init__(self, plane: ControlPlane, directory: Path, front: Balancer, stack: ExitStack) -> None:
        self._plane, self._directory, self._front, self._stack = plane, directory, front, stack
        self._kubeconfig = kubeconfig_of(plane, "gitops-webhook", directory)
        self.running: list[Webhook] = []

    def start(self, *options: str) -> Webhook:
        directory = self._directory / secrets.token_hex(4)
        directory.mkdir()
        url = f"https://127.0.0.1:{self._front.port}/validate"
        made = self._stack.enter_context(
            running_webhook(self._plane, directory, "--url", url, *options, kubeconfig=self._kubeconfig)
        )
        self.running.append(made)
        self._front.backends = [*self._front.backends, Backend(listening_port(made), f"{made.metrics_url}/readyz")]
        count = len(self._front.backends)
        wait_until(lambda: len(self._front.ready) == count, 20, "it to be in the balance")
        return made

    def terminate(self, one: Webhook) -> None:
        """As the kubelet does; gone from the balancer as soon as it is not ready, and from its list when it ends."""
        position = self.running.index(one)
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(20) == 0, one.log_file.read_text()
        self._forget(position)

    def kill(self, one: Webhook) -> None:
        """At once, with all that it was asked."""
        position = self.running.index(one)
        one.process.kill()
        one.process.wait(20)
        self._forget(position)

    def _forget(self, position: int) -> None:
        self.running.pop(position)
        self._front.backends = [b for place, b in enumerate(self._front.backends) if place != position]


def listening_port(one: Webhook) -> int:
    line = next(line for line in one.log() if line["message"] == "serving")
    return int(line["listen"].rpartition(":")[2])


@pytest.fixture
def replicas(control_plane: ControlPlane, cluster: Cluster, tmp_path: Path) -> Iterator[Replicas]:
    grant(control_plane, "webhook-rbac.yaml")
    try:
        with balancer() as front, ExitStack() as stack:
            yield Replicas(control_plane, tmp_path, front, stack)
    finally:
        with suppress(NotFound):
            cluster.request("DELETE", CONFIGURATIONS.path("", CONFIGURATION_NAME))
        with suppress(NotFound):
            cluster.request("DELETE", f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/configmaps/{WEBHOOK_REGISTERED}")


@pytest.fixture
def shop(control_plane: ControlPlane, cluster: Cluster, namespace: str) -> Iterator[Shop]:
    made = Shop(control_plane, cluster, namespace)
    made.create()
    made.manage(deployment(), config_map())
    yield made
    made.forget()


STRICT = "strict.example.org"
STRICT_NAME = f"managed.{STRICT}"


@contextmanager
def strict(shop: Shop) -> Iterator[None]:
    """Our webhooks once more, with failurePolicy Fail, for the namespace of a test; they follow ours."""
    path, stopped = CONFIGURATIONS.path("", STRICT), threading.Event()

    def follow() -> None:
        seen: list[Object] = []
        while not stopped.wait(0.05):
            with suppress(ClusterError):
                found = shop.cluster.get(CONFIGURATIONS.path("", CONFIGURATION_NAME)).get("webhooks", [])
                if found != seen:
                    copied = [strictly(one, shop.namespace) for one in found if one["name"] == WEBHOOK_NAME]
                    shop.cluster.request("PATCH", path, body={"webhooks": copied}, content_type=MERGE_PATCH)
                    seen = found

    metadata = {"apiVersion": CONFIGURATIONS.api_version, "kind": CONFIGURATIONS.kind, "metadata": {"name": STRICT}}
    shop.cluster.request("POST", CONFIGURATIONS.path(), body=metadata)
    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        wait_until(lambda: STRICT in shop.kubectl(*scale(9), "--dry-run=server").stderr, 20, "the copy to be asked")
        yield
    finally:
        stopped.set()
        thread.join(10)
        shop.cluster.request("DELETE", path)


def strictly(webhook: Object, namespace: str) -> Object:
    here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    return {**webhook, "name": STRICT_NAME, "failurePolicy": "Fail", "namespaceSelector": here}


class Load:
    """Requests that must all be refused, from several clients at once."""

    def __init__(self, shop: Shop) -> None:
        self._path = f"/apis/apps/v1/namespaces/{shop.namespace}/deployments/web"
        self._cluster = shop.cluster
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.refused = 0
        self.failed: list[str] = []

    def _run(self) -> None:
        body: Object = {"spec": {"replicas": 9}}
        while not self._stopped.is_set():
            failure = "passed"
            try:
                self._cluster.request("PATCH", self._path, query={"dryRun": "All"}, body=body, content_type=MERGE_PATCH)
            except Rejected as exc:
                failure = "" if "spec.replicas: Git says 3, asked 9" in str(exc) else str(exc)
            except ClusterError as exc:
                failure = str(exc)
            with self._lock:
                self.refused += not failure
                self.failed += [failure] if failure else []

    @contextmanager
    def running(self, clients: int) -> Iterator[None]:
        threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join(30)


@pytest.mark.timeout(900)
def test_a_rolling_restart_under_load_loses_no_review(replicas: Replicas, shop: Shop) -> None:
    for _ in range(3):
        replicas.start("--drain-seconds", "2")
    shop.wait_enforced("deployment", "web")
    load, failed_before = Load(shop), failed_calls(shop)
    with strict(shop), load.running(clients=4):
        for one in list(replicas.running):
            replicas.start("--drain-seconds", "2")
            replicas.terminate(one)
        wait_until(lambda: load.refused + len(load.failed) >= 10_000, 600, "10,000 requests")
    assert load.failed == []
    assert failed_calls(shop) == failed_before


@pytest.mark.timeout(300)
def test_a_replica_that_is_killed_under_load_does_lose_some(replicas: Replicas, shop: Shop) -> None:
    """What the other tests look for, they would find."""
    for _ in range(2):
        replicas.start()
    shop.wait_enforced("deployment", "web")
    load, failed_before = Load(shop), failed_calls(shop)
    with strict(shop), load.running(clients=4):
        for _ in range(10):
            replicas.start()
            replicas.kill(replicas.running[0])
            if load.failed:
                break
    assert load.failed
    assert failed_calls(shop) > failed_before


@pytest.mark.timeout(900)
def test_rotating_twenty_times_under_load_loses_no_review(replicas: Replicas, shop: Shop) -> None:
    """Authority and leaves of two replicas, each time others."""
    for _ in range(2):
        replicas.start("--rotation-wait-seconds", "1.5")
    shop.wait_enforced("deployment", "web")
    seen = {bundle(shop.cluster)}
    load, failed_before = Load(shop), failed_calls(shop)
    with strict(shop), load.running(clients=3):
        for number in range(20):
            annotations = {"metadata": {"annotations": {ROTATE_ANNOTATION: f"{secrets.token_hex(4)}-{number}"}}}
            shop.cluster.request("PATCH", CA_PATH, body=annotations, content_type=MERGE_PATCH)
            wait_until(lambda: is_rotated(shop.cluster, seen), 60, "another authority alone to be trusted")
            seen.add(bundle(shop.cluster))
    assert load.failed == []
    assert failed_calls(shop) == failed_before
    assert load.refused > 1_000
    assert len(seen) == 21
    for one in replicas.running:
        issued = [line for line in one.log() if line["message"] == "serving a new certificate"]
        assert len(issued) == 21, one.log_file.read_text()


def test_a_new_certificate_is_served_when_asked_for_by_signal(replicas: Replicas, shop: Shop) -> None:
    one = replicas.start()
    shop.wait_enforced("deployment", "web")
    address = ("127.0.0.1", listening_port(one))
    served = {ssl.get_server_certificate(address)}
    load = Load(shop)
    with load.running(clients=2):
        for _ in range(5):
            one.process.send_signal(signal.SIGHUP)
            wait_until(lambda: ssl.get_server_certificate(address) not in served, 20, "a new certificate")
            served.add(ssl.get_server_certificate(address))
    assert load.failed == []
    assert issued(one) == 6


def test_who_is_told_to_stop_is_not_ready_and_goes_on_answering(replicas: Replicas, shop: Shop) -> None:
    one = replicas.start("--drain-seconds", "4")  # which the API server has connections to, and keeps
    shop.wait_enforced("deployment", "web")
    replicas.start()
    answered = one.count("gitops_webhook_reviews_total")
    load = Load(shop)
    with load.running(clients=2):
        wait_until(lambda: one.count("gitops_webhook_reviews_total") > answered, 20, "it to be asked")
        one.process.send_signal(signal.SIGTERM)
        wait_until(lambda: http_get(f"{one.metrics_url}/readyz").status == 503, 4, "it not to be ready")
        assert one.process.poll() is None
        assert one.process.wait(20) == 0
    assert load.failed == []


def test_an_authority_that_is_deleted_is_put_back_as_it_was(replicas: Replicas, shop: Shop) -> None:
    replicas.start()
    shop.wait_enforced("deployment", "web")
    before = authorities_in(shop.cluster.get(CA_PATH)).bundle_pem
    shop.cluster.request("DELETE", CA_PATH)
    wait_until(lambda: secret_bundle(shop.cluster) == before, 10, "the Secret to be back")
    shop.refused("scale", "deployment/web", "--replicas=9", by="scale.kubectl-gitops.dev")


def test_break_glass_opens_and_ends_on_every_replica(
    control_plane: ControlPlane, replicas: Replicas, shop: Shop
) -> None:
    grant(control_plane, "break-glass.yaml")
    for _ in range(2):
        replicas.start()
    shop.wait_enforced("deployment", "web")
    path = f"/apis/{API_VERSION}/namespaces/{shop.namespace}/breakglasses"
    glass: Object = {
        "apiVersion": API_VERSION,
        "kind": "BreakGlass",
        "metadata": {"name": "incident"},
        "spec": {"gitSync": shop.name, "duration": "10m", "reason": "INC-42", "by": "admin"},
    }
    wait_until(lambda: verdicts(replicas, shop) == [False, False], 20, "both to refuse")
    shop.cluster.request("POST", path, body=glass)
    wait_until(lambda: verdicts(replicas, shop) == [True, True], 20, "both to let it pass")
    shop.cluster.request("DELETE", f"{path}/incident")
    wait_until(lambda: verdicts(replicas, shop) == [False, False], 20, "both to refuse again")


def verdicts(replicas: Replicas, shop: Shop) -> list[bool]:
    """What each replica itself says of a change away from Git; the balancer would ask any of them."""
    live = shop.cluster.get(f"/api/v1/namespaces/{shop.namespace}/configmaps/settings")
    kind = {"group": "", "version": "v1"}
    request = {
        "uid": secrets.token_hex(8),
        "kind": {**kind, "kind": "ConfigMap"},
        "resource": {**kind, "resource": "configmaps"},
        "name": "settings",
        "namespace": shop.namespace,
        "operation": "UPDATE",
        "userInfo": {"username": "jane", "groups": ["system:authenticated"]},
        "object": {**live, "data": {"mode": "test"}},
        "oldObject": live,
        "dryRun": True,
    }
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    ca_pem = authorities_in(shop.cluster.get(CA_PATH)).bundle_pem.decode()
    answers: list[bool] = []
    for one in replicas.running:
        with urllib3.HTTPSConnectionPool("127.0.0.1", listening_port(one), ca_cert_data=ca_pem, timeout=10) as pool:
            answers.append(pool.request("POST", "/validate", json=review).json()["response"]["allowed"])
    return answers


def failed_calls(shop: Shop) -> float:
    """How often the API server got no verdict that it asked us for, whatever it made of that."""
    text = shop.plane.kubectl("get", "--raw", "/metrics").stdout
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("name") in {WEBHOOK_NAME, STRICT_NAME}
        and (
            sample.name == "apiserver_admission_webhook_fail_open_count_total"
            or sample.labels.get("error_type") == "calling_webhook_error"
        )
    )


def issued(one: Webhook) -> int:
    return sum(line["message"] == "serving a new certificate" for line in one.log())


def secret_bundle(cluster: Cluster) -> bytes:
    try:
        return authorities_in(cluster.get(CA_PATH)).bundle_pem
    except NotFound:
        return b""


def bundle(cluster: Cluster) -> bytes:
    configuration = cluster.get(CONFIGURATIONS.path("", CONFIGURATION_NAME))
    (found,) = {webhook["clientConfig"]["caBundle"] for webhook in configuration["webhooks"]}
    return base64.b64decode(found)


def is_rotated(cluster: Cluster, seen: set[bytes]) -> bool:
    stored = authorities_in(cluster.get(CA_PATH))
    return (
        stored.is_settled and not stored.asked and bundle(cluster) == stored.bundle_pem and bundle(cluster) not in seen
    )
