"""The control plane is a real one."""

from __future__ import annotations

import json
import os
import ssl
import stat
import subprocess
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.testbed.assets import REQUIRED, AssetsUnavailable, assets
from tests.testbed.components import APISERVER
from tests.testbed.controlplane import ControlPlane, ControlPlaneFailed
from tests.testbed.survivors import await_nothing_left, is_port_free
from tests.testbed.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Kubectl

WEB = {"app": "web"}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "selector": {"matchLabels": WEB},
        "template": {"metadata": {"labels": WEB}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}},
    },
}
POD = {"metadata": {"name": "lone"}, "spec": {"containers": [{"name": "lone", "image": "lone:1"}]}}


def test_kubectl_creates_and_reads(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "configmap", "colours", "--from-literal=sky=blue", "-n", namespace)
    sky = kubectl("get", "configmap", "colours", "-n", namespace, "-o", "jsonpath={.data.sky}")
    assert sky.stdout == "blue"


def test_kubectl_reads_standard_input(kubectl: Kubectl, namespace: str) -> None:
    applied = kubectl("apply", "--server-side", "-n", namespace, "-f", "-", input=json.dumps(DEPLOYMENT))
    assert applied.stdout == "deployment.apps/web serverside-applied\n"


def test_failing_kubectl_raises_with_its_words(kubectl: Kubectl, namespace: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as error:
        kubectl("get", "configmap", "ghost", "-n", namespace)
    assert 'configmaps "ghost" not found' in error.value.__notes__[0]
    assert kubectl("get", "configmap", "ghost", "-n", namespace, check=False).returncode == 1


def test_other_users_may_do_what_rbac_grants(control_plane: ControlPlane, namespace: str) -> None:
    kubectl = control_plane.kubectl
    kubectl("create", "rolebinding", "readers", "--clusterrole=view", "--group=readers", "-n", namespace)
    get = ("get", "configmaps", "-n", namespace)
    refused = kubectl(*get, user="system:odd/name", check=False)
    assert 'User "system:odd/name" cannot list' in refused.stderr
    wait_until(lambda: not kubectl(*get, user="ann", groups=["readers"], check=False).returncode, 10, "the grant")


def test_namespaces_come_with_what_controllers_put_there(controller_manager: ControlPlane, namespace: str) -> None:
    account = controller_manager.request("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/default")
    assert account["metadata"]["namespace"] == namespace


def test_deployment_gets_a_replica_set_and_pods(controller_manager: ControlPlane, namespace: str) -> None:
    controller_manager.request("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", DEPLOYMENT)

    def owners() -> list[str]:
        pods = controller_manager.request("GET", f"/api/v1/namespaces/{namespace}/pods")["items"]
        return [owner["kind"] for pod in pods for owner in pod["metadata"]["ownerReferences"]]

    assert wait_until(owners, 30, "a pod") == ["ReplicaSet"]


def test_scheduler_says_that_there_is_no_node(scheduler: ControlPlane, namespace: str) -> None:
    scheduler.request("POST", f"/api/v1/namespaces/{namespace}/pods", POD)

    def conditions() -> list[dict[str, Any]]:
        pod = scheduler.request("GET", f"/api/v1/namespaces/{namespace}/pods/lone")
        return list(pod["status"].get("conditions", []))

    assert wait_until(conditions, 30, "the scheduler")[0]["reason"] == "Unschedulable"


def test_audit_log_counts_requests(control_plane: ControlPlane, namespace: str) -> None:
    mark = control_plane.audit_mark()
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for name in ("one", "two"):
        control_plane.request("POST", path, {"metadata": {"name": name}})

    def created() -> list[str]:
        events = control_plane.audit_events(since=mark)
        mine = [event for event in events if event["requestURI"].split("?")[0] == path and event["verb"] == "create"]
        return [f"{event['user']['username']} {event['responseStatus']['code']}" for event in mine]

    assert wait_until(lambda: len(created()) == 2 and created(), 10, "two events") == ["admin 201", "admin 201"]


def test_certificate_is_good_for_any_client(control_plane: ControlPlane) -> None:
    context = ssl.create_default_context(cadata=control_plane.ca_pem)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    for host in ("127.0.0.1", "localhost"):
        with urllib.request.urlopen(
            f"https://{host}:{control_plane.ports.apiserver}/version", context=context
        ) as answer:
            assert json.load(answer)["gitVersion"]


def test_credentials_are_for_their_owner_only(control_plane: ControlPlane) -> None:
    secret = [path for path in control_plane.directory.iterdir() if path.suffix in {".key", ".kubeconfig"}]
    assert control_plane.kubeconfig in secret
    assert {stat.filemode(path.stat().st_mode) for path in secret} == {"-rw-------"}
    assert stat.filemode(control_plane.directory.stat().st_mode) == "drwx------"


@pytest.fixture(scope="module")
def bare_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Of the three programs that setup-envtest ships; to be stopped and started at will."""
    given = tmp_path_factory.mktemp("assets")
    for name in REQUIRED:
        (given / name).symlink_to(assets() / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBEBUILDER_ASSETS", str(given))
        with pytest.raises(AssetsUnavailable, match="holds no kube-scheduler: unset KUBEBUILDER_ASSETS"):
            ControlPlane(scheduler=True)
        with ControlPlane() as plane:
            assert plane.kubectl_path == given / "kubectl"
            yield plane


def test_three_programs_are_enough(bare_plane: ControlPlane) -> None:
    """Also for pods, which need a ServiceAccount where a controller-manager makes one."""
    bare_plane.request("POST", "/api/v1/namespaces/default/pods", POD)
    assert "lone" in bare_plane.kubectl("get", "pods", "-A").stdout


@pytest.mark.parametrize("grace_seconds", [0, 10])
def test_restarted_apiserver_keeps_data_and_credentials(bare_plane: ControlPlane, grace_seconds: float) -> None:
    name = f"kept-{grace_seconds}"
    created = bare_plane.request("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": name}})
    bare_plane.stop_apiserver(grace_seconds=grace_seconds)
    bare_plane.check_alive()  # it did not end by itself
    assert is_port_free(bare_plane.ports.apiserver)
    assert "refused" in bare_plane.kubectl("get", "configmaps", check=False).stderr
    bare_plane.start_apiserver()
    kept = bare_plane.request("GET", f"/api/v1/namespaces/default/configmaps/{name}")
    assert kept["metadata"]["uid"] == created["metadata"]["uid"]


def test_failed_start_shows_the_log_and_leaves_nothing() -> None:
    plane = ControlPlane(apiserver_flags=["--no-such-flag"])
    with pytest.raises(ControlPlaneFailed, match=f"(?s){APISERVER} exited with code 1.*unknown flag: --no-such-flag"):
        plane.start()
    await_nothing_left(plane.directory, plane.ports)


def test_environment_points_programs_at_it(control_plane: ControlPlane) -> None:
    environment = control_plane.environment(user="ann")
    assert environment["KUBECONFIG"] == str(control_plane.user_kubeconfig("ann"))
    assert environment["PATH"].split(os.pathsep)[0] == str(control_plane.kubectl_path.parent)
