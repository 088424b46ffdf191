"""export: live objects as manifests that say the same, and nothing that only the cluster has to say."""

from __future__ import annotations

import json
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Kubectl
from tests.integration.commandline import CommandLine
from tests.integration.manifests import SETTINGS, WEB, widget_crd
from tests.testbed.apiclient import RequestFailed
from tests.testbed.controlplane import ControlPlane

#: What the cluster sets; none of it may be in any manifest, wherever.
ASSIGNED = {
    "status",
    "managedFields",
    "uid",
    "creationTimestamp",
    "resourceVersion",
    "generation",
    "kubectl.kubernetes.io/last-applied-configuration",
    "nodePort",
    "clusterIPs",
    "volumeName",
    "pod-template-hash",
    "namespace",
}

POD = """
    metadata: {labels: {app: it}}
    spec:
      serviceAccountName: robot
      containers:
      - name: it
        image: example.com/it:1.0
        ports: [{containerPort: 80}]
        env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
        readinessProbe: {httpGet: {path: /ready, port: 80}}
        volumeMounts: [{name: data, mountPath: /data}]
      volumes: [{name: data, configMap: {name: settings}}]
"""
MATRIX = {
    "configmap": SETTINGS,
    "deployment": WEB,
    "statefulset": f"""
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: it}}
spec:
  serviceName: headless
  selector: {{matchLabels: {{app: it}}}}
  template:{POD}
  volumeClaimTemplates:
  - metadata: {{name: disk}}
    spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}
""",
    "daemonset": f"""
apiVersion: apps/v1
kind: DaemonSet
metadata: {{name: it}}
spec:
  selector: {{matchLabels: {{app: it}}}}
  template:{POD}
""",
    "job": """
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: it, image: example.com/it}]
""",
    "cronjob": """
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers: [{name: it, image: "example.com/it@sha256:%s"}]
"""
    % ("0" * 64),
    "pod": """
apiVersion: v1
kind: Pod
metadata: {name: bare}
spec: {containers: [{name: it, image: "example.com/it:1"}]}
""",
    "service": """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: m, port: 90}]}
""",
    "service headless": """
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {clusterIP: None, selector: {app: web}, ports: [{port: 80}]}
""",
    "serviceaccount": "{apiVersion: v1, kind: ServiceAccount, metadata: {name: robot}}",
    "persistentvolumeclaim": """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: disk}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}
""",
    "ingress": """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules:
  - host: a.example
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
""",
    "networkpolicy": """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {}}
""",
    "horizontalpodautoscaler": """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {maxReplicas: 4, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: other}}
""",
    "poddisruptionbudget": """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
""",
    "role": """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
""",
    "rolebinding": """
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: Group, name: team, apiGroup: rbac.authorization.k8s.io}]
""",
    "resourcequota": """
apiVersion: v1
kind: ResourceQuota
metadata: {name: much}
spec: {hard: {pods: "1000"}}
""",
    "limitrange": """
apiVersion: v1
kind: LimitRange
metadata: {name: little}
spec: {limits: [{type: PersistentVolumeClaim, min: {storage: 1Mi}}]}
""",
}


@pytest.fixture
def gitops(control_plane: ControlPlane, tmp_path: Path) -> CommandLine:
    return CommandLine(control_plane, tmp_path)


@pytest.fixture
def elsewhere(control_plane: ControlPlane) -> Iterator[str]:
    name = f"test-{secrets.token_hex(4)}"
    control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    control_plane.request("DELETE", f"/api/v1/namespaces/{name}")


def keys_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(keys_in, value.values()))
    return set().union(*map(keys_in, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("how", [("create",), ("apply",), ("apply", "--server-side", "--field-manager=ci")])
def test_what_is_exported_is_what_there_is_and_can_be_applied_elsewhere(
    gitops: CommandLine, kubectl: Kubectl, namespace: str, elsewhere: str, how: tuple[str, ...]
) -> None:
    kubectl(*how, "-n", namespace, "-f", "-", input="\n---\n".join(MATRIX.values()))
    with gitops.nothing_written():
        done = gitops("export", "--all-in-namespace", "-n", namespace, "-d", "deploy")
    assert done.returncode == 0, done.stderr
    manifests = [yaml.safe_load(path.read_text()) for path in sorted((gitops.directory / "deploy").iterdir())]
    wanted = sorted((obj["kind"], obj["metadata"]["name"]) for obj in map(yaml.safe_load, MATRIX.values()))
    assert sorted((obj["kind"], obj["metadata"]["name"]) for obj in manifests) == wanted
    for manifest in manifests:
        assert not keys_in(manifest) & ASSIGNED, manifest
    said = f"{len(wanted)} objects are as Git says\n"
    assert gitops.ok("drift", "-f", "deploy", "-n", namespace) == said
    # As people would: into another namespace, where nothing of it is yet.
    kubectl("apply", "--dry-run=server", "-n", elsewhere, "-f", str(gitops.directory / "deploy"))


def test_a_manifest_has_what_a_person_would_have_written(gitops: CommandLine, kubectl: Kubectl, namespace: str) -> None:
    kubectl("apply", "-n", namespace, "-f", "-", input="\n---\n".join([WEB, MATRIX["service"], MATRIX["job"]]))
    kubectl("rollout", "restart", "deployment/web", "-n", namespace)
    written = list(yaml.safe_load_all(gitops.ok("export", "deploy/web", "svc/web", "job/once", "-n", namespace)))
    web, service, job = (yaml.safe_load(text) for text in (WEB, MATRIX["service"], MATRIX["job"]))
    container = web["spec"]["template"]["spec"]["containers"][0]
    container["resources"]["requests"] = {"cpu": "1", "memory": "512Mi"}
    job["spec"]["template"]["spec"]["containers"][0] = {"name": "it", "image": "example.com/it"}
    by_kind = {one["kind"]: one for one in written}
    assert by_kind == {"Deployment": web, "Service": service, "Job": job}
    assert list(by_kind["Deployment"]) == ["apiVersion", "kind", "metadata", "spec"]


def test_a_selector_and_several_kinds_choose(gitops: CommandLine, kubectl: Kubectl, namespace: str) -> None:
    for name in ("one", "two"):
        kubectl("create", "configmap", name, "-n", namespace)
        kubectl("create", "serviceaccount", name, "-n", namespace)
        kubectl("label", f"configmap/{name}", f"serviceaccount/{name}", f"app={name}", "-n", namespace)
    document = json.loads(gitops.ok("export", "cm,sa", "-l", "app=two", "-n", namespace, "-o", "json"))
    assert [(obj["kind"], obj["metadata"]["name"]) for obj in document["items"]] == [
        ("ServiceAccount", "two"),
        ("ConfigMap", "two"),
    ]


def test_what_others_own_is_left_out_and_counted(gitops: CommandLine, kubectl: Kubectl, namespace: str) -> None:
    owner = kubectl("create", "configmap", "owner", "-n", namespace, "-o", "json").stdout
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": json.loads(owner)["metadata"]["uid"]}
    owned = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "owned", "ownerReferences": [reference]},
    }
    kubectl("create", "-n", namespace, "-f", "-", input=json.dumps(owned))
    done = gitops("export", "cm/owner", "cm/owned", "-n", namespace)
    assert (done.returncode, yaml.safe_load(done.stdout)["metadata"]) == (0, {"name": "owner"})
    assert done.stderr == "left out: 1 object that another one owns (1 ConfigMap)\n"
    refused = gitops("export", "cm/owned", "-n", namespace)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "nothing to export" in refused.stderr


PASSWORD = "correct-horse-battery"


@pytest.fixture
def with_secret(gitops: CommandLine, kubectl: Kubectl, namespace: str) -> CommandLine:
    login = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: login}}\nstringData: {{password: {PASSWORD}}}\n"
    kubectl("apply", "-n", namespace, "-f", "-", input=f"{SETTINGS}---\n{login}")
    return gitops


def test_secrets_are_refused_and_left_out_and_counted(with_secret: CommandLine, namespace: str) -> None:
    gitops = with_secret
    for args in (["secret/login"], ["secrets"], ["cm,secrets", "-l", "a=b"]):
        refused = gitops.refused("export", *args, "-n", namespace)
        assert refused.error == "Secrets are not exported: their values would be written in clear"
        assert "--include-secrets -d DIR" in refused.hint
    for args in (["secret/login"], ["--all-in-namespace"]):
        refused = gitops.refused("export", *args, "--include-secrets", "-n", namespace)
        assert refused.error == "--include-secrets goes with -d DIR"
    done = gitops("export", "--all-in-namespace", "-n", namespace)
    assert (done.returncode, yaml.safe_load(done.stdout)["kind"]) == (0, "ConfigMap")
    assert "left out: 1 object whose values would be written in clear (1 Secret); --include-secrets" in done.stderr


def test_secrets_go_only_into_files_that_nobody_else_can_read(with_secret: CommandLine, namespace: str) -> None:
    gitops = with_secret
    done = gitops("export", "--all-in-namespace", "--include-secrets", "-n", namespace, "-d", "deploy")
    assert done.returncode == 0, done.stderr
    assert "warning: 1 Secret written in clear, to files that only you can read: encrypt them" in done.stderr
    file = gitops.directory / "deploy" / "secret-login.yaml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((gitops.directory / "deploy" / "configmap-settings.yaml").stat().st_mode) != 0o600
    assert PASSWORD not in done.stdout + done.stderr
    assert yaml.safe_load(file.read_text())["metadata"] == {"name": "login"}
    assert gitops.ok("drift", "-f", "deploy", "-n", namespace) == "2 objects are as Git says\n"
    # A file that was there, and that others can read, is no way to them.
    file.chmod(0o644)
    refused = gitops.refused("export", "secret/login", "--include-secrets", "-n", namespace, "-d", "deploy")
    assert refused.error == "deploy is not empty"
    gitops("export", "secret/login", "--include-secrets", "-n", namespace, "-d", "deploy", "--force")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_custom_resources_and_objects_of_the_cluster(
    gitops: CommandLine, kubectl: Kubectl, control_plane: ControlPlane, namespace: str
) -> None:
    group = f"{secrets.token_hex(4)}.example.com"
    widget = {
        "apiVersion": f"{group}/v1",
        "kind": "Widget",
        "metadata": {"name": "w", "finalizers": ["example.com/hold"]},
        "spec": {"size": 3},
    }
    try:
        gitops.write({"all/crd.yaml": yaml.safe_dump(widget_crd(group)), "all/w.yaml": yaml.safe_dump(widget)})
        gitops.ok("sync", "-f", "all", "-n", namespace)
        names = (f"crd/widgets.{group}", f"widgets.{group}/w", f"ns/{namespace}")
        gitops.ok("export", *names, "-n", namespace, "-d", "out")
        written = yaml.safe_load((gitops.directory / "out" / "widget-w.yaml").read_text())
        assert written == {**widget, "metadata": {"name": "w"}}
        fresh = yaml.safe_load((gitops.directory / "out" / f"namespace-{namespace}.yaml").read_text())
        assert fresh == {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        assert gitops.ok("drift", "-f", "out", "-n", namespace) == "3 objects are as Git says\n"
    finally:
        kubectl(
            "patch", f"widgets.{group}/w", "-n", namespace, "--type=merge", "-p", '{"metadata":{"finalizers":null}}'
        )
        with suppress(RequestFailed):
            control_plane.request("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}")


def test_what_may_not_be_read_is_named_and_ends_in_an_error(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("apply", "-n", namespace, "-f", "-", input=SETTINGS)
    kubectl("create", "role", "reader", "-n", namespace, "--verb=get,list", "--resource=configmaps")
    kubectl("create", "rolebinding", "reader", "-n", namespace, "--role=reader", "--user=reader")
    done = gitops("export", "--all-in-namespace", "-n", namespace, user="reader")
    assert (done.returncode, yaml.safe_load(done.stdout)["metadata"]["name"]) == (2, "settings")
    assert "warning: not exported: deployments.apps in namespace" in done.stderr
    assert "could not be read, and may be missing in the export" in done.stderr
    assert "secrets in namespace" not in done.stderr
    assert yaml.safe_load(gitops.ok("export", "cm/settings", "-n", namespace, user="reader")) == yaml.safe_load(
        SETTINGS
    )
