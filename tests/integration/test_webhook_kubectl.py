"""The table of decisions by way of kubectl: each command of its that changes a managed object, as people give it."""

from __future__ import annotations

import copy
import json
from typing import Any

from kubectl_gitops.api.objects import Object
from tests.integration import webhooks
from tests.integration.webhooks import Shop, Webhook, config_map, deployment
from tests.testbed.controlplane import ControlPlane
from tests.testbed.waiting import wait_until
from webhook.configuration import SCALE_WEBHOOK_NAME, WEBHOOK_NAME

cluster, webhook, shop, web = webhooks.FIXTURES

WEB = "deployment/web"
IMAGE = "spec.template.spec.containers[name=web].image"


def manifest(**spec: Any) -> str:
    found = deployment()
    found["spec"] |= spec
    return json.dumps(found)


def image_patch(image: str) -> str:
    return json.dumps({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}})


def json_patch(op: str, path: str, **value: Any) -> str:
    return json.dumps([{"op": op, "path": path, **value}])


CONTAINER = "/spec/template/spec/containers/0"
#: What is asked, and what the refusal names. Afterwards all is as it was.
REFUSED: list[tuple[list[str], str]] = [
    (["set", "image", WEB, "web=shop:2"], f"{IMAGE}: Git says shop:1.4, asked shop:2"),
    (["set", "image", WEB, "*=shop:2"], IMAGE),
    (["set", "resources", WEB, "--requests=cpu=2"], "resources.requests.cpu"),
    (["scale", WEB, "--replicas=9"], "spec.replicas: Git says 3, asked 9"),
    (["scale", WEB, "--current-replicas=3", "--replicas=0"], "spec.replicas: Git says 3, asked 0"),
    (["patch", WEB, "-p", image_patch("shop:2")], IMAGE),
    (["patch", WEB, "--type=merge", "-p", '{"spec":{"replicas":null}}'], "spec.replicas"),
    (["patch", WEB, "--type=json", "-p", json_patch("replace", f"{CONTAINER}/image", value="shop:2")], IMAGE),
    (["patch", WEB, "--type=json", "-p", json_patch("remove", f"{CONTAINER}/resources")], "resources"),
    (["patch", WEB, "--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":9}}'], "spec.replicas"),
    (["label", WEB, "kubectl-gitops.dev/managed-by-"], "metadata.labels"),
    (["label", WEB, "--overwrite", "kubectl-gitops.dev/managed-by=a.b"], "metadata.labels"),
    (["delete", WEB], "keeps it from being deleted"),
    (["delete", WEB, "--now"], "keeps it from being deleted"),
    (["delete", WEB, "--force", "--grace-period=0"], "keeps it from being deleted"),
    (["delete", WEB, "--cascade=orphan"], "keeps it from being deleted"),
    (["delete", "deployments,configmaps", "--all"], "keeps it from being deleted"),
    (["delete", "deployments", "-l", "kubectl-gitops.dev/managed-by"], "keeps it from being deleted"),
]
#: The same by what is given on stdin.
REFUSED_INPUT: list[tuple[list[str], str, str]] = [
    (["apply", "-f", "-"], manifest(replicas=9), "spec.replicas"),
    (["apply", "--server-side", "--force-conflicts", "-f", "-"], manifest(replicas=9), "spec.replicas"),
    (["replace", "-f", "-"], manifest(replicas=9), "metadata.labels"),
    (["replace", "--force", "-f", "-"], manifest(), "keeps it from being deleted"),
    (["delete", "-f", "-"], manifest(), "keeps it from being deleted"),
]
ALLOWED: list[list[str]] = [
    ["set", "image", WEB, "web=shop:1.4"],
    ["set", "resources", WEB, "--requests=cpu=1"],
    ["set", "env", WEB, "DEBUG=1"],
    ["scale", WEB, "--replicas=3"],
    ["patch", WEB, "-p", image_patch("shop:1.4")],
    ["patch", WEB, "--type=merge", "-p", '{"spec":{"minReadySeconds":5}}'],
    ["patch", WEB, "--type=json", "-p", json_patch("replace", "/spec/replicas", value=3)],
    ["patch", WEB, "--subresource=status", "--type=merge", "-p", '{"status":{"observedGeneration":1}}'],
    ["label", WEB, "team=a"],
    ["label", WEB, "team-"],
    ["annotate", WEB, "note=hello"],
    ["annotate", WEB, "note-"],
    ["rollout", "restart", WEB],
    ["rollout", "pause", WEB],
    ["rollout", "resume", WEB],
]


def test_what_takes_an_object_away_from_git_is_refused(web: Shop) -> None:
    before = spec_of(web)
    for arguments, said in REFUSED:
        by = SCALE_WEBHOOK_NAME if "scale" in arguments or "--subresource=scale" in arguments else WEBHOOK_NAME
        for options in ([], ["--dry-run=server"]):
            if options and arguments[0] == "rollout":
                continue
            assert said in web.refused(*arguments, *options, by=by), arguments
    for arguments, given, said in REFUSED_INPUT:
        assert said in web.refused(*arguments, input=given), arguments
    assert spec_of(web) == before


def test_an_editor_is_refused_what_it_changes(web: Shop) -> None:
    done = web.kubectl("edit", WEB, env={"KUBE_EDITOR": "sed -i 's/replicas: 3/replicas: 9/'"})
    assert done.returncode != 0
    assert "spec.replicas: Git says 3, asked 9" in done.stdout + done.stderr
    web.allowed("edit", WEB, env={"KUBE_EDITOR": "sed -i 's/^spec:/spec:\\n  minReadySeconds: 3/'"})


def test_what_git_does_not_mind_is_allowed(web: Shop) -> None:
    for arguments in ALLOWED:
        web.allowed(*arguments)
    web.allowed("apply", "-f", "-", input=manifest())
    # With cpu: 1000m, of which the API server makes 1: to managedFields, another value.
    web.allowed("apply", "--server-side", "--force-conflicts", "-f", "-", input=manifest())


def test_an_autoscaler_is_never_blocked(web: Shop) -> None:
    web.allowed("autoscale", WEB, "--min=2", "--max=9")
    scaling = ["scale", WEB, "--replicas=7"]
    wait_until(lambda: web.kubectl(*scaling).returncode == 0, 10, "the autoscaler to count")
    web.allowed("patch", WEB, "--type=merge", "-p", '{"spec":{"replicas":5}}')
    web.refused("set", "image", WEB, "web=shop:2")


def test_a_rollback_is_refused_where_it_leaves_git(controller_manager: ControlPlane, web: Shop) -> None:
    changed = deployment()
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "shop:1.5"
    wait_until(lambda: revisions(web) == 1, 20, "the first revision")
    web.manage(changed, config_map())
    wait_until(lambda: revisions(web) == 2, 20, "the second revision")
    said = wait_until(lambda: refused_or_none(web, "rollout", "undo", WEB), 5, "the new snapshot")
    assert f"{IMAGE}: Git says shop:1.5, asked shop:1.4" in said
    web.allowed("rollout", "restart", WEB)
    wait_until(lambda: revisions(web) == 3, 20, "the third revision")
    web.allowed("rollout", "undo", WEB)  # to what Git says, but for the restart


def test_who_asks_makes_no_difference(web: Shop, webhook: Webhook) -> None:
    account = f"system:serviceaccount:{web.namespace}:deployer"
    for who in (["--as=jane", "--as-group=system:masters"], [f"--as={account}", "--as-group=system:masters"]):
        assert IMAGE in web.refused("set", "image", WEB, "web=shop:2", *who)
        web.refused("delete", "configmap/settings", *who)
        web.allowed("set", "image", WEB, "web=shop:1.4", *who)
        web.allowed("annotate", "--overwrite", WEB, f"by={who[0][-4:]}", *who)
    denied = [line for line in webhook.log() if line.get("user") == account]
    assert {line["verdict"] for line in denied} == {"Deny"}


def spec_of(shop: Shop) -> Object:
    found: Object = json.loads(shop.kubectl("get", WEB, "-o", "json").stdout)
    return copy.deepcopy(found["spec"])


def revisions(shop: Shop) -> int:
    found = json.loads(shop.kubectl("get", "replicasets", "-o", "json").stdout)["items"]
    return max(
        (int(one["metadata"]["annotations"].get("deployment.kubernetes.io/revision", 0)) for one in found), default=0
    )


def refused_or_none(shop: Shop, *arguments: str) -> str:
    done = shop.kubectl(*arguments, "--dry-run=server")
    return done.stderr if done.returncode else ""
