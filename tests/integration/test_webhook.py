"""The webhook as a process of its own: TLS, the real API server, kubectl."""

from __future__ import annotations

import base64
import json
import shlex
import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
import urllib3

from kubectl_gitops.api.names import (
    MANAGED_BY_LABEL,
    PROBE_WEBHOOK_NAME,
    SYSTEM_NAMESPACE,
)
from kubectl_gitops.api.objects import Object, Origin
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.diff.compare import Canonical
from kubectl_gitops.errors import Rejected
from kubectl_gitops.snapshot.model import Entry
from tests.integration import webhooks
from tests.integration.webhooks import (
    COMMIT,
    PROMISED_SECONDS,
    Shop,
    Webhook,
    allowed_with,
    config_map,
    deployment,
    patch,
    rules,
    scale,
    trusting_pool,
)
from tests.testbed.components import CONTROLLER_MANAGER
from tests.testbed.controlplane import ControlPlane
from tests.testbed.waiting import wait_until
from webhook.authorities import shared_authorities
from webhook.certs import CA_SECRET, BadCertificate
from webhook.configuration import CONFIGURATION_NAME, CONFIGURATIONS, NAMESPACE_WEBHOOK_NAME, WEBHOOK_NAME
from webhook.state import GITSYNCS

cluster, webhook, shop, web = webhooks.FIXTURES


# What people see


def test_kubectl_set_image_is_refused_with_all_that_one_needs_to_know(web: Shop) -> None:
    said = web.refused("set", "image", "deployment/web", "web=shop:1.5")
    assert said == (
        f'error: failed to patch image update to pod template: admission webhook "{WEBHOOK_NAME}" denied the request: '
        f"Deployment/web in namespace {web.namespace} is kept by GitSync {web.namespace}/{web.name}\n"
        "  spec.template.spec.containers[name=web].image: Git says shop:1.4, asked shop:1.5\n"
        "Declared in deploy/web.yaml:7, 1a2b3c4d Jane Doe\n"
        f"Change it in Git, then run: kubectl gitops sync {web.name} -n {web.namespace}\n"
        f"In an emergency, if you may: kubectl gitops break-glass {web.name} -n {web.namespace}\n"
    )


MANIFEST = """\
# The shop.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        # By hand, nobody changes this.
        image: shop:1.4
        resources:
          requests:
            cpu: 1000m
"""


CPU = "spec.template.spec.containers[name=web].resources.requests.cpu"


def test_a_refusal_names_the_line_that_sets_each_field(shop: Shop) -> None:
    shop.sync(MANIFEST, file="deploy/web.yaml")
    shop.wait_enforced("deployment", "web")
    container = {"name": "web", "image": "shop:1.5", "resources": {"requests": {"cpu": "2"}}}
    spec = {"replicas": 5, "template": {"spec": {"containers": [container]}}}
    said = shop.refused("patch", "deployment", "web", "-p", json.dumps({"spec": spec}))
    assert said.split("\n")[1:-3] == [
        "  spec.replicas: Git says 3, asked 5 (deploy/web.yaml:7)",
        "  spec.template.spec.containers[name=web].image: Git says shop:1.4, asked shop:1.5 (deploy/web.yaml:15)",
        f'  {CPU}: Git says "1", asked "2" (deploy/web.yaml:18)',
        "Declared in deploy/web.yaml:2, 1a2b3c4d Jane Doe",
    ]
    # Our label is in no file.
    assert "(deploy/web.yaml:" not in shop.refused("label", "deployment", "web", f"{MANAGED_BY_LABEL}-")


def test_the_refusal_of_kubectl_patch_reads_as_one_message(web: Shop) -> None:
    said = web.refused(*patch("deployment", "web", {"spec": {"replicas": 5}}))
    assert "\n  spec.replicas: Git says 3, asked 5\nDeclared in deploy/web.yaml:7, 1a2b3c4d Jane Doe\n" in said


def test_equal_quantities_are_no_divergence(web: Shop) -> None:
    """Git says 1000m, the API server 1: the canonical form is what it answered."""
    web.allowed("set", "resources", "deployment/web", "--requests=cpu=1")
    web.refused("set", "resources", "deployment/web", "--requests=cpu=2")


def test_what_git_does_not_say_may_change(web: Shop) -> None:
    web.allowed("annotate", "deployment/web", "note=hello")
    web.allowed("label", "deployment/web", "team=a")
    web.allowed("rollout", "restart", "deployment/web")
    web.allowed(*patch("configmap", "settings", {"data": {"more": "x"}}))
    web.allowed("scale", "deployment/web", "--replicas=3")


def test_what_the_gitsync_ignores_may_change_and_nothing_else(web: Shop) -> None:
    web.change({"ignoreDifferences": [{"kind": "Deployment", "jsonPointers": ["/spec/replicas"]}]})
    scale = patch("deployment", "web", {"spec": {"replicas": 7}})
    wait_until(lambda: web.kubectl(*scale).returncode == 0, 5, "the rule to count")
    web.refused("set", "image", "deployment/web", "web=shop:1.5")


def test_a_drifted_field_may_be_edited_back_but_not_elsewhere(web: Shop) -> None:
    web.set_mode("Off")
    wait_until(lambda: web.kubectl(*patch("deployment", "web", {"spec": {"replicas": 9}})).returncode == 0, 5, "Off")
    web.set_mode("Enforce")
    wait_until(lambda: web.kubectl("delete", "deployment/web", "--dry-run=server").returncode, 5, "Enforce")

    web.allowed("annotate", "deployment/web", "note=hello")
    assert "Git says 3, asked 8" in web.refused(*patch("deployment", "web", {"spec": {"replicas": 8}}))
    editor = {"KUBE_EDITOR": "sed -i 's/replicas: 9/replicas: 3/'"}
    web.allowed("edit", "deployment/web", env=editor)
    assert web.kubectl("get", "deployment/web", "-o", "jsonpath={.spec.replicas}").stdout == "3"


def test_deleting_is_refused_in_each_way(web: Shop) -> None:
    for ways in (["deployment/web"], ["deployments", "--all"], ["deployment/web", "--dry-run=server"]):
        said = web.refused("delete", *ways)
        assert "keeps it from being deleted\nDeclared in deploy/web.yaml:7, 1a2b3c4d Jane Doe" in said
    with pytest.raises(Rejected, match="keeps it from being deleted"):  # deletecollection: no name in the request
        web.cluster.request("DELETE", f"/apis/apps/v1/namespaces/{web.namespace}/deployments")
    manifest = json.dumps(deployment())
    assert WEBHOOK_NAME in web.refused("replace", "--force", "-f", "-", input=manifest)


def test_our_label_may_not_be_removed_nor_changed(web: Shop) -> None:
    path = f"metadata.labels[{MANAGED_BY_LABEL}]"
    changed = web.refused("label", "--overwrite", "deployment/web", f"{MANAGED_BY_LABEL}=other.one")
    assert f"{path}: Git says {web.label}, asked other.one" in changed
    removed = web.refused("label", "deployment/web", f"{MANAGED_BY_LABEL}-")
    assert "metadata.labels: Git says " in removed  # it was the only one
    web.allowed("label", "deployment/web", "team=a")
    removed = web.refused("label", "deployment/web", f"{MANAGED_BY_LABEL}-")
    assert f"{path}: Git says {web.label}, asked to remove it" in removed


def test_our_entry_may_neither_be_reset_nor_doctored(web: Shop) -> None:
    path = "/metadata/managedFields"
    for ways in (
        [{"op": "replace", "path": path, "value": [{}]}],
        [{"op": "replace", "path": path, "value": []}],
        [{"op": "remove", "path": path}],
        [{"op": "remove", "path": f"{path}/0/fieldsV1/f:spec/f:replicas"}],
    ):
        done = web.kubectl("patch", "deployment", "web", "--type=json", "-p", json.dumps(ways))
        entries = web.cluster.get(f"/apis/apps/v1/namespaces/{web.namespace}/deployments/web")["metadata"]
        ours = [e for e in entries["managedFields"] if e["manager"] == "kubectl-gitops"]
        assert "f:replicas" in ours[0]["fieldsV1"]["f:spec"], done.stderr
    assert "managedFields may not be changed by others" in done.stderr


def test_other_managers_may_not_force_fields_from_us(web: Shop) -> None:
    theirs = deployment()
    theirs["spec"]["replicas"] = 7
    for manager in ("argocd", "kubectl-gitops"):
        arguments = ["apply", "--server-side", "--force-conflicts", f"--field-manager={manager}", "-f", "-"]
        assert "spec.replicas: Git says 3, asked 7" in web.refused(*arguments, input=json.dumps(theirs))


def test_a_plan_may_ask_what_an_apply_would_do(web: Shop) -> None:
    new = deployment()
    new["spec"]["replicas"] = 7
    arguments = ["apply", "--server-side", "--force-conflicts", "--field-manager=kubectl-gitops", "-f", "-"]
    web.allowed(*arguments, "--dry-run=server", input=json.dumps(new))
    web.refused(*arguments, input=json.dumps(new))


def test_creating_under_our_label_what_git_does_not_declare_is_refused(web: Shop) -> None:
    stray = config_map()
    stray["metadata"] = {"name": "stray", "labels": {MANAGED_BY_LABEL: web.label}}
    assert "does not declare it" in web.refused("create", "-f", "-", input=json.dumps(stray))
    web.allowed("create", "configmap", "free")
    assert "does not declare it" in web.refused("label", "configmap/free", f"{MANAGED_BY_LABEL}={web.label}")
    web.allowed("label", "configmap/free", f"{MANAGED_BY_LABEL}=no.such-gitsync")


def test_what_git_no_longer_declares_may_be_deleted(web: Shop) -> None:
    assert web.published is not None
    web.publish(entry for entry in web.published.entries if entry.kind != "ConfigMap")
    wait_until(lambda: web.kubectl("delete", "configmap/settings").returncode == 0, PROMISED_SECONDS, "it to be free")
    web.refused("delete", "deployment/web")


def test_the_reconciler_may_do_all_this(web: Shop) -> None:
    changed = deployment()
    changed["spec"]["replicas"] = 5
    web.manage(changed)  # by SSA, with the extra
    wait_until(lambda: "Git says 5" in web.refused(*scale(4)), PROMISED_SECONDS, "the new snapshot")
    web.allowed(*scale(5))


def test_secrets_are_refused_without_their_values(web: Shop, webhook: Webhook) -> None:
    secret: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "password"},
        "data": {"password": base64.b64encode(b"correct horse").decode()},
    }
    web.manage(deployment(), secret)
    web.wait_enforced("secret", "password")
    said = web.refused(*patch("secret", "password", {"stringData": {"password": "battery staple"}}))
    assert "data.password: Git says ***, asked ***" in said
    web.allowed(*patch("secret", "password", {"stringData": {"password": "correct horse", "more": "staple"}}))
    for word in (b"correct horse", b"battery staple"):
        encoded = base64.b64encode(word).decode()
        assert word.decode() not in said + webhook.log_file.read_text()
        assert encoded not in said + webhook.log_file.read_text()


# Modes


def test_warn_lets_it_pass_with_warnings(web: Shop) -> None:
    web.set_mode("Warn")
    said = wait_until(lambda: allowed_with(web, *scale(5)), 5, "Warn")
    assert said is not None
    assert "Warning: spec.replicas: Git says 3, asked 5\n" in said
    assert f"Warning: Deployment/web in namespace {web.namespace} is kept by GitSync {web.namespace}/{web.name}" in said
    assert "Warning: declared in deploy/web.yaml:7, 1a2b3c4d Jane Doe\n" in said
    assert "Warning" in web.allowed("delete", "configmap/settings")


def test_audit_lets_it_pass_and_the_api_server_records_it(web: Shop, control_plane: ControlPlane) -> None:
    web.set_mode("Audit")
    wait_until(lambda: allowed_with(web, *scale(5)) is not None, 5, "Audit")
    assert "Warning" not in web.allowed(*scale(6))
    expected = {
        f"{WEBHOOK_NAME}/verdict": "Audit",
        f"{WEBHOOK_NAME}/reason": "Diverges",
        f"{WEBHOOK_NAME}/gitsync": f"{web.namespace}/{web.name}",
        f"{WEBHOOK_NAME}/commit": COMMIT.sha,
        f"{WEBHOOK_NAME}/fields": "spec.replicas",
    }
    wait_until(
        lambda: any(expected.items() <= event.get("annotations", {}).items() for event in control_plane.audit_events()),
        10,
        "the audit event",
    )


def test_a_change_of_mode_takes_effect_within_two_seconds(web: Shop) -> None:
    for mode, code in (("Off", 0), ("Enforce", 1), ("Audit", 0), ("Enforce", 1)):
        web.set_mode(mode)
        wait_until(
            lambda wanted=code: web.kubectl("delete", "deployment/web", "--dry-run=server").returncode == wanted,  # type: ignore[misc]
            PROMISED_SECONDS,
            f"{mode} to take effect",
        )


def test_a_gitsync_that_is_gone_binds_nobody(web: Shop) -> None:
    web.cluster.request("DELETE", GITSYNCS.path(web.namespace, web.name))
    wait_until(lambda: web.kubectl(*scale(5)).returncode == 0, PROMISED_SECONDS, "the GitSync to be forgotten")


def test_without_a_snapshot_what_we_applied_is_kept_by_its_field_set(web: Shop, request: pytest.FixtureRequest) -> None:
    assert web.published is not None
    other = Shop(web.plane, web.cluster, web.namespace)  # keeps the kinds in use while there is no other snapshot
    request.addfinalizer(other.forget)
    other.publish([web.published.entries[0]])
    web.forget_snapshots()
    wait_until(lambda: "spec.replicas: is 3, asked 5" in web.kubectl(*scale(5)).stderr, 5, "the snapshot to be gone")
    web.allowed("annotate", "deployment/web", "note=hello")
    assert "is not known yet" in web.refused("delete", "deployment/web")


# What is asked about, and what is not


def test_noise_costs_no_call(web: Shop, webhook: Webhook) -> None:
    gitsync = f"{web.namespace}/{web.name}"
    settled = wait_until(lambda: settled_deployment(web), 10, "the controllers to be done with it")

    def reviews() -> float:
        return webhook.count("gitops_webhook_reviews_total", gitsync=gitsync)

    before = reviews()
    status = {"status": {"conditions": [{"type": "Tested", "status": "True"}]}}
    web.allowed(*patch("deployment", "web", status), "--subresource=status")
    web.allowed(*patch("deployment", "web", {"metadata": {"resourceVersion": None}}))
    web.allowed(*patch("configmap", "settings", {}))
    web.allowed("replace", "-f", "-", input=json.dumps(settled))  # changes managedFields and nothing else
    web.allowed("annotate", "configmap/kube-root-ca.crt", "note=not-ours")
    assert reviews() == before
    web.allowed("annotate", "configmap/settings", "note=a-change")
    assert reviews() == before + 1


def test_rules_name_the_kinds_in_use_and_stale_ones_go(shop: Shop) -> None:
    """Of two kinds that no other test manages: there may be others' GitSyncs beside this one."""
    limits: Object = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "limits"},
        "spec": {"limits": [{"type": "Container", "max": {"cpu": "4"}}]},
    }
    quota: Object = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "quota"},
        "spec": {"hard": {"pods": "10"}},
    }

    def named() -> set[str]:
        return {resource for _, resource in rules(shop.cluster)} & {"limitranges", "resourcequotas"}

    hooks = shop.cluster.get(CONFIGURATIONS.path("", CONFIGURATION_NAME))["webhooks"]
    assert PROBE_WEBHOOK_NAME in [hook["name"] for hook in hooks]
    assert named() == set()
    shop.manage(limits, quota)
    wait_until(lambda: named() == {"limitranges", "resourcequotas"}, 20, "both kinds")
    shop.manage(limits)
    wait_until(lambda: named() == {"limitranges"}, 20, "one kind")


def test_a_kind_that_is_not_served_yet_is_asked_about_as_soon_as_it_is(
    shop: Shop, request: pytest.FixtureRequest
) -> None:
    group = f"{shop.name}.example.org"
    crd: Object = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                }
            ],
        },
    }
    entry = Entry(
        api_version=f"{group}/v1",
        kind="Widget",
        namespace=shop.namespace,
        name="w",
        origin=Origin("crs.yaml", 1),
        declared_digest="d",
    )
    shop.publish([entry])
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    request.addfinalizer(lambda: shop.cluster.request("DELETE", f"{path}/widgets.{group}"))
    shop.cluster.request("POST", path, body=crd)
    wait_until(lambda: (group, "widgets") in rules(shop.cluster), 20, "the rule")


def test_a_namespace_goes_with_all_that_is_managed_in_it(controller_manager: ControlPlane, web: Shop) -> None:
    web.refused("delete", "configmap/settings")
    said = web.refused("delete", "namespace", web.namespace, by=NAMESPACE_WEBHOOK_NAME)
    assert said.rpartition(" keeps it\n")[2] == (
        "  Deployment/web: deploy/web.yaml:7\n"
        "  ConfigMap/settings: deploy/web.yaml:8\n"
        "Remove them from Git and sync; or, to let all go: "
        f"kubectl patch gitsync {web.name} -n {web.namespace} --type=merge "
        '-p \'{"spec":{"enforcement":{"mode":"Off"}}}\'\n'
    )
    assert f"Namespace/{web.namespace} holds 2 objects that Git declares: GitSync {web.namespace}/{web.name}" in said
    web.plane.kubectl(*shlex.split(said.rpartition("to let all go: kubectl ")[2]))  # as it says
    wait_until(web.may_go, PROMISED_SECONDS, "all to be let go")
    web.allowed("delete", "namespace", web.namespace, "--timeout=60s")


def test_labels_that_controllers_copy_do_not_stop_them(controller_manager: ControlPlane, shop: Shop) -> None:
    service: Object = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "protocol": "TCP"}]},
    }
    declared_slice: Object = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "external"},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["192.0.2.1"]}],
        "ports": [],
    }
    declared_endpoints: Object = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "external"}}
    shop.manage(declared_slice, declared_endpoints)
    shop.wait_enforced("endpointslice", "external")
    shop.wait_enforced("endpoints", "external")
    shop.manage(declared_slice, declared_endpoints, service)
    for kind in ("discovery.k8s.io/v1/namespaces/{}/endpointslices", "v1/namespaces/{}/endpoints"):
        prefix = "/apis/" if kind.startswith("discovery") else "/api/"
        path = prefix + kind.format(shop.namespace) + f"?labelSelector={MANAGED_BY_LABEL}%3D{shop.label}"
        names = wait_until(lambda p=path: copies(shop.cluster, p), 20, f"the controller's {kind}")  # type: ignore[misc]
        assert all(name.startswith("web") for name in names)


# What goes wrong


def test_what_raises_is_http_500_and_left_to_the_failure_policy(web: Shop, webhook: Webhook) -> None:
    assert web.published is not None
    broken = [with_bad_fields(entry) if entry.kind == "Deployment" else entry for entry in web.published.entries]
    web.publish(broken)
    before = webhook.count("gitops_webhook_internal_errors_total")
    wait_until(lambda: web.kubectl(*scale(5)).returncode == 0, 5, "the broken snapshot")  # Ignore, as configured
    assert webhook.count("gitops_webhook_internal_errors_total") > before
    failures = [line for line in webhook.log() if line["message"] == "review failed"]
    assert "ValueError: not a FieldsV1 key" in failures[-1]["exception"]
    web.refused("delete", "configmap/settings")


def with_bad_fields(entry: Entry) -> Entry:
    assert entry.canonical is not None
    return replace(entry, canonical=Canonical(entry.canonical.tree, {"bogus": {}}))


def test_what_is_no_review_gets_no_verdict(web: Shop, webhook: Webhook) -> None:
    pool = trusting_pool(web.cluster, webhook)
    headers = {"Content-Type": "application/json"}
    for method, path, body, status in (
        ("POST", "/validate", b"{", 400),
        ("POST", "/validate", b"{}", 400),
        ("POST", "/validate", b"[" * 100_000, 400),
        ("GET", "/validate", None, 405),
        ("POST", "/metrics", b"{}", 404),
    ):
        answer = pool.request(method, path, body=body, headers=headers, retries=False)
        assert (answer.status, answer.headers["Content-Type"]) == (status, "text/plain; charset=utf-8")
        assert answer.data.count(b"\n") == 1
        assert b'"allowed"' not in answer.data


def test_tls_1_2_is_refused(web: Shop, webhook: Webhook) -> None:
    with pytest.raises(urllib3.exceptions.SSLError):
        trusting_pool(web.cluster, webhook, ssl_maximum_version=ssl.TLSVersion.TLSv1_2).request(
            "GET", "/validate", retries=False
        )


def test_the_leaf_key_is_private_and_the_ca_key_stays_in_its_secret(web: Shop, webhook: Webhook) -> None:
    (directory,) = webhook.log_file.parent.glob("gitops-webhook-*")
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o777 for file in directory.iterdir()} == {
        "tls.crt": 0o600,
        "tls.key": 0o600,
    }
    secret = web.cluster.get(f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/secrets/{CA_SECRET}")
    key = base64.b64decode(secret["data"]["tls.key"]).decode().splitlines()[1]
    assert key not in (directory / "tls.key").read_text()
    assert key not in webhook.log_file.read_text()
    assert b"PRIVATE" not in Path(f"/proc/{webhook.process.pid}/cmdline").read_bytes()
    assert b"PRIVATE" not in Path(f"/proc/{webhook.process.pid}/environ").read_bytes()


def test_refusals_are_logged_without_what_is_in_the_objects(web: Shop, webhook: Webhook) -> None:
    web.refused("set", "image", "deployment/web", "web=private.example.org/never-logged:1.5")
    line = next(line for line in reversed(webhook.log()) if line["message"] == "change diverges from Git")
    assert line["gitsync"] == f"{web.namespace}/{web.name}"
    assert line["fields"] == ["spec.template.spec.containers[name=web].image"]
    assert (line["user"], line["operation"], line["verdict"]) == ("admin", "UPDATE", "Deny")
    assert "never-logged" not in webhook.log_file.read_text()


def test_the_log_is_json_throughout(webhook: Webhook) -> None:
    for line in webhook.log_file.read_text().splitlines():
        assert {"time", "level", "logger", "message"} <= json.loads(line).keys()


# The authority


def test_replicas_that_start_together_agree_on_one_authority(cluster: Cluster, namespace: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: shared_authorities(cluster, namespace).bundle_pem, range(8)))
    assert len(set(made)) == 1
    assert shared_authorities(cluster, namespace).bundle_pem == made[0]


def test_a_damaged_authority_is_an_error_that_says_what_to_do(cluster: Cluster, namespace: str) -> None:
    shared_authorities(cluster, namespace)
    patched = {"data": {"tls.key": base64.b64encode(b"nonsense").decode()}}
    path = f"/api/v1/namespaces/{namespace}/secrets/{CA_SECRET}"
    cluster.request("PATCH", path, body=patched, content_type="application/merge-patch+json")
    with pytest.raises(BadCertificate, match=f"{CA_SECRET} in namespace {namespace} holds no readable") as failed:
        shared_authorities(cluster, namespace)
    assert "delete it" in failed.value.hint


def test_it_does_not_start_without_its_namespace(control_plane: ControlPlane) -> None:
    argv = [sys.executable, "-m", "webhook", "--kubeconfig", str(control_plane.kubeconfig), "-n", "no-such-namespace"]
    argv += ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (2, 'error: namespaces "no-such-namespace" not found\n')


# Shorthand


def settled_deployment(shop: Shop) -> Object | None:
    found = shop.cluster.get(f"/apis/apps/v1/namespaces/{shop.namespace}/deployments/web")
    is_settled = "deployment.kubernetes.io/revision" in found["metadata"].get("annotations", {})
    del found["metadata"]["resourceVersion"]
    return found if is_settled or not shop.plane.runs(CONTROLLER_MANAGER) else None


def copies(cluster: Cluster, path: str) -> list[str]:
    path, _, query = path.partition("?")
    items = cluster.get(path, dict([unquote(query).split("=", 1)]))["items"]
    return [item["metadata"]["name"] for item in items if item["metadata"]["name"] != "external"]
