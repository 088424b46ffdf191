"""What is legal, rare, and must not be decided by falling open: duplicate keys, names of others, what is half gone."""

from __future__ import annotations

import json
from typing import Any

from kubectl_gitops.api.names import ENFORCEMENT_ANNOTATION, FIELD_MANAGER
from kubectl_gitops.api.objects import Object
from tests.integration import webhooks
from tests.integration.webhooks import Shop, allowed_with, config_map, deployment, patch, scale
from tests.testbed.controlplane import ControlPlane
from tests.testbed.waiting import wait_until

cluster, webhook, shop, web = webhooks.FIXTURES

CONTAINER = "/spec/template/spec/containers/0"
OPERATOR = ["--as=system:serviceaccount:ops:operator", "--as-group=system:masters", "--field-manager=operator"]


def json_patch(kind: str, name: str, *operations: Object) -> list[str]:
    return ["patch", kind, name, "--type=json", "-p", json.dumps(operations)]


def with_env(*env: Object) -> Object:
    made = deployment()
    made["spec"]["template"]["spec"]["containers"][0]["env"] = list(env)
    return made


def live(shop: Shop, kind: str) -> Object:
    found: Object = json.loads(shop.kubectl("get", kind, "-o", "json", "--show-managed-fields").stdout)
    return found


def our_fields(shop: Shop, kind: str) -> Any:
    return [one["fieldsV1"] for one in live(shop, kind)["metadata"]["managedFields"] if one["manager"] == FIELD_MANAGER]


# Duplicate keys: the last of them counts in the container


def test_a_second_variable_of_the_same_name_is_refused(web: Shop) -> None:
    web.manage(with_env({"name": "MODE", "value": "prod"}), config_map())
    second = {"op": "add", "path": f"{CONTAINER}/env/-", "value": {"name": "MODE", "value": "debug"}}
    adding = json_patch("deployment", "web", second)
    said = wait_until(lambda: web.kubectl(*adding, "--dry-run=server").stderr, 5, "the new snapshot")
    assert "env[name=MODE]" in web.refused(*adding), said
    equal = {"op": "add", "path": f"{CONTAINER}/env/-", "value": {"name": "MODE", "value": "prod"}}
    web.refused(*json_patch("deployment", "web", equal))
    web.allowed("set", "env", "deployment/web", "OTHER=1")
    assert [one["name"] for one in env_of(web)] == ["MODE", "OTHER"]


def test_who_finds_a_second_one_may_take_it_away_but_not_the_first(web: Shop) -> None:
    web.manage(with_env({"name": "MODE", "value": "prod"}), config_map())
    web.set_mode("Off")
    second = {"op": "add", "path": f"{CONTAINER}/env/-", "value": {"name": "MODE", "value": "debug"}}
    wait_until(lambda: allowed_with(web, *json_patch("deployment", "web", second)) is not None, 5, "Off")
    web.set_mode("Enforce")
    wait_until(lambda: web.kubectl(*scale(9)).returncode, 5, "Enforce")
    web.refused(*json_patch("deployment", "web", {"op": "remove", "path": f"{CONTAINER}/env/0"}))
    web.allowed(*json_patch("deployment", "web", {"op": "remove", "path": f"{CONTAINER}/env/1"}))
    assert env_of(web) == [{"name": "MODE", "value": "prod"}]


def env_of(shop: Shop) -> list[Object]:
    found: list[Object] = live(shop, "deployment/web")["spec"]["template"]["spec"]["containers"][0]["env"]
    return found


# Our name


def test_our_field_manager_s_name_gives_nobody_more_than_git_declares(web: Shop) -> None:
    before = our_fields(web, "deployment/web")
    more = deployment()
    more["spec"]["minReadySeconds"] = 5
    less = {**config_map(), "data": {}}
    for given in (more, less):
        arguments = ["apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}", "-f", "-"]
        web.refused(*arguments, input=json.dumps(given))
    web.refused(*scale(5), f"--field-manager={FIELD_MANAGER}")
    assert our_fields(web, "deployment/web") == before


def test_a_forged_entry_is_refused_however_it_is_written(web: Shop) -> None:
    """Paths more, paths less, another manager, another operation; what the API server itself puts back is no matter."""
    entries = live(web, "deployment/web")["metadata"]["managedFields"]
    ours = next(place for place, one in enumerate(entries) if one["manager"] == FIELD_MANAGER)
    at = f"/metadata/managedFields/{ours}"
    before = our_fields(web, "deployment/web")
    for operation in (
        {"op": "add", "path": f"{at}/fieldsV1/f:spec/f:minReadySeconds", "value": {}},
        {"op": "remove", "path": f"{at}/fieldsV1/f:spec/f:replicas"},
        {"op": "replace", "path": f"{at}/manager", "value": "somebody"},
        {"op": "replace", "path": f"{at}/operation", "value": "Update"},
        {"op": "replace", "path": f"{at}/fieldsV1", "value": {}},
    ):
        web.kubectl(*json_patch("deployment", "web", operation))
        assert our_fields(web, "deployment/web") == before, operation


# Labels and annotations of ours


def test_our_annotations_in_the_cluster_open_nothing(web: Shop) -> None:
    declared = config_map()
    declared["metadata"]["annotations"] = {"team": "a"}
    web.manage(deployment(), declared)
    changing = ["annotate", "--overwrite", "configmap/settings", "team=b"]
    wait_until(lambda: "Git says a, asked b" in web.kubectl(*changing).stderr, 5, "the new snapshot")
    web.refused("annotate", "configmap/settings", "team-")
    web.allowed("annotate", "configmap/settings", "team=a", "--overwrite")
    for name, value in ((ENFORCEMENT_ANNOTATION, "off"), ("kubectl-gitops.dev/ignore", "/data")):
        web.kubectl("annotate", "--overwrite", "configmap/settings", f"{name}={value}")
        web.refused(*patch("configmap", "settings", {"data": {"mode": "test"}}))
        web.refused("delete", "configmap/settings")


# On its way out


def test_what_is_being_deleted_may_change_and_go(web: Shop) -> None:
    """By whoever was let: a controller's finalizer held it."""
    hold = {"metadata": {"finalizers": ["example.org/hold"]}}
    web.allowed(*patch("configmap", "settings", hold), *OPERATOR)
    web.refused("delete", "configmap/settings", "--wait=false")
    web.set_mode("Off")
    wait_until(lambda: allowed_with(web, "delete", "configmap/settings", "--wait=false") is not None, 5, "Off")
    web.set_mode("Enforce")
    wait_until(lambda: web.kubectl(*scale(9)).returncode, 5, "Enforce")
    web.allowed("delete", "configmap/settings", "--wait=false")
    web.allowed(*patch("configmap", "settings", {"data": {"mode": "test"}}))
    web.allowed(*patch("configmap", "settings", {"metadata": {"finalizers": None}}))
    assert web.kubectl("get", "configmap/settings").returncode != 0
    said = web.refused("create", "-f", "-", input=json.dumps(labelled(web, {"mode": "test"})))
    assert "data.mode: Git says prod, asked test" in said
    web.allowed("create", "-f", "-", input=json.dumps(labelled(web, {"mode": "prod"})))


def labelled(shop: Shop, data: Object) -> Object:
    made = config_map()
    made["metadata"]["labels"] = {"kubectl-gitops.dev/managed-by": shop.label}
    return {**made, "data": data}


# Children of what we manage


def test_what_controllers_make_of_a_managed_object_is_theirs(controller_manager: ControlPlane, web: Shop) -> None:
    """ReplicaSets, Pods and revisions of a workload that carries our label in its template, too."""
    pod: Object = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tool"}}
    pod["spec"] = {"containers": [{"name": "tool", "image": "tool:1"}]}
    replica_set: Object = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "fixed"}}
    replica_set["spec"] = {**deployment()["spec"], "replicas": 0, "selector": {"matchLabels": {"app": "fixed"}}}
    replica_set["spec"]["template"] = {"metadata": {"labels": {"app": "fixed"}}, "spec": pod["spec"]}
    web.manage(deployment(), config_map(), pod, replica_set)  # so that changes of both kinds are asked about
    web.wait_enforced("pod", "tool")
    web.wait_enforced("replicaset", "fixed")
    marked = deployment()
    marked["spec"]["template"]["metadata"]["labels"]["kubectl-gitops.dev/managed-by"] = web.label
    web.manage(marked, config_map(), pod, replica_set)

    def pods() -> list[str]:
        selected = f"app=web,kubectl-gitops.dev/managed-by={web.label}"
        return web.kubectl("get", "pods", "-o", "name", "-l", selected).stdout.split()

    found = wait_until(pods, 20, "a labelled pod")  # the rollout goes no further, for want of a node
    web.allowed("delete", found[0], "--force", "--grace-period=0")
    wait_until(lambda: (names := pods()) and found[0] not in names, 20, "another pod")
    web.refused("delete", "pod/tool")
    web.refused("delete", "replicaset/fixed")
