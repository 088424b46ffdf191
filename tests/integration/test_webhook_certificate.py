"""A certificate that cert-manager makes: a Secret in its shape, replaced under a stream of changes to be refused."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from kubectl_gitops.api.names import SYSTEM_NAMESPACE, WEBHOOK_REGISTERED
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import MERGE_PATCH, Cluster
from kubectl_gitops.errors import NotFound
from tests.integration import webhooks
from tests.integration.test_webhook_replicas import (  # noqa: F401 - fixtures among them
    CA_PATH,
    Load,
    Replicas,
    bundle,
    cluster,
    issued,
    replicas,
    shop,
)
from tests.integration.webhooks import Shop, http_get
from tests.testbed.controlplane import ControlPlane
from tests.testbed.pki import Authority
from tests.testbed.waiting import wait_until

NAME = "gitops-webhook-certificate"
SECRETS = f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/secrets"
OPTIONS = ("--certificate-secret", NAME, "--rotation-wait-seconds", "2")


class Issuer:
    """Does what cert-manager does: writes a leaf, its key and its authority into one Secret."""

    def __init__(self, cluster: Cluster) -> None:  # noqa: F811
        self._cluster = cluster
        self.authority = Authority()

    def issue(self, authority: Authority | None = None) -> None:
        self.authority = authority or self.authority
        made = self.authority.issue_server(["127.0.0.1"])
        self.write({"tls.crt": made.certificate_pem, "tls.key": made.key_pem, "ca.crt": self.authority.pem})

    def write(self, data: dict[str, str]) -> None:
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in data.items()}
        secret: Object = {"metadata": {"name": NAME}, "type": "kubernetes.io/tls", "data": encoded}
        try:
            self._cluster.request("PATCH", f"{SECRETS}/{NAME}", body=secret, content_type=MERGE_PATCH)
        except NotFound:
            self._cluster.request("POST", SECRETS, body=secret)

    @property
    def is_trusted_alone(self) -> bool:
        return bundle(self._cluster).decode() == self.authority.pem


@pytest.fixture
def issuer(cluster: Cluster) -> Iterator[Issuer]:  # noqa: F811
    for path in (CA_PATH, f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/configmaps/{WEBHOOK_REGISTERED}"):
        with suppress(NotFound):
            cluster.request("DELETE", path)
    yield Issuer(cluster)
    with suppress(NotFound):
        cluster.request("DELETE", f"{SECRETS}/{NAME}")


@pytest.mark.timeout(300)
def test_certificates_and_authorities_are_replaced_without_losing_a_review(
    issuer: Issuer,
    replicas: Replicas,  # noqa: F811
    shop: Shop,  # noqa: F811
) -> None:
    issuer.issue()
    for _ in range(2):
        replicas.start(*OPTIONS)
    shop.wait_enforced("deployment", "web")
    assert issuer.is_trusted_alone
    load = Load(shop)
    with load.running(clients=3):
        for number in range(2, 6):
            issuer.issue()
            wait_until(
                lambda wanted=number: all(issued(one) == wanted for one in replicas.running),  # type: ignore[misc]
                20,
                "the new certificate to be served",
            )
        assert load.failed == [], "with other certificates of the same authority"
        for number in range(6, 9):
            issuer.issue(Authority())
            wait_until(lambda: issuer.is_trusted_alone, 60, "the new authority alone to be trusted")
            assert [issued(one) for one in replicas.running] == [number, number]
            assert load.failed == [], "with another authority"
    assert load.refused > 200
    # One that is replaced before it is trusted, and a replica that starts in the middle of it: they come to agree.
    issuer.issue(Authority())
    replicas.start(*OPTIONS)
    issuer.issue(Authority())
    wait_until(lambda: issuer.is_trusted_alone, 60, "the last authority alone to be trusted")
    shop.refused("delete", "deployment", "web")
    with pytest.raises(NotFound):  # none of our own was made
        shop.cluster.get(CA_PATH)


def test_what_cannot_be_used_is_told_and_the_one_before_is_served_on(
    issuer: Issuer,
    replicas: Replicas,  # noqa: F811
    shop: Shop,  # noqa: F811
) -> None:
    issuer.issue()
    one = replicas.start(*OPTIONS)
    shop.wait_enforced("deployment", "web")
    other = Authority().issue_server(["127.0.0.1"])
    issuer.write({"tls.crt": other.certificate_pem, "tls.key": other.key_pem})
    wait_until(
        lambda: [line for line in one.log() if "its certificate is not by the authority" in line.get("why", "")],
        20,
        "it to be told",
    )
    shop.cluster.request("DELETE", f"{SECRETS}/{NAME}")
    wait_until(
        lambda: any("is gone, and what it held is served on" in line["message"] for line in one.log()), 20, "the word"
    )
    shop.refused("delete", "deployment", "web")
    assert http_get(f"{one.metrics_url}/readyz").status == 200
    assert issued(one) == 1
    assert "PRIVATE KEY" not in one.log_file.read_text()


def test_who_starts_before_the_secret_is_there_waits_for_it(
    issuer: Issuer,
    replicas: Replicas,  # noqa: F811
    control_plane: ControlPlane,
    tmp_path: Path,
) -> None:
    argv = [sys.executable, "-m", "webhook", "--kubeconfig", str(control_plane.kubeconfig), *OPTIONS]
    argv += ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--url", "https://127.0.0.1:0/validate"]
    argv += ["--drain-seconds", "0"]
    log_file = tmp_path / "early.log"
    with log_file.open("wb") as log, subprocess.Popen(argv, stderr=log) as process:
        try:
            issuer.issue()
            webhooks.started(process, log_file)
        finally:
            process.terminate()
            assert process.wait(20) == 0
