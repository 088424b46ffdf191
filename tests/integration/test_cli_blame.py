"""blame and drift name both sides' authors of each field: in the real cluster, and in real repositories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Kubectl
from tests.integration.commandline import CommandLine
from tests.integration.gitsyncs import App
from tests.testbed.controlplane import ControlPlane

WEB = """\
# The shop.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: example.com/shop:1.4
        env:
        - name: LEVEL
          value: info
"""
IMAGE = "spec.template.spec.containers[name=web].image"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: credentials}\nstringData:\n  token: hunter2hunter2\n"


@pytest.fixture
def gitops(control_plane: ControlPlane, tmp_path: Path) -> CommandLine:
    return CommandLine(control_plane, tmp_path)


@pytest.fixture
def shop(app: App) -> App:
    """A GitSync that leaves drift alone; Jane wrote its Deployment, and Max the image."""
    app.repository.commit({"web.yaml": WEB.replace("1.4", "1.3"), "secret.yaml": SECRET}, "web")
    sha = app.repository.commit({"web.yaml": WEB}, "web: 1.4", author="Max Muster")
    app.create(sync={"selfHeal": False})
    app.wait_synced(sha)
    return app


@pytest.fixture
def reader(control_plane: ControlPlane, namespace: str) -> str:
    """Somebody who may read the namespace, and no Secrets anywhere."""
    name = f"reader-{namespace}"
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rule = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]}
    control_plane.request("POST", f"{rbac}/roles", {"metadata": {"name": name}, "rules": [rule]})
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}],
    }
    control_plane.request("POST", f"{rbac}/rolebindings", binding)
    return name


def fields_of(text: str) -> dict[str, Any]:
    return {field["path"]: field for field in json.loads(text)["fields"]}


def test_each_field_names_its_manager_and_its_line_and_author_in_git(
    shop: App, gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("set", "image", "deployment/web", "web=example.com/shop:by-hand", "-n", namespace)
    with gitops.nothing_written():
        report = json.loads(gitops.ok("blame", "deploy/web", "-n", namespace, "-o", "json"))
        head, titles, *rows = gitops.ok("blame", "deploy", "web", IMAGE, "-n", namespace).splitlines()
    assert (report["kind"], report["subject"]) == ("BlameReport", f"GitSync {shop.namespace}/{shop.name}")
    assert report["source"]["revision"]["author"] == "Max Muster"
    assert (report["object"]["file"], report["object"]["line"]) == ("web.yaml", 2)
    fields = {field["path"]: field for field in report["fields"]}

    image = fields[IMAGE]
    assert (image["live"], image["desired"], image["differs"]) == (
        *("example.com/shop:by-hand", "example.com/shop:1.4"),
        True,
    )
    assert [(one["manager"], one["operation"]) for one in image["owners"]] == [("kubectl-set", "Update")]
    assert (image["git"]["line"], image["git"]["commit"]["author"], image["git"]["exact"]) == (14, "Max Muster", True)

    level = fields["spec.template.spec.containers[name=web].env[name=LEVEL].value"]
    assert [one["manager"] for one in level["owners"]] == ["kubectl-gitops"]
    assert (level["git"]["line"], level["git"]["commit"]["author"], level["differs"]) == (17, "Jane Doe", False)

    policy = fields["spec.template.spec.containers[name=web].imagePullPolicy"]
    assert (policy["owners"], policy["git"]) == ([], None)
    # Ours, and in no file.
    assert fields["metadata.labels[kubectl-gitops.dev/managed-by]"]["git"] is None

    assert head.startswith(f"Deployment/web in namespace {namespace}   GitSync {shop.namespace}/{shop.name} (")
    assert titles.split() == ["FIELD", "LIVE", "SET", "BY", "WHEN", "GIT", "COMMIT"]
    (row,) = rows
    assert row.startswith(f"! {IMAGE}   example.com/shop:by-hand   kubectl-set (Update)   ")
    assert "   web.yaml:14   " in row
    assert " Max Muster, " in row
    assert row.endswith("   Git example.com/shop:1.4")


def test_kinds_and_fields_are_named_as_for_kubectl(shop: App, gitops: CommandLine, namespace: str) -> None:
    assert shop.status["synced"]
    tables = [
        gitops.ok("blame", *words, "-n", namespace, "-o", "yaml")
        for words in (
            ["deploy/web", "spec.replicas"],
            ["deployments/web", ".spec.replicas"],
            ["deployment.apps/web", "{.spec.replicas}"],
            ["Deployment", "web", "spec.replicas"],
        )
    ]
    assert len(set(tables)) == 1
    assert gitops.refused("blame", "deplyo/web", "-n", namespace).error == (
        "the cluster has no kind 'deplyo'; did you mean deploy or deployment?"
    )
    refused = gitops.refused("blame", "deploy/web", "spec.replica", "-n", namespace)
    assert refused.error == "there is no field spec.replica; did you mean spec.replicas?"
    refused = gitops.refused("blame", "deploy/none", "-n", namespace)
    assert (refused.error, refused.hint) == (
        f"there is no Deployment none in namespace {namespace}",
        "-n names another namespace",
    )


def test_values_of_secrets_are_masked(shop: App, gitops: CommandLine, kubectl: Kubectl, namespace: str) -> None:
    assert shop.status["synced"]
    words = ("blame", "secret/credentials", "-n", namespace, "-o", "json")
    assert fields_of(gitops.ok(*words))["data.token"]["live"] == "***"
    assert fields_of(gitops.ok(*words))["data.token"]["git"]["line"] == 5
    patch = '{"stringData": {"token": "by-hand-by-hand", "other": "another-one"}}'
    kubectl("patch", "secret", "credentials", "-n", namespace, "-p", patch)
    for where in ((), ("-f", str(shop.repository.path))):
        said = gitops.ok(*words, *where)
        token = fields_of(said)["data.token"]
        assert (token["live"], token["desired"], token["differs"]) == ("*** (after)", "*** (before)", True)
        for value in ("hunter2", "by-hand-", "another", "aHVudGVy", "YnktaGFu", "YW5vdGhl"):
            assert value not in said


def test_with_f_git_s_side_is_what_the_files_say(gitops: CommandLine, kubectl: Kubectl, namespace: str) -> None:
    gitops.write({"deploy/web.yaml": WEB})
    gitops.ok("sync", "-f", "deploy", "-n", namespace)
    kubectl("scale", "deployment/web", "--replicas=5", "-n", namespace)
    kubectl("patch", "deployment", "web", "-n", namespace, "--type=json", "-p", REMOVE_ENV)
    here = ("-n", namespace, "-f", "deploy")
    with gitops.nothing_written():
        fields = fields_of(gitops.ok("blame", "deploy/web", *here, "-o", "json"))
        alone = gitops("blame", "deploy/web", "spec.replicas", "-n", namespace)
    replicas = fields["spec.replicas"]
    assert (replicas["desired"], replicas["live"], replicas["git"]["file"], replicas["git"]["line"]) == (
        *(2, 5),
        *("deploy/web.yaml", 7),
    )
    assert [(one["manager"], one["subresource"]) for one in replicas["owners"]] == [("kubectl", "scale")]
    gone = fields["spec.template.spec.containers[name=web].env"]
    assert ("live" in gone, gone["owners"], gone["git"]["line"], gone["differs"]) == (False, [], 15, True)
    # The label of a sync from here names no GitSync of the cluster.
    assert (alone.returncode, alone.stderr, alone.stdout.splitlines()[0]) == (
        0,
        (
            f"warning: what Git says is unknown: no snapshot in namespace gitops-system tells that {namespace}.deploy "
            "declares it (-f names files instead)\n"
        ),
        f"Deployment/web in namespace {namespace}   not declared in Git, as far as is known",
    )
    gitops.write({"other/flags.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: flags}\n"})
    refused = gitops.refused("blame", "deploy/web", "-n", namespace, "-f", "other")
    assert refused.error == f"directory other does not declare Deployment/web in namespace {namespace}"


REMOVE_ENV = '[{"op": "remove", "path": "/spec/template/spec/containers/0/env"}]'


def test_where_the_repository_or_the_snapshot_cannot_be_read_the_rest_is_shown(
    shop: App, gitops: CommandLine, kubectl: Kubectl, namespace: str, reader: str
) -> None:
    kubectl("scale", "deployment/web", "--replicas=5", "-n", namespace)
    words = ("blame", "deploy/web", "spec.replicas", "-n", namespace)
    with shop.git_unreachable():
        done = gitops(*words, "-o", "json")
    assert done.returncode == 0
    assert done.stderr.startswith("warning: who wrote each line in Git is unknown: cannot reach repository ")
    replicas = fields_of(done.stdout)["spec.replicas"]
    assert (replicas["git"]["line"], replicas["git"]["commit"], replicas["desired"]) == (7, None, 2)
    done = gitops(*words, user=reader)
    assert (done.returncode, done.stderr.startswith("warning: what Git says is unknown: secrets is forbidden: ")) == (
        0,
        True,
    )
    assert done.stdout.splitlines()[2].startswith("  spec.replicas   5")


# drift of a GitSync


def drifted(gitops: CommandLine, shop: App) -> dict[str, Any]:
    done = gitops("drift", shop.name, "-n", shop.namespace, "-o", "json")
    assert done.returncode == 1, done.stderr
    (web,) = json.loads(done.stdout)["objects"]
    return {"stderr": done.stderr, "commit": web["commit"], **{field["path"]: field for field in web["fields"]}}


def test_drift_of_a_gitsync_names_the_line_and_author_of_each_field(
    shop: App, gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("set", "image", "deployment/web", "web=example.com/shop:by-hand", "-n", namespace)
    kubectl("scale", "deployment/web", "--replicas=5", "-n", namespace)
    # What is synced counts, not what Git says since.
    shop.change({"suspend": True})
    shop.wait_observed()
    shop.repository.commit({"web.yaml": f"# Later.\n{WEB}"}, "Later", author="Eve")
    with gitops.nothing_written():
        found = drifted(gitops, shop)
    assert found["stderr"] == ""
    assert found["commit"]["author"] == "Max Muster"
    told = {path: (found[path]["line"], found[path]["commit"]["author"]) for path in ("spec.replicas", IMAGE)}
    assert told == {"spec.replicas": (7, "Jane Doe"), IMAGE: (14, "Max Muster")}


def test_where_its_repository_cannot_be_read_drift_tells_what_the_snapshot_knows(
    shop: App, gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("scale", "deployment/web", "--replicas=5", "-n", namespace)
    with shop.git_unreachable():
        found = drifted(gitops, shop)
    assert found["stderr"].startswith(
        f"warning: who wrote each line of GitSync {shop.namespace}/{shop.name} is unknown: "
    )
    replicas = found["spec.replicas"]
    assert (replicas["file"], replicas["line"], replicas["commit"]["author"]) == ("web.yaml", 7, "Max Muster")


def test_without_drift_no_repository_is_read(shop: App, gitops: CommandLine) -> None:
    with shop.git_unreachable():
        assert gitops.ok("drift", shop.name, "-n", shop.namespace).startswith("2 objects are as Git says")
