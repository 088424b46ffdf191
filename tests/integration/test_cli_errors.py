"""Bad input gets one clear line and exit code 2, never a traceback, and nothing is changed.

``CommandLine.refused`` checks all of that; each test adds that the line says what, where and why.
"""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from kubectl_gitops import __version__
from tests.conftest import Kubectl
from tests.integration.commandline import CommandLine, Refusal, kubeconfig_with
from tests.testbed.controlplane import ControlPlane
from tests.testbed.pki import Authority
from tests.testbed.ports import ReservedPorts
from tests.testbed.waiting import wait_until
from tests.unit.source.repository import Repository

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n"
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: shop:1.4
"""
ASK_FOR_RIGHT = "ask for this right, or use a context that has it"
OTHER_CLUSTER = "point --kubeconfig or KUBECONFIG at a kubeconfig, and --context at one of its contexts"


@pytest.fixture
def gitops(control_plane: ControlPlane, tmp_path: Path) -> CommandLine:
    return CommandLine(control_plane, tmp_path)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    found = Repository(tmp_path / "repository")
    found.commit({"deploy/settings.yaml": CONFIG_MAP})
    found.git("tag", "v1")
    return found


def test_an_unknown_subcommand(gitops: CommandLine) -> None:
    refused = gitops.refused("drfit")
    assert refused == Refusal("there is no command 'drfit'; did you mean drift?", "see kubectl gitops --help")


# Where the desired state should be


def test_no_such_file_or_directory(gitops: CommandLine) -> None:
    assert gitops.refused("drift", "-f", "nowhere").error == "there is no file or directory nowhere"
    gitops.write({"deploy/settings.yaml": CONFIG_MAP})
    refused = gitops.refused("sync", "-f", "deploy", "--path", "staging")
    assert refused.error == "there is no file or directory deploy/staging"


def test_a_directory_without_manifests(gitops: CommandLine) -> None:
    gitops.write({"deploy/README.md": "# Manifests go here\n", "deploy/empty.yaml": "# nothing yet\n"})
    nothing = Refusal("directory deploy declares no object at all", "in a directory, .yaml, .yml and .json files count")
    assert gitops.refused("drift", "-f", "deploy") == nothing
    assert gitops.refused("sync", "-f", "deploy", "--prune") == nothing
    assert gitops.refused("render", "-f", "-", stdin="").error == "<stdin> declares no object at all"


def test_no_such_repository(gitops: CommandLine) -> None:
    url = f"file://{gitops.directory}/nowhere.git"
    refused = gitops.refused("sync", "-f", url)
    place = f"{gitops.directory}/nowhere.git"
    assert refused.error == f"cannot reach repository {place}: '{place}' does not appear to be a git repository"


def test_no_such_revision(gitops: CommandLine, repository: Repository) -> None:
    refused = gitops.refused("drift", "-f", f"file://{repository.path}", "--revision", "mian")
    assert refused.error == f"no such revision 'mian' in {repository.path} (branches: main; tags: v1)"
    assert refused.hint == "did you mean main?"


def test_no_such_path_in_a_repository(gitops: CommandLine, repository: Repository) -> None:
    # A checkout may be named as it is, and by a directory in it.
    refused = gitops.refused("diff", "-f", "repository", "--revision", "v1", "--path", "staging")
    head = repository.git("rev-parse", "--short=8", "HEAD")
    assert refused.error == f"no such path 'staging' at revision v1 ({head})"


# What manifests say


def test_bad_yaml_is_named_with_file_line_and_column(gitops: CommandLine) -> None:
    gitops.write({"deploy/a.yaml": CONFIG_MAP, "deploy/b.yaml": "# one\n" + CONFIG_MAP + "data:\n  a: b: c\n"})
    what = "mapping values are not allowed in this context"
    for command in ("drift", "diff", "sync", "render"):
        assert gitops.refused(command, "-f", "deploy") == Refusal(f"deploy/b.yaml:7:7: {what}", "")
    assert gitops.refused("sync", "-f", "-", "--name", "x", stdin="a: b: c").error == f"<stdin>:1:5: {what}"


WIDGET = "apiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: w\n"


def test_an_unknown_kind(gitops: CommandLine) -> None:
    gitops.write({"deploy/web.yaml": f"{CONFIG_MAP}---\n{DEPLOYMENT}", "deploy/widget.yaml": "\n" + WIDGET})
    refusal = Refusal("deploy/widget.yaml:2: the cluster has no kind Widget in example.com/v1", "is its CRD installed?")
    for command in ("diff", "sync"):
        assert gitops.refused(command, "-f", "deploy") == refusal


def test_an_object_that_is_declared_twice_is_named_with_both_places(gitops: CommandLine) -> None:
    gitops.write({"deploy/a.yaml": CONFIG_MAP, "deploy/b.yaml": f"{DEPLOYMENT}---\n{CONFIG_MAP}"})
    error = gitops.refused("sync", "-f", "deploy").error
    assert error == "deploy/b.yaml:14: ConfigMap/settings is declared already, at deploy/a.yaml:1"
    # One that names the namespace that the other is put into.
    gitops.write({"deploy/b.yaml": f"{CONFIG_MAP}  namespace: shop\n"})
    error = gitops.refused("diff", "-f", "deploy", "-n", "shop").error
    assert error == "deploy/b.yaml:1: ConfigMap/settings in namespace shop is declared twice, first at deploy/a.yaml:1"


def test_metadata_that_only_the_cluster_may_set(gitops: CommandLine) -> None:
    gitops.write({"settings.yaml": f"{CONFIG_MAP}  resourceVersion: '7'\n"})
    error = gitops.refused("sync", "-f", "settings.yaml").error
    assert error == (
        "settings.yaml:1: ConfigMap/settings: metadata.resourceVersion is set by the cluster and must not be declared"
    )


def test_an_object_that_the_api_server_refuses_in_dry_run(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("apply", "--server-side", "-n", namespace, "-f", "-", input=DEPLOYMENT)
    gitops.write({"deploy/web.yaml": f"{CONFIG_MAP}---\n{DEPLOYMENT}  replicas: -1\n"})
    said = 'Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0'
    assert f"  note: {said}\n" in gitops.differs("drift", "-f", "deploy", "-n", namespace)
    refused = gitops.refused(
        "diff",
        *("-f", "deploy", "-n", namespace),
        prints=f"""\
2 of 2 objects differ: 1 to create, 1 refused
ConfigMap/settings in namespace {namespace}   create   deploy/web.yaml:1
Deployment/web in namespace {namespace}       change   deploy/web.yaml:6
  error: {said}
""",
    )
    assert refused.error == "the API server would refuse 1 object, as shown"


def test_the_namespace_that_would_remember_the_sync_is_not_there(gitops: CommandLine) -> None:
    gitops.write({"settings.yaml": CONFIG_MAP})
    assert gitops.refused("sync", "-f", "settings.yaml", "-n", "nowhere") == Refusal(
        "there is no namespace nowhere, in which the sync would remember what it has synced",
        "kubectl create namespace nowhere; or -n another, if all objects name their own",
    )


# Rights


def test_forbidden_says_which_verb_on_which_resource(gitops: CommandLine, namespace: str) -> None:
    gitops.write({"settings.yaml": CONFIG_MAP})
    here = ("-f", "settings.yaml", "-n", namespace)
    refused = gitops.refused("drift", *here, user="jane")
    assert refused == Refusal(
        'configmaps "settings" is forbidden: User "jane" cannot get resource "configmaps" in API group "" '
        f'in the namespace "{namespace}"',
        ASK_FOR_RIGHT,
    )
    refused = gitops.refused("sync", *here, user="jane")
    assert refused == Refusal(
        'secrets is forbidden: User "jane" cannot list resource "secrets" in API group "" '
        f'in the namespace "{namespace}"',
        ASK_FOR_RIGHT,
    )


def test_reading_rights_are_enough_for_drift_where_no_dry_run_is_needed(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", "rolebinding", "read", "--clusterrole=view", "--user=reader", "-n", namespace)
    can_read = ("auth", "can-i", "get", "configmaps", "-n", namespace)
    wait_until(lambda: kubectl(*can_read, user="reader", check=False).returncode == 0, 10, "the right to count")
    gitops.write({"settings.yaml": f"{CONFIG_MAP}data: {{a: b}}\n"})
    here = ("-f", "settings.yaml", "-n", namespace)
    assert gitops.differs("drift", *here, user="reader").startswith("1 of 1 object drifted: 1 missing\n")
    kubectl("apply", "-n", namespace, "-f", "-", input=f"{CONFIG_MAP}data: {{a: b}}\n")
    assert gitops.ok("drift", *here, user="reader") == "1 object is as Git says\n"
    gitops.write({"settings.yaml": f"{CONFIG_MAP}data: {{a: c}}\n"})
    table = gitops.differs("drift", *here, user="reader")
    assert table.startswith("1 of 1 object drifted: 1 modified; 1 not confirmed: no right to dry-run\n")


# The way to the cluster


@pytest.fixture
def manifest(gitops: CommandLine) -> str:
    gitops.write({"settings.yaml": CONFIG_MAP})
    return "settings.yaml"


def test_credentials_that_are_wrong_or_expired(gitops: CommandLine, manifest: str) -> None:
    environ = kubeconfig_with(
        gitops.plane, gitops.directory / "config", user={"token": "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"}
    )
    assert gitops.refused("sync", "-f", manifest, environ=environ) == Refusal(
        "the API server does not accept these credentials (401 Unauthorized): missing, wrong or expired",
        "log in again, or check the user of this kubeconfig context",
    )


def test_a_plugin_that_gives_no_credentials(gitops: CommandLine, manifest: str) -> None:
    plugin = gitops.directory / "login"
    plugin.write_text("#!/bin/sh\necho 'the session has expired: run login again' >&2\nexit 1\n")
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(plugin),
            "interactiveMode": "Never",
        }
    }
    environ = kubeconfig_with(gitops.plane, gitops.directory / "config", user=user)
    assert gitops.refused("drift", "-f", manifest, environ=environ) == Refusal(
        f"{plugin}, which gives the credentials of context 'testbed', failed: "
        "exec: process returned 1. the session has expired: run login again",
        "log in again, or check the user of this kubeconfig context",
    )


def test_nothing_listens_there(gitops: CommandLine, manifest: str) -> None:
    reserved = ReservedPorts(1)
    try:
        server = f"https://127.0.0.1:{reserved.numbers[0]}"
        environ = kubeconfig_with(gitops.plane, gitops.directory / "config", cluster={"server": server})
        assert gitops.refused("sync", "-f", manifest, environ=environ) == Refusal(
            f"cannot reach the API server at {server}: connection refused",
            "is it running, and is this the right context?",
        )
    finally:
        reserved.release()


def test_an_api_server_that_does_not_answer(gitops: CommandLine, manifest: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"https://127.0.0.1:{silent.getsockname()[1]}"
        environ = kubeconfig_with(gitops.plane, gitops.directory / "config", cluster={"server": server})
        refused = gitops.refused("drift", "-f", manifest, "--request-timeout", "250ms", environ=environ)
    assert refused == Refusal(
        f"cannot reach the API server at {server}: it did not answer in time",
        "is it running, and is this the right context? --request-timeout waits longer",
    )


def test_another_authority_than_the_kubeconfig_s(gitops: CommandLine, manifest: str) -> None:
    authority = gitops.directory / "other-ca.pem"
    authority.write_text(Authority().pem)
    environ = kubeconfig_with(
        gitops.plane,
        gitops.directory / "config",
        cluster={"certificate-authority": str(authority), "certificate-authority-data": ""},
    )
    refused = gitops.refused("drift", "-f", manifest, environ=environ)
    assert refused.error.startswith(
        f"cannot reach the API server at {gitops.plane.url}: its certificate is not trusted: "
    )
    assert refused.hint == "is this the right cluster, and its authority the one that the kubeconfig has?"


def test_no_cluster_at_all(gitops: CommandLine, manifest: str) -> None:
    nowhere = {"KUBECONFIG": "", "HOME": str(gitops.directory)}
    error = f"no cluster: there is no kubeconfig at {gitops.directory}/.kube/config"
    assert gitops.refused("drift", "-f", manifest, environ=nowhere) == Refusal(error, OTHER_CLUSTER)
    refused = gitops.refused("version", environ=nowhere, prints=f"kubectl gitops {__version__}\n")
    assert refused == Refusal(error, OTHER_CLUSTER)


def test_a_kubeconfig_that_names_no_cluster(gitops: CommandLine, manifest: str) -> None:
    gitops.write({"config": "clusters: {{\n"})
    refused = gitops.refused("drift", "-f", manifest, "--kubeconfig", "config")
    assert refused.error.startswith("no cluster: config:2:1: this is no YAML: ")
    refused = gitops.refused("drift", "-f", manifest, "--context", "production")
    where = gitops.plane.kubeconfig
    assert refused == Refusal(f"no cluster: no context 'production' in {where} (there is testbed)", OTHER_CLUSTER)
