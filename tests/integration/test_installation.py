"""Install, check, uninstall: on a cluster of its own, which each test finds as the one before left it."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.commandline import CommandLine
from tests.integration.gitsyncs import config_map
from tests.integration.installations import MERGE_PATCH, PODS, add_node, begun, checked, run_pods
from tests.integration.webhooks import running_webhook
from tests.testbed.apiclient import RequestFailed
from tests.testbed.components import CONTROLLER_MANAGER, SCHEDULER
from tests.testbed.controlplane import ControlPlane, offers
from tests.testbed.installation import BIN
from tests.testbed.waiting import wait_until

MANIFESTS = Path(__file__).parents[2] / "manifests"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/kubectl-gitops.dev"
NAMESPACE = "/api/v1/namespaces/gitops-system"
LABEL = "kubectl-gitops.dev/managed-by"
THEIRS = "issuers.cert-manager.io,certificates.cert-manager.io"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GITSYNCS = "/apis/kubectl-gitops.dev/v1alpha1/namespaces/{}/gitsyncs"


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    if not (offers(CONTROLLER_MANAGER) and offers(SCHEDULER)):
        pytest.skip("pods need a controller manager and a scheduler, which KUBEBUILDER_ASSETS does not name")
    with ControlPlane(controller_manager=True, scheduler=True, audit=True) as found:
        yield found


@pytest.fixture
def gitops(plane: ControlPlane, tmp_path: Path) -> CommandLine:
    return CommandLine(plane, tmp_path)


def exists(plane: ControlPlane, path: str) -> bool:
    try:
        plane.request("GET", path)
    except RequestFailed as exc:
        if exc.status != 404:
            raise
        return False
    return True


def by_name(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {f"{obj['kind']}/{obj['metadata']['name']}": obj for obj in objects}


# Completion


def test_kubectl_completes_commands_and_options(plane: ControlPlane, tmp_path: Path) -> None:
    script = tmp_path / "kubectl_complete-gitops"
    script.write_text(f"#!{sys.executable}\nfrom kubectl_gitops.cli.completion import main\nmain()\n")
    script.chmod(0o755)
    environment = plane.environment()
    environment["PATH"] = f"{tmp_path}:{BIN}:{environment['PATH']}"
    asked = ["__complete", "gitops", "unins"]
    assert plane.kubectl(*asked, env=environment).stdout == "uninstall\tTake kubectl-gitops out of a cluster\n:4\n"
    asked = ["__complete", "gitops", "install", "--ov"]
    assert plane.kubectl(*asked, env=environment).stdout.startswith("--overlay\t")


# What is installed


@pytest.mark.parametrize("overlay", ["", "cert-manager", "dev", "ha"])
def test_install_brings_what_kubectl_apply_k_does(overlay: str, plane: ControlPlane, gitops: CommandLine) -> None:
    directory = MANIFESTS / "overlays" / overlay if overlay else MANIFESTS / "base"
    ours = gitops.ok("install", "--export", *(["--overlay", overlay] if overlay else []))
    kubectl = plane.kubectl("kustomize", str(directory)).stdout
    assert by_name(list(yaml.safe_load_all(ours))) == by_name(list(yaml.safe_load_all(kubectl)))


def test_a_cluster_without_it_is_told_so(plane: ControlPlane, gitops: CommandLine) -> None:
    assert gitops.ok("uninstall") == "kubectl-gitops is not installed in this cluster\n"
    wrong = checked(gitops)
    assert wrong["Namespace/gitops-system"] == "is missing"
    assert "cannot be checked" in wrong["webhook refuses a test change"]


def test_kubectl_applies_it_without_a_warning(plane: ControlPlane) -> None:
    """No field that the API server does not know, no pod that a restricted namespace would not admit."""
    done = plane.kubectl("apply", "--server-side", "--dry-run=server", "-f", str(MANIFESTS / "base/namespace.yaml"))
    assert done.stderr == ""
    for _ in range(2):  # its own namespace is not there yet, the first time
        done = plane.kubectl("apply", "--server-side", "-k", str(MANIFESTS / "base"))
    assert done.stderr == ""


def test_install_says_what_it_did_and_what_keeps_it_from_working(plane: ControlPlane, gitops: CommandLine) -> None:
    done = gitops("install", "--timeout", "1s")
    assert done.returncode == 2
    assert "Deployment.apps/gitops-webhook unchanged" in done.stdout or "gitops-webhook configured" in done.stdout
    assert "is not available after 1 s" in done.stderr
    wait_until(lambda: plane.request("GET", PODS)["items"], 30, "pods")

    def why() -> bool:
        return "no nodes available to schedule pods" in gitops("install", "--timeout", "1ms").stderr

    wait_until(why, 30, "the scheduler's words")


def test_install_waits_until_the_webhook_refuses(plane: ControlPlane, gitops: CommandLine, tmp_path: Path) -> None:
    add_node(plane)
    with begun(gitops, "install", "--timeout", "2m") as install:

        def available() -> bool:
            run_pods(plane)
            deployments = plane.request("GET", "/apis/apps/v1/namespaces/gitops-system/deployments")["items"]
            return all(one["status"].get("availableReplicas") == one["spec"]["replicas"] for one in deployments)

        wait_until(available, 60, "pods to be available")
        assert install.poll() is None
        with running_webhook(plane, tmp_path):
            out, err = install.communicate(timeout=60)
            assert (install.returncode, err) == (0, "")
            assert "Deployment/gitops-webhook available\nthe webhook refuses a test change\n" in out.replace(
                ".apps", ""
            )
            assert checked(gitops) == {}
            said = gitops.ok("check", "--cluster")
            assert said.startswith("Enforcement: the webhook\n")
            assert said.endswith("checked, nothing is wrong\n")
            again = gitops.ok("install")
    outcomes = {line.rpartition(" ")[2] for line in again.splitlines() if "/" in line.split(" ")[0]}
    assert outcomes == {"unchanged", "available"}


# What check finds: the webhook of the test before has gone, its configuration has not


def test_check_finds_a_webhook_that_does_not_answer(gitops: CommandLine) -> None:
    wrong = checked(gitops)
    assert wrong.keys() == {"webhook refuses a test change"}
    assert "cannot reach the webhook" in wrong["webhook refuses a test change"]
    table = gitops("check", "--cluster").stdout
    assert "wrong  webhook refuses a test change: the API server cannot reach the webhook" in table
    assert table.endswith("1 wrong\n")


def test_check_finds_an_authority_that_is_not_the_webhook_s(
    plane: ControlPlane, gitops: CommandLine, tmp_path: Path
) -> None:
    with running_webhook(plane, tmp_path):
        wait_until(lambda: checked(gitops) == {}, 30, "the webhook to be registered")
        hooks = plane.request("GET", WEBHOOKS)["webhooks"]
        other = base64.b64encode(plane.ca_pem.encode()).decode()
        for hook in hooks:
            hook["clientConfig"]["caBundle"] = other

        def is_seen() -> bool:
            """The webhook puts back what others change: so it is changed for as long as check looks."""
            with begun(gitops, "check", "--cluster", "-o", "json") as check:
                while check.poll() is None:
                    plane.request("PATCH", WEBHOOKS, {"webhooks": hooks}, content_type=MERGE_PATCH)
                return "x509" in check.communicate()[0]

        wait_until(is_seen, 60, "TLS to fail")
    plane.request("DELETE", WEBHOOKS)
    wrong = checked(gitops)
    assert wrong["webhook configuration"] == "somebody has deleted it, so nothing is refused"
    assert wrong["webhook refuses a test change"] == "the API server does not ask the webhook"
    assert "\nEnforcement: none: the webhook's configuration was deleted" in gitops("check", "--cluster").stdout


def test_check_finds_rights_that_are_missing(plane: ControlPlane, gitops: CommandLine) -> None:
    plane.kubectl("delete", "clusterrolebinding", "gitops-webhook")
    wait_until(lambda: "rights of gitops-webhook" in checked(gitops), 20, "RBAC to notice")
    wrong = checked(gitops)
    assert wrong["ClusterRoleBinding/gitops-webhook"] == "is missing"
    lacking = wrong["rights of gitops-webhook"]
    assert lacking.startswith("may not ")
    assert "create validatingwebhookconfigurations.admissionregistration.k8s.io" in lacking
    assert "rights of gitops-reconciler" not in wrong


def test_check_finds_another_version(plane: ControlPlane, gitops: CommandLine) -> None:
    assert gitops("install", "--no-wait", "--image", "registry.example:5000/kubectl-gitops:0.0.9").returncode == 0
    assert "it runs 0.0.9, and this program is" in checked(gitops)["version of Deployment/gitops-webhook"]
    assert gitops("install", "--no-wait").returncode == 0
    assert "version of Deployment/gitops-webhook" not in checked(gitops)


def define(plane: ControlPlane, kind: str, plural: str) -> None:
    """A kind of cert-manager's, without its schema."""
    plane.request(
        "POST",
        CRDS,
        {
            "metadata": {"name": f"{plural}.cert-manager.io"},
            "spec": {
                "group": "cert-manager.io",
                "scope": "Namespaced",
                "names": {"kind": kind, "plural": plural},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                    }
                ],
            },
        },
    )


def test_with_cert_manager_its_objects_belong_to_the_installation(plane: ControlPlane, gitops: CommandLine) -> None:
    refused = gitops.refused("install", "--no-wait", "--overlay", "cert-manager")
    assert refused.error.startswith("the cluster has no ")
    assert refused.error.endswith(" of cert-manager.io/v1")
    define(plane, "Issuer", "issuers")
    define(plane, "Certificate", "certificates")
    path = "/apis/cert-manager.io/v1/namespaces/gitops-system/{}"
    wait_until(lambda: plane.kubectl("get", THEIRS, check=False).returncode == 0, 30, "its kinds to be served")
    assert gitops("install", "--no-wait", "--overlay", "cert-manager").returncode == 0
    wrong = checked(gitops)
    assert not [what for what in wrong if what.startswith(("rights", "Issuer", "Certificate", "Role"))], wrong
    plane.request("DELETE", path.format("certificates/gitops-webhook"))
    assert "is missing" in checked(gitops).values()
    assert gitops("install", "--no-wait").returncode == 0
    assert "is missing" not in checked(gitops).values()
    for plural in ("issuers", "certificates"):
        plane.request("DELETE", f"{CRDS}/{plural}.cert-manager.io")


def test_whoever_may_not_look_is_told_what_could_not_be_checked(gitops: CommandLine) -> None:
    done = gitops("check", "--cluster", user="jane")
    assert done.returncode == 1
    assert (
        'rights: cannot be checked: subjectaccessreviews.authorization.k8s.io is forbidden: User "jane"' in done.stdout
    )


# Rights of people


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("view", {"get", "list", "watch"}),
        ("edit", {"get", "list", "watch", "create", "update", "patch", "delete"}),
        ("admin", {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}),
    ],
)
def test_the_cluster_s_own_roles_hold_for_gitsyncs(
    role: str, may: set[str], plane: ControlPlane, gitops: CommandLine
) -> None:
    namespace, person = f"team-{role}", f"{role}er"
    plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    plane.kubectl("create", "rolebinding", "-n", namespace, role, f"--clusterrole={role}", f"--user={person}")

    def granted(verb: str, where: str = namespace) -> bool:
        done = plane.kubectl("auth", "can-i", verb, "gitsyncs", "-n", where, f"--as={person}", check=False)
        return done.stdout == "yes\n"

    wait_until(lambda: all(map(granted, may)), 30, "the roles to be aggregated")
    every = {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
    assert {verb for verb in every if granted(verb)} == may
    assert not any(granted(verb, "default") for verb in every)
    # What the reconciler says of a GitSync is no one else's to write.
    done = plane.kubectl(
        "auth", "can-i", "patch", "gitsyncs", "--subresource=status", "-n", namespace, f"--as={person}", check=False
    )
    assert done.stdout == "no\n"


# Uninstall


def managed(plane: ControlPlane) -> dict[str, Any]:
    found: dict[str, Any] = plane.request("GET", "/api/v1/namespaces/default/configmaps/settings")
    return found


def uninstalled(plane: ControlPlane, gitops: CommandLine, *options: str) -> str:
    """With somebody who stops pods, as a kubelet does."""
    with begun(gitops, "uninstall", *options) as process:

        def ended() -> bool:
            run_pods(plane)
            return process.poll() is not None

        wait_until(ended, 90, "uninstall to end")
        out, err = process.communicate()
    assert (process.returncode, err) == (0, ""), out + err
    return out


def test_uninstall_keeps_gitsyncs_and_what_they_need(plane: ControlPlane, gitops: CommandLine, tmp_path: Path) -> None:
    assert gitops("install", "--no-wait").returncode == 0
    gitops.ok("create", "shop", "--repo", "https://git.example/shop.git", "-n", "gitops-system")
    obj = config_map("settings", colour="red")
    obj["metadata"]["labels"] = {LABEL: "gitops-system.shop"}
    plane.request("POST", "/api/v1/namespaces/default/configmaps", obj)
    with running_webhook(plane, tmp_path):
        wait_until(lambda: exists(plane, WEBHOOKS), 30, "the webhook to be registered")
    before = managed(plane)

    out = uninstalled(plane, gitops)
    first = out.splitlines()[0]
    assert first == "ValidatingWebhookConfiguration/kubectl-gitops.dev deleted" or "ValidatingAdmissionPolicy" in first
    assert "CustomResourceDefinition/gitsyncs.kubectl-gitops.dev kept\n" in out
    assert "Namespace/gitops-system kept\nGitSyncs, their CRDs and their snapshots are kept" in out
    assert exists(plane, GITSYNCS.format("gitops-system") + "/shop")
    assert managed(plane) == before
    left = plane.kubectl(
        "get",
        "clusterroles,clusterrolebindings,validatingwebhookconfigurations",
        "-l",
        "app.kubernetes.io/part-of=kubectl-gitops",
        "-o",
        "name",
    ).stdout
    assert left == ""
    assert plane.kubectl("get", "all,secrets,pdb,netpol,sa,role", "-n", "gitops-system", "-o", "name").stdout == (
        "serviceaccount/default\n"
    )


def test_purge_asks_first(plane: ControlPlane, gitops: CommandLine) -> None:
    refused = gitops.refused("uninstall", "--purge")
    assert refused.error == "--purge asks first, and there is nobody to ask"
    assert refused.hint == "give --yes as well"


def test_purge_leaves_nothing_but_the_workloads(plane: ControlPlane, gitops: CommandLine) -> None:
    assert gitops("install", "--no-wait").returncode == 0
    # Nobody is left who would do what our finalizer waits for.
    plane.request(
        "PATCH",
        GITSYNCS.format("gitops-system") + "/shop",
        {"metadata": {"finalizers": ["kubectl-gitops.dev/finalizer"]}},
        content_type=MERGE_PATCH,
    )
    out = uninstalled(plane, gitops, "--purge", "--yes")
    assert "ConfigMap/settings in namespace default released\n" in out
    assert (managed(plane)["data"], managed(plane)["metadata"].get("labels")) == ({"colour": "red"}, None)
    wait_until(lambda: not exists(plane, NAMESPACE), 60, "the namespace to be gone")
    names = plane.kubectl("get", "crd", "-o", "name").stdout
    assert "kubectl-gitops.dev" not in names
    left = json.loads(
        plane.kubectl(
            "get",
            "clusterroles,clusterrolebindings,validatingwebhookconfigurations,validatingadmissionpolicies",
            "-o",
            "json",
        ).stdout
    )
    assert [o["metadata"]["name"] for o in left["items"] if "gitops" in o["metadata"]["name"]] == []
    assert gitops.ok("uninstall") == "kubectl-gitops is not installed in this cluster\n"
