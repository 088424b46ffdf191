"""tree: GitSyncs, their objects and what those have made, with sync and health; and what could not be seen."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Kubectl
from tests.integration.commandline import CommandLine
from tests.integration.gitsyncs import SECONDS, App, config_map, deployment
from tests.integration.livecommand import live
from tests.integration.manifests import widget_crd
from tests.testbed.apiclient import RequestFailed
from tests.testbed.controlplane import ControlPlane
from tests.testbed.waiting import wait_until

SYSTEM = ("-n", "gitops-system")
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
Document = dict[str, Any]


@pytest.fixture
def gitops(control_plane: ControlPlane, tmp_path: Path) -> CommandLine:
    return CommandLine(control_plane, tmp_path)


@pytest.fixture
def grown(shop: App, controller_manager: ControlPlane, gitops: CommandLine) -> App:
    """The shop, once its Deployment has made a ReplicaSet, and that two Pods."""

    def has_pods() -> bool:
        return len(shop.plane.request("GET", shop.live.path("pods"))["items"]) == 2

    wait_until(has_pods, SECONDS, "the Pods of the Deployment")
    return shop


def wait_served(app: App, group: str) -> None:
    def is_served() -> bool:
        with suppress(RequestFailed):
            return bool(app.plane.request("GET", f"/apis/{group}/v1/widgets"))
        return False

    wait_until(is_served, SECONDS, "the kind to be served")


def suspended(app: App) -> App:
    app.change({"suspend": True})
    app.wait_observed()
    return app


def tree(gitops: CommandLine, app: App, **kwargs: str) -> tuple[Document, dict[str, Document]]:
    """The node of the GitSync, and those right below it, by kind and name."""
    document = json.loads(gitops.ok("tree", app.name, *SYSTEM, "-o", "json", **kwargs))
    assert (document["kind"], document["unseen"]) == ("Tree", [])
    (root,) = document["items"]
    return root, {f"{node['kind']}/{node['name']}": node for node in root["children"]}


def test_a_gitsync_its_objects_and_what_they_have_made(grown: App, gitops: CommandLine) -> None:
    with gitops.nothing_written():
        root, nodes = tree(gitops, grown)
    assert (root["kind"], root["name"], root["sync"]) == ("GitSync", grown.name, "Synced")
    assert root["note"].startswith("main@")
    assert {name: node["sync"] for name, node in nodes.items()} == {
        "ConfigMap/settings": "Synced",
        "Deployment/web": "Synced",
    }
    assert nodes["ConfigMap/settings"]["health"]["status"] == "Healthy"
    (replica_set,) = nodes["Deployment/web"]["children"]
    assert (replica_set["kind"], replica_set["sync"]) == ("ReplicaSet", None)
    assert [pod["kind"] for pod in replica_set["children"]] == ["Pod", "Pod"]
    # No node runs here, so the Pods wait: the worst of its objects is the health of the GitSync.
    assert {pod["health"]["status"] for pod in replica_set["children"]} == {"Progressing"}
    assert root["health"]["status"] == nodes["Deployment/web"]["health"]["status"] == "Progressing"


def test_lines_for_pipes_are_plain(grown: App, gitops: CommandLine) -> None:
    head, *lines = gitops.ok("tree", grown.name, *SYSTEM).splitlines()
    assert head.split() == ["OBJECT", "NAMESPACE", "SYNC", "HEALTH", "NOTE"]
    assert [line.split()[0] for line in lines[1:3]] == ["|-", "`-"]
    assert lines[0].split()[:4] == [
        f"GitSync.kubectl-gitops.dev/{grown.name}",
        "gitops-system",
        "Synced",
        "Progressing",
    ]
    assert lines[1].split()[1:] == ["ConfigMap/settings", grown.live.namespace, "Synced", "Healthy"]
    assert lines[3].startswith("   `- ReplicaSet/web-")
    assert [line[:9] for line in lines[4:]] == ["      |- ", "      `- "]


def test_a_terminal_gets_drawn_lines_and_colours(grown: App, gitops: CommandLine) -> None:
    with live(gitops, "tree", grown.name, *SYSTEM, terminal=True, PYTHONUTF8="1", NO_COLOR="") as shown:
        assert shown.ended() == 0
        assert "├─ " in shown.text
        assert "\033[32mSynced\033[0m" in shown.text
    with live(gitops, "tree", grown.name, *SYSTEM, terminal=True, PYTHONIOENCODING="ascii", NO_COLOR="1") as shown:
        assert shown.ended() == 0
        assert "|- " in shown.text
        assert "\033[" not in shown.text


def test_each_kind_of_a_namespace_is_listed_once(grown: App, gitops: CommandLine) -> None:
    mark = gitops.plane.audit_mark()
    gitops.ok("tree", grown.name, *SYSTEM)
    gitops.plane.audit_mark()
    reads = Counter(
        event["objectRef"]["resource"]
        for event in gitops.plane.audit_events(since=mark)
        if event["verb"] in {"list", "get"}
        and event.get("userAgent") == "kubectl-gitops"
        and not event["user"]["username"].startswith("system:serviceaccount:")
        and event.get("objectRef", {}).get("namespace") == grown.live.namespace
    )
    assert set(reads.values()) == {1}, reads
    assert reads.keys() == {"configmaps", "deployments", "replicasets", "pods", "persistentvolumeclaims"}


def test_what_has_drifted_is_said_in_the_words_of_drift(shop: App, gitops: CommandLine, kubectl: Kubectl) -> None:
    suspended(shop)
    kubectl("scale", "deployment/web", "--replicas=3", "-n", shop.live.namespace)
    kubectl("delete", "configmap/settings", "-n", shop.live.namespace)
    root, nodes = tree(gitops, shop)
    assert (root["sync"], root["health"]["status"]) == ("Drifted", "Missing")
    assert (nodes["Deployment/web"]["sync"], nodes["Deployment/web"]["note"]) == ("Modified", "spec.replicas")
    missing = nodes["ConfigMap/settings"]
    assert (missing["sync"], missing["health"]["status"]) == ("Missing", "Missing")
    assert "suspended" in root["note"]


def test_every_gitsync_and_one_that_has_not_synced_yet(
    shop: App, gitops: CommandLine, control_plane: ControlPlane
) -> None:
    waiting = App(control_plane, shop.live.namespace, shop.repository)
    waiting.create(sync={"automated": False})
    try:
        items = json.loads(gitops.ok("tree", "-A", "-o", "json"))["items"]
        by_name = {item["name"]: item for item in items}
        assert by_name[shop.name]["sync"] == "Synced"
        assert (by_name[waiting.name]["sync"], by_name[waiting.name]["children"]) == ("NotSynced", [])
    finally:
        waiting.delete()
        waiting.wait_gone()


def test_what_may_not_be_listed_is_named_and_the_rest_is_shown(
    shop: App, gitops: CommandLine, kubectl: Kubectl
) -> None:
    user, namespace = f"user-{secrets.token_hex(4)}", shop.live.namespace
    for place, name, resources in (
        ("gitops-system", f"{user}-system", "gitsyncs.kubectl-gitops.dev,secrets"),
        (namespace, f"{user}-target", "configmaps"),
    ):
        kubectl("create", "role", name, "-n", place, "--verb=get,list", f"--resource={resources}")
        kubectl("create", "rolebinding", name, "-n", place, f"--role={name}", f"--user={user}")
    done = gitops("tree", shop.name, *SYSTEM, "-o", "json", user=user)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert f"deployments.apps in namespace {namespace}" in [one["what"] for one in document["unseen"]]
    assert f"warning: not seen: deployments.apps in namespace {namespace}: " in done.stderr
    root = document["items"][0]
    words = {node["name"]: (node["sync"], node["health"]["status"]) for node in root["children"]}
    assert words == {"settings": ("Synced", "Healthy"), "web": ("Unknown", "Unknown")}
    assert (root["sync"], root["health"]["status"]) == ("Unknown", "Unknown")


def test_an_api_that_is_down_hides_only_its_own_objects(app: App, gitops: CommandLine, kubectl: Kubectl) -> None:
    group = f"{secrets.token_hex(4)}.example.com"
    services = "/apis/apiregistration.k8s.io/v1/apiservices"
    widget: Document = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 3}}
    app.plane.request("POST", CRDS, widget_crd(group))
    try:
        wait_served(app, group)
        app.commit(config_map("settings"), widget)
        app.create()
        app.wait_ready()
        suspended(app)
        # Another server is to have the group from now on, and there is none.
        app.plane.request("DELETE", f"{CRDS}/widgets.{group}")
        missing = {"namespace": app.live.namespace, "name": "nobody"}
        spec: Document = {"group": group, "version": "v1", "service": missing, "insecureSkipTLSVerify": True}
        spec |= {"groupPriorityMinimum": 10, "versionPriority": 10}
        service = {"metadata": {"name": f"v1.{group}"}, "spec": spec}

        def is_down() -> bool:
            with suppress(RequestFailed):
                app.plane.request("POST", services, service)
            document = json.loads(gitops("tree", app.name, *SYSTEM, "-o", "json").stdout)
            return [one["what"] for one in document["unseen"]] == [f"API group {group}"]

        wait_until(is_down, SECONDS, "the API to be down")
        done = gitops("tree", app.name, *SYSTEM, "-o", "json")
        nodes = {node["name"]: node for node in json.loads(done.stdout)["items"][0]["children"]}
        assert (nodes["settings"]["sync"], nodes["w"]["sync"]) == ("Synced", "Unknown")
        assert "is down" in nodes["w"]["health"]["message"]
        assert f"warning: not seen: API group {group}: the server of API group {group} is down" in done.stderr
    finally:
        for path in (f"{services}/v1.{group}", f"{CRDS}/widgets.{group}"):
            with suppress(RequestFailed):
                app.plane.request("DELETE", path)


def test_a_custom_resource_and_what_its_operator_has_made(app: App, gitops: CommandLine) -> None:
    """Of its own kinds and Kubernetes' usual ones; what is declared itself has a line of its own and no other."""
    group = f"{secrets.token_hex(4)}.example.com"
    widget: Document = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 3}}
    app.plane.request("POST", CRDS, widget_crd(group))
    try:
        wait_served(app, group)
        app.commit(widget)
        app.create()
        app.wait_ready()
        uid = app.live.get(f"{group}/v1/widgets", "w")["metadata"]["uid"]
        owner = {"apiVersion": f"{group}/v1", "kind": "Widget", "name": "w", "uid": uid}
        for plural, obj in (
            ("configmaps", config_map("made")),
            (f"{group}/v1/widgets", {**widget, "metadata": {"name": "part"}}),
            ("apps/v1/deployments", deployment("made")),
        ):
            obj["metadata"]["ownerReferences"] = [owner]
            app.live.create(plural, obj)
        _, nodes = tree(gitops, app)
        made = [f"{child['kind']}/{child['name']}" for child in nodes["Widget/w"]["children"]]
        assert made == ["ConfigMap/made", "Deployment/made", "Widget/part"]
    finally:
        app.delete()
        app.wait_gone()
        app.plane.request("DELETE", f"{CRDS}/widgets.{group}")
