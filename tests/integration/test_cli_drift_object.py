"""``drift KIND/NAME``: one object, judged by the GitSync that manages it, or by files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Kubectl
from tests.integration.commandline import CommandLine, Refusal
from tests.integration.gitsyncs import LABEL, App, config_map, deployment, new_repository
from tests.integration.test_reconciler_ignored import DEPLOYMENTS, autoscaler
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import SYSTEM_NAMESPACE, Installation

SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  greeting: hello\n"
WITHOUT_GITSYNC = "kubectl gitops drift -f WHERE KIND/NAME compares it with files, whether it is managed or not"


@pytest.fixture
def gitops(control_plane: ControlPlane, tmp_path: Path) -> CommandLine:
    return CommandLine(control_plane, tmp_path)


@pytest.fixture
def shop(app: App) -> App:
    """A GitSync that has synced two ConfigMaps, a ClusterRole and a Deployment, and restores nothing."""
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": app.name},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    }
    app.commit(config_map("settings", greeting="hello"), config_map("flags"), deployment("web"), role)
    app.create(sync={"selfHeal": False})
    app.wait_ready()
    return app


def test_one_object_is_judged_by_the_gitsync_that_manages_it(gitops: CommandLine, shop: App, kubectl: Kubectl) -> None:
    here = ("-n", shop.live.namespace)
    shop.live.patch("configmaps", "settings", {"data": {"greeting": "bye"}})
    shop.live.delete("configmaps", "flags")
    short = shop.status["synced"]["revision"][:8]
    with gitops.nothing_written():
        for name in ("cm/settings", "configmaps/settings", "ConfigMap/settings"):
            table = gitops.differs("drift", name, *here).splitlines()
            assert table[0] == "1 of 1 object drifted: 1 modified"
            assert table[2].startswith("  data.greeting   Git hello   live bye   kubectl-edit (Update), ")
            assert len(table) == 3
        assert gitops.ok("drift", "deployment.apps/web", *here) == f"1 object is as Git says ({short} main)\n"
        assert gitops.ok("drift", f"clusterrole/{shop.name}", *here) == f"1 object is as Git says ({short} main)\n"
        report = json.loads(gitops.differs("drift", "cm/settings", *here, "-o", "json"))
    assert report["subject"] == f"GitSync {SYSTEM_NAMESPACE}/{shop.name}"
    assert (report["summary"]["checked"], [one["name"] for one in report["objects"]]) == (1, ["settings"])


def test_what_is_gone_or_has_lost_its_label_is_judged_by_what_was_synced(gitops: CommandLine, shop: App) -> None:
    here = ("-n", shop.live.namespace)
    shop.live.delete("configmaps", "flags")
    assert gitops.differs("drift", "cm/flags", *here).startswith("1 of 1 object drifted: 1 missing\n")
    shop.live.patch("configmaps", "settings", {"metadata": {"labels": {LABEL: None}}})
    table = gitops.differs("drift", "cm/settings", *here)
    assert table.startswith("1 of 1 object drifted: 1 modified\n")
    assert "metadata.labels" in table


def test_what_an_autoscaler_ignores_is_listed_where_it_is_asked_for(gitops: CommandLine, shop: App) -> None:
    here = ("-n", shop.live.namespace)
    shop.live.create("autoscaling/v2/horizontalpodautoscalers", autoscaler("web"))
    shop.live.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 6}})
    for args in (("deploy/web", *here), (shop.name, "-n", SYSTEM_NAMESPACE)):
        table = gitops.ok("drift", *args)
        assert table.count("\n") == 1
        assert table.endswith("; 1 ignored\n")
        listed = gitops.ok("drift", *args, "--show-ignored").splitlines()
        assert listed[1] == "ignored:"
        assert listed[3].startswith("  spec.replicas   Git 2   live 6   ")
        assert listed[3].endswith("[ignored: HorizontalPodAutoscaler web scales it]")
        assert gitops.ok("drift", *args, "-o", "name") == ""
        assert gitops.ok("drift", *args, "-o", "name", "--show-ignored") == "deployment.apps/web\n"
        (one,) = json.loads(gitops.ok("drift", *args, "-o", "json"))["ignored"]
        assert [field["path"] for field in one["fields"]] == ["spec.replicas"]


def test_a_gitsync_whose_name_is_too_long_for_a_label_is_found(
    gitops: CommandLine, control_plane: ControlPlane, reconciler: Installation, namespace: str, tmp_path: Path
) -> None:
    app = App(control_plane, namespace, new_repository(tmp_path), name=f"{'long-' * 11}{namespace[-8:]}")
    app.commit(config_map("settings"))
    app.create(sync={"selfHeal": False})
    app.wait_ready()
    assert app.live.get("configmaps", "settings")["metadata"]["labels"][LABEL] != f"{SYSTEM_NAMESPACE}.{app.name}"
    assert gitops.ok("drift", "cm/settings", "-n", namespace).startswith("1 object is as Git says")
    app.delete()


def test_an_object_that_no_gitsync_declares_is_refused_with_what_to_do(
    gitops: CommandLine, shop: App, kubectl: Kubectl
) -> None:
    namespace = shop.live.namespace
    shop.live.create("configmaps", config_map("mine"))
    at = ("-n", namespace)
    assert gitops.refused("drift", "cm/mine", *at) == Refusal(
        f"ConfigMap/mine in namespace {namespace} is managed by no GitSync", WITHOUT_GITSYNC
    )
    kubectl("label", "cm", "mine", *at, f"{LABEL}=gitops-system.nobody")
    assert gitops.refused("drift", "cm/mine", *at) == Refusal(
        f"ConfigMap/mine in namespace {namespace} is labelled as managed by gitops-system.nobody, "
        "and there is no such GitSync",
        WITHOUT_GITSYNC,
    )
    kubectl("label", "cm", "mine", *at, f"{LABEL}=gitops-system.{shop.name}", "--overwrite")
    assert gitops.refused("drift", "cm/mine", *at) == Refusal(
        f"ConfigMap/mine in namespace {namespace} is labelled as managed by GitSync {SYSTEM_NAMESPACE}/{shop.name}, "
        "which does not declare it",
        WITHOUT_GITSYNC,
    )
    assert gitops.refused("drift", "cm/none", *at) == Refusal(
        f"ConfigMap/none in namespace {namespace} does not exist, and no GitSync declares it",
        "-n names another namespace",
    )
    assert gitops.refused("drift", "thing/mine", *at).error.startswith("the cluster has no kind 'thing'")


# Files


def test_one_object_of_a_directory(gitops: CommandLine, kubectl: Kubectl, namespace: str) -> None:
    flags = SETTINGS.replace("settings", "flags")
    gitops.write({"deploy/settings.yaml": SETTINGS, "deploy/flags.yaml": f"{flags}  beta: 'on'\n"})
    here = ("-f", "deploy", "-n", namespace)
    kubectl("create", "-n", namespace, "-f", "-", input=SETTINGS)
    with gitops.nothing_written():
        assert gitops.ok("drift", "cm/settings", *here) == "1 object is as Git says\n"
        assert gitops.differs("drift", "cm/flags", *here).startswith("1 of 1 object drifted: 1 missing\n")
    kubectl("patch", "cm", "settings", "-n", namespace, "--type=merge", "-p", '{"data": {"greeting": "bye"}}')
    assert gitops.differs("drift", "configmap/settings", *here).startswith("1 of 1 object drifted: 1 modified\n")
    assert gitops.refused("drift", "deploy/settings", *here) == Refusal(
        f"directory deploy does not declare Deployment/settings in namespace {namespace}",
        "kubectl gitops render -f lists what it declares; -n names the namespace of what names none",
    )
