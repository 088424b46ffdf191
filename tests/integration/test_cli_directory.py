"""diff, drift, sync and render of a directory: what is printed, what is written, and the exit codes."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from kubectl_gitops import __version__
from tests.conftest import Kubectl
from tests.integration.commandline import CommandLine
from tests.integration.manifests import FLAGS, SETTINGS, WEB, widget_crd
from tests.testbed.apiclient import RequestFailed
from tests.testbed.controlplane import ControlPlane


@pytest.fixture
def gitops(control_plane: ControlPlane, tmp_path: Path) -> CommandLine:
    found = CommandLine(control_plane, tmp_path)
    found.write({"deploy/settings.yaml": SETTINGS, "deploy/web.yaml": f"# the shop\n{WEB}"})
    return found


def test_a_directory_is_synced_and_then_in_sync(gitops: CommandLine, namespace: str) -> None:
    here = ("-f", "deploy", "-n", namespace)
    objects = f"""\
ConfigMap/settings in namespace {namespace}   %s   deploy/settings.yaml:1
Deployment/web in namespace {namespace}       %s   deploy/web.yaml:2
"""
    with gitops.nothing_written():
        assert gitops.differs("diff", *here) == "2 of 2 objects differ: 2 to create\n" + objects.replace("%s", "create")
        assert gitops.differs("drift", *here) == "2 of 2 objects drifted: 2 missing\n" + objects.replace(
            "%s", "Missing"
        )
    mark = gitops.plane.audit_mark()
    assert gitops.ok("sync", *here) == "2 of 2 objects differed: 2 created\n" + objects.replace("%s", "created")
    writes = sorted(gitops.writes_since(mark))
    # Beside the snapshots, which are Secrets, each object once.
    assert [write for write in writes if not write.endswith(" secrets")] == ["patch configmaps", "patch deployments"]
    with gitops.nothing_written():
        # The API server has the quantities as cpu: "1" and memory: 512Mi.
        for command in ("sync", "drift", "diff"):
            assert gitops.ok(command, *here) == "2 objects are as Git says\n"
        assert gitops.ok("diff", *here, "-o", "diff") == ""
    requests = gitops.live("deployment", "web", namespace)["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert requests == {"requests": {"cpu": "1", "memory": "512Mi"}}


def test_what_people_change_by_hand_is_shown_with_who_and_when(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    here = ("-f", "deploy", "-n", namespace)
    gitops.ok("sync", *here)
    kubectl("scale", "deployment/web", "--replicas=5", "-n", namespace)
    kubectl("set", "env", "deployment/web", "LEVEL=debug", "-n", namespace)
    kubectl("delete", "configmap", "settings", "-n", namespace)
    with gitops.nothing_written():
        table = gitops.differs("drift", *here).splitlines()
        report = json.loads(gitops.differs("drift", *here, "-o", "json"))
        assert yaml.safe_load(gitops.differs("drift", *here, "-o", "yaml")) == report
        unified = gitops.differs("drift", *here, "-o", "diff")
    assert table[:4] == [
        "2 of 2 objects drifted: 1 modified, 1 missing",
        f"ConfigMap/settings in namespace {namespace}   Missing    deploy/settings.yaml:1",
        f"Deployment/web in namespace {namespace}       Modified   deploy/web.yaml:2",
        (
            "  spec.replicas                                                   Git 2      live 5       "
            "kubectl (Update scale)          deploy/web.yaml:7"
        ),
    ]
    env, _, age_and_line = table[4].rpartition(", ")
    assert env == (
        "  spec.template.spec.containers[name=web].env[name=LEVEL].value   Git info   live debug   kubectl-set (Update)"
    )
    assert re.fullmatch(r"\d+ s ago   deploy/web\.yaml:\d+", age_and_line)
    assert len(table) == 5

    assert (report["kind"], report["subject"]) == ("DriftReport", "directory deploy")
    summary = {name: count for name, count in report["summary"].items() if count}
    assert summary == {"checked": 2, "drifted": 2, "modified": 1, "missing": 1}
    settings, web = report["objects"]
    assert (settings["drift"], settings["kind"], settings["file"], settings["line"]) == (
        *("Missing", "ConfigMap", "deploy/settings.yaml", 1),
    )
    replicas, level = web["fields"]
    assert (replicas["path"], replicas["desired"], replicas["live"]) == ("spec.replicas", 2, 5)
    # The API server notes no time for who scales: https://github.com/kubernetes/kubernetes, scalehandler.go.
    assert (replicas["owner"]["manager"], replicas["owner"]["subresource"]) == ("kubectl", "scale")
    assert (level["desired"], level["live"], level["owner"]["manager"]) == ("info", "debug", "kubectl-set")
    assert level["owner"]["time"].endswith("Z")

    assert f"+++ git/v1.ConfigMap.{namespace}.settings\n@@ -0,0 +1,7 @@\n" in unified
    assert "\n-  replicas: 5\n+  replicas: 2\n" in unified
    assert "\n-          value: debug\n+          value: info\n" in unified

    assert gitops.differs("diff", *here).startswith("2 of 2 objects differ: 1 to create, 1 to change\n")
    assert gitops.ok("sync", *here).startswith("2 of 2 objects differed: 1 created, 1 changed\n")
    assert gitops.ok("drift", *here) == "2 objects are as Git says\n"


def test_a_plan_for_programs(gitops: CommandLine, kubectl: Kubectl, namespace: str) -> None:
    here = ("-f", "deploy", "-n", namespace)
    gitops.ok("sync", *here)
    kubectl("scale", "deployment/web", "--replicas=5", "-n", namespace)
    gitops.write({"deploy/flags.yaml": FLAGS})
    report = json.loads(gitops.differs("diff", *here, "-o", "json"))
    assert (report["kind"], report["applied"]) == ("PlanReport", False)
    counts = {name: count for name, count in report["summary"].items() if count}
    assert counts == {"total": 3, "create": 1, "change": 1, "unchanged": 1}
    assert [(one["name"], one["action"]) for one in report["objects"]] == [
        ("flags", "create"),
        ("settings", "unchanged"),
        ("web", "change"),
    ]
    assert [field["path"] for field in report["objects"][2]["fields"]] == ["spec.replicas"]
    done = yaml.safe_load(gitops.ok("sync", *here, "-o", "yaml"))
    assert done == report | {"applied": True}


def test_what_kubectl_has_applied_is_taken_over(gitops: CommandLine, kubectl: Kubectl, namespace: str) -> None:
    here = ("-f", "deploy/settings.yaml", "-n", namespace)
    kubectl("apply", "-f", "-", "-n", namespace, input=SETTINGS)
    assert gitops.ok("drift", *here) == "1 object is as Git says\n"
    head, row, *fields = gitops.differs("diff", *here).splitlines()
    assert head == "1 of 1 object differs: 1 to change"
    assert row == f"ConfigMap/settings in namespace {namespace}   change   deploy/settings.yaml:1"
    assert [field.split()[0] for field in fields] == ["metadata.labels"]
    gitops.ok("sync", *here)
    kubectl("apply", "-f", "-", "-n", namespace, input=SETTINGS.replace("hello", "bye"))
    assert "  data.greeting   Git hello   live bye   kubectl-client-side-apply (Update), " in gitops.differs(
        "drift", *here
    )


def test_what_is_no_longer_declared_is_pruned_only_if_asked(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    here = ("-f", "deploy", "-n", namespace)
    gitops.write({"deploy/flags.yaml": FLAGS})
    gitops.ok("sync", *here)
    (gitops.directory / "deploy" / "flags.yaml").unlink()
    flags = f"ConfigMap/flags in namespace {namespace}"
    left_alone = f": 1 no longer in Git\n{flags}   no longer in Git\n"
    assert gitops.ok("sync", *here) == f"1 of 3 objects differed{left_alone}"
    assert gitops.ok("diff", *here) == f"1 of 3 objects differs{left_alone}"
    assert gitops.differs("diff", *here, "--prune") == f"1 of 3 objects differs: 1 to prune\n{flags}   prune\n"
    assert gitops.ok("sync", *here, "--prune") == f"1 of 3 objects differed: 1 pruned\n{flags}   pruned\n"
    assert kubectl("get", "configmap", "flags", "-n", namespace, check=False).returncode == 1
    with gitops.nothing_written():
        assert gitops.ok("sync", *here, "--prune") == "2 objects are as Git says\n"


def test_where_git_declares_nothing_nothing_is_pruned(gitops: CommandLine, kubectl: Kubectl, namespace: str) -> None:
    gitops.ok("sync", "-f", "deploy", "-n", namespace)
    for file in ("settings.yaml", "web.yaml"):
        (gitops.directory / "deploy" / file).unlink()
    refused = gitops.refused("sync", "-f", "deploy", "-n", namespace, "--prune")
    assert refused.error == "directory deploy declares no object at all"
    kubectl("get", "configmap/settings", "deployment/web", "-n", namespace)


def test_one_bad_object_fails_alone_and_nothing_is_pruned(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    here = ("-f", "deploy", "-n", namespace)
    gitops.ok("sync", *here)
    gitops.write(
        {
            "deploy/settings.yaml": FLAGS,
            "deploy/web.yaml": WEB.replace("shop:1.4", "shop:1.5").replace("replicas: 2", "replicas: -2"),
            "deploy/elsewhere.yaml": f"{FLAGS}  namespace: nowhere\n",
        }
    )
    done = gitops("sync", *here, "--prune")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "nothing was pruned: not everything that Git declares could be applied",
        "error: 2 of 4 objects failed, as shown; the others are synced",
    ]
    said = 'Deployment.apps "web" is invalid: spec.replicas: Invalid value: -2: must be greater than or equal to 0'
    assert (
        done.stdout
        == f"""\
4 of 4 objects differed: 1 created, 1 no longer in Git, 2 failed
ConfigMap/flags in namespace nowhere{" " * (len(namespace) - 4)}   create             deploy/elsewhere.yaml:1
  error: namespaces "nowhere" not found
ConfigMap/flags in namespace {namespace}      created            deploy/settings.yaml:1
Deployment/web in namespace {namespace}       change             deploy/web.yaml:1
  error: {said}
ConfigMap/settings in namespace {namespace}   no longer in Git
"""
    )
    kubectl("get", "configmap/settings", "configmap/flags", "-n", namespace)
    assert gitops.live("deployment", "web", namespace)["spec"]["replicas"] == 2
    # Mended, the rest follows, and then what was still owed is pruned.
    gitops.write({"deploy/web.yaml": WEB, "deploy/elsewhere.yaml": "# gone\n"})
    assert "1 pruned\n" in gitops.ok("sync", *here, "--prune")
    assert kubectl("get", "configmap", "settings", "-n", namespace, check=False).returncode == 1


@pytest.fixture
def group(control_plane: ControlPlane) -> Iterator[str]:
    """An API group of one test; its CRD goes with the test."""
    name = f"{secrets.token_hex(4)}.example.com"
    yield name
    with suppress(RequestFailed):
        control_plane.request("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{name}")


def test_a_crd_and_its_objects_a_namespace_and_what_is_in_it_in_one_go(
    gitops: CommandLine, kubectl: Kubectl, namespace: str, group: str
) -> None:
    fresh = f"{namespace}-more"
    gitops.write(
        {
            # By the order of files, all of it comes too early.
            "all/a.yaml": f"apiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: w, namespace: {fresh}}}\n"
            "spec: {size: 3}\n",
            "all/b.yaml": f"{FLAGS}  namespace: {fresh}\n",
            "all/c.yaml": f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {fresh}}}\n",
            "all/d.yaml": yaml.safe_dump(widget_crd(group)),
        }
    )
    here = ("-f", "all", "-n", namespace)
    assert gitops.differs("diff", *here).startswith("4 of 4 objects differ: 4 to create\n")
    assert gitops.ok("sync", *here).startswith("4 of 4 objects differed: 4 created\n")
    assert gitops.ok("drift", *here) == "4 objects are as Git says\n"
    kubectl("patch", f"widgets.{group}", "w", "-n", fresh, "--type=merge", "-p", '{"spec":{"size":4}}')
    table = gitops.differs("drift", *here).splitlines()
    assert table[1].split()[:5] == [f"Widget.{group}/w", "in", "namespace", fresh, "Modified"]
    assert table[2].startswith("  spec.size   Git 3   live 4   kubectl-patch (Update), ")
    kubectl("delete", "namespace", fresh, "--wait=false")


def test_render_prints_objects_with_their_places_and_needs_no_cluster(gitops: CommandLine) -> None:
    nowhere = {"KUBECONFIG": str(gitops.directory / "none")}
    gitops.write(
        {
            "deploy/kustomization.yaml": "namePrefix: our-\nresources: [settings.yaml]\n"
            "configMapGenerator: [{name: more, literals: [a=b]}]\n",
        }
    )
    done = gitops("render", "-f", "deploy", environ=nowhere)
    assert (done.returncode, done.stderr) == (0, "")
    documents = done.stdout.removeprefix("---\n").split("---\n")
    places = {text.splitlines()[0]: yaml.safe_load(text) for text in documents}
    assert places.keys() == {"# deploy/settings.yaml:1", "# deploy/kustomization.yaml:3"}
    settings = places["# deploy/settings.yaml:1"]
    assert (settings["metadata"]["name"], settings["data"]) == ("our-settings", {"greeting": "hello"})

    done = gitops("render", "-f", "-", "-o", "json", environ=nowhere, stdin=f"{SETTINGS}---\n{WEB}")
    assert (done.returncode, done.stderr) == (0, "")
    rendered = json.loads(done.stdout)
    assert (rendered["apiVersion"], rendered["kind"]) == ("v1", "List")
    assert rendered["items"] == [yaml.safe_load(SETTINGS), yaml.safe_load(WEB)]


def test_version_of_the_client_needs_no_cluster(gitops: CommandLine) -> None:
    done = gitops("version", "--client", environ={"KUBECONFIG": str(gitops.directory / "none")})
    assert (done.returncode, done.stdout, done.stderr) == (0, f"kubectl gitops {__version__}\n", "")
    done = gitops("version", "-o", "json")
    kubernetes = gitops.plane.request("GET", "/version")["gitVersion"]
    assert json.loads(done.stdout).items() >= {"client": __version__, "kubernetes": kubernetes}.items()


def test_two_directories_of_a_repository_do_not_prune_each_other(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    gitops.write({"more/flags.yaml": FLAGS})
    gitops.ok("sync", "-f", ".", "--path", "more", "-n", namespace, "--prune")
    gitops.ok("sync", "-f", ".", "--path", "deploy", "-n", namespace, "--prune")
    kubectl("get", "configmap/flags", "configmap/settings", "-n", namespace)
