"""Cases from clusters as they are: what is drift, and what only looks like it. Each on the real API server.

Every object is made twice: once as a person makes it with kubectl (nothing is known then but what Git declares), and
once by a sync (whose snapshot knows the canonical form). Both must come to the same verdict.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from kubectl_gitops.api.names import managed_by
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.diff.drift import DriftKind, ObjectDrift
from kubectl_gitops.diff.path import format_path
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.errors import Forbidden, InvalidInput, InvalidManifest
from kubectl_gitops.snapshot.local import LocalForms
from kubectl_gitops.snapshot.store import SnapshotStore
from kubectl_gitops.source.desired import from_stream
from kubectl_gitops.sync.comparing import Comparer
from kubectl_gitops.sync.confirming import Confirmer
from kubectl_gitops.sync.drift import Judged, find_drift
from kubectl_gitops.sync.dryrun import DryRuns
from kubectl_gitops.sync.engine import Engine, SyncResult
from kubectl_gitops.sync.planning import Planner
from kubectl_gitops.sync.revealed import drift_in
from kubectl_gitops.sync.steps import Plan, Target
from tests.oracle.custom import GADGET_SPEC, WIDGET_SPEC, crd
from tests.testbed.apiclient import RequestFailed
from tests.testbed.controlplane import ControlPlane
from tests.testbed.waiting import wait_until

Object = dict[str, Any]
KEY = b"a key"
GROUP = "cases.example.com"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
SECONDS = 30.0


def _of_declared(judged: Iterable[Judged]) -> tuple[ObjectDrift, ...]:
    """What is told of declared values; what was added beside them, and to whom they belong, is another matter."""
    others = {DriftKind.ADDED, DriftKind.STALE, DriftKind.UNOWNED}
    drifts = [one.drift for one in judged if one.drift and one.drift.kind not in others]
    return tuple(
        replace(drift, fields=tuple(one for one in drift.fields if one.kind is DriftKind.MODIFIED)) for drift in drifts
    )


class Team:
    """Somebody whose files are in Git, and a namespace where they should be."""

    def __init__(self, plane: ControlPlane, namespace: str, directory: Path, *, user: str | None = None) -> None:
        self.directory = directory
        self.plane = plane
        self.namespace = namespace
        self.name = f"team-{secrets.token_hex(3)}"
        kubeconfig = plane.user_kubeconfig(user) if user else plane.kubeconfig
        self.cluster = Cluster.from_kubeconfig(kubeconfig)
        self.discovery = Discovery(self.cluster)
        self.store = SnapshotStore(Cluster.from_kubeconfig(plane.kubeconfig), namespace)

    def compared(self, text: str) -> Plan:
        """As of a directory: nothing is known but the text."""
        confirmer = Confirmer(
            DryRuns(self.cluster, self.discovery), lambda: LocalForms.of(self.cluster, self.directory)
        )
        target = Target(namespace="", name="", label="", default_namespace=self.namespace)
        declared = from_stream(text.encode(), "all.yaml").declared
        return Comparer(self.cluster, self.discovery, confirmer).compare(declared, target, {})

    def plan(self, text: str) -> Plan:
        target = Target(
            namespace=self.namespace,
            name=self.name,
            label=managed_by(self.namespace, self.name),
            default_namespace=self.namespace,
        )
        declared = from_stream(text.encode(), "all.yaml").declared
        planner = Planner(reader=self.cluster, writer=self.cluster, discovery=self.discovery, sealing_key=KEY)
        previous = self.store.load(self.namespace, self.name)
        return planner.plan(declared, target, previous=previous, file_commits={})

    def sync(self, text: str) -> SyncResult:
        engine = Engine(writer=self.cluster, discovery=self.discovery, store=self.store, sealing_key=KEY)
        return engine.run(self.plan(text), revision=None, repo_url="", path="")

    def drift(self, text: str) -> tuple[ObjectDrift, ...]:
        return _of_declared(drift_in(self.compared(text)))

    def drift_since_sync(self) -> tuple[ObjectDrift, ...]:
        """Against the snapshot of the last sync, without asking the API server what an apply would do."""
        snapshot = self.store.load(self.namespace, self.name)
        assert snapshot is not None
        assert all(entry.canonical for entry in snapshot.entries)
        return _of_declared(
            find_drift(snapshot, reader=self.cluster, discovery=self.discovery, sealing_key=KEY, rules=Rules())
        )

    def path(self, obj: Object, *, collection: bool = False) -> str:
        resource = self.discovery.need(obj["apiVersion"], obj["kind"])
        return resource.path(self.namespace, "" if collection else obj["metadata"]["name"])

    def objects(self, text: str) -> list[Object]:
        return [declared.object for declared in from_stream(text.encode(), "all.yaml").declared]

    def create(self, text: str) -> None:
        """As ``kubectl create`` does."""
        for obj in self.objects(text):
            path = f"{self.path(obj, collection=True)}?fieldManager=kubectl-create"
            self.plane.request("POST", path, {**obj, "metadata": {**obj["metadata"], "namespace": None}})

    def change(self, obj: Object, patch: Any, *, manager: str = "kubectl-edit") -> None:
        kind = JSON_PATCH if isinstance(patch, list) else MERGE_PATCH
        self.plane.request("PATCH", f"{self.path(obj)}?fieldManager={manager}", patch, content_type=kind)

    def delete(self, text: str) -> None:
        for obj in self.objects(text):
            path = self.path(obj)
            options = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
            try:
                self.plane.request("PATCH", path, {"metadata": {"finalizers": None}}, content_type=MERGE_PATCH)
                self.plane.request("DELETE", path, options)
            except RequestFailed as exc:
                if exc.status != 404:
                    raise

            def is_gone(path: str = path) -> bool:
                try:
                    self.plane.request("PATCH", path, {"metadata": {"finalizers": None}}, content_type=MERGE_PATCH)
                except RequestFailed as exc:
                    return exc.status == 404
                return False

            wait_until(is_gone, SECONDS, f"{path} to be gone")


@dataclass(frozen=True)
class Case:
    """``changes`` are made one after the other to the first object; with each come the fields that drifted then."""

    name: str
    text: str
    changes: list[tuple[Any, set[str]]] = field(default_factory=list)
    manager: str = "kubectl-edit"


def _deployment(name: str, container: str = "", spec: str = "", pod: str = "") -> str:
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  paused: true
  selector: {{matchLabels: {{app: {name}}}}}
  {spec}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      {pod}
      containers:
      - name: web
        image: example.com/web:1
        {container}
"""


def _gadget(name: str, spec: str) -> str:
    return f"{{apiVersion: {GROUP}/v1, kind: Gadget, metadata: {{name: {name}}}, spec: {spec}}}"


def _container(**fields: Any) -> list[Object]:
    base = "/spec/template/spec/containers/0"
    return [
        {"op": "add", "path": f"{base}/{name.replace('__', '/')}", "value": value} for name, value in fields.items()
    ]


WEB = "spec.template.spec.containers[name=web]"

CASES = [
    Case(
        "cpu 0.1 is 100m, and 1000m is 1",
        _deployment("cpu", "resources: {requests: {cpu: 0.1}, limits: {cpu: 1000m}}"),
        [
            (_container(resources__requests__cpu="100m", resources__limits__cpu="1"), set()),
            (_container(resources__limits__cpu="1500m"), {f"{WEB}.resources.limits.cpu"}),
        ],
    ),
    Case(
        "memory 3072, 3Gi and 0.5Gi",
        _deployment(
            "memory", 'resources: {requests: {memory: 0.5Gi, ephemeral-storage: 3072}, limits: {memory: "3Gi"}}'
        ),
        [
            (_container(resources__requests__memory="512Mi", resources__limits__memory="3072Mi"), set()),
            (_container(resources__requests__memory="513Mi"), {f"{WEB}.resources.requests.memory"}),
        ],
    ),
    Case(
        "a duration in a custom resource is a string like any other",
        _gadget("duration", "{duration: 90s}"),
        [({"spec": {"duration": "1m30s"}}, {"spec.duration"}), ({"spec": {"duration": "90s"}}, set())],
    ),
    Case(
        "int-or-string: 25% and a number",
        _deployment("percent", spec="strategy: {rollingUpdate: {maxSurge: 25%, maxUnavailable: 1}}"),
        [
            ({"spec": {"strategy": {"rollingUpdate": {"maxSurge": "50%"}}}}, {"spec.strategy.rollingUpdate.maxSurge"}),
            ({"spec": {"strategy": {"rollingUpdate": {"maxSurge": "25%"}}}}, set()),
            (
                {"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": "1%"}}}},
                {"spec.strategy.rollingUpdate.maxUnavailable"},
            ),
        ],
    ),
    Case(
        "int-or-string: the string 80 and the number 80",
        _gadget("eighty", '{limit: "80"}'),
        [({"spec": {"limit": 80}}, {"spec.limit"})],
    ),
    Case(
        "int-or-string: the name of a port and its number",
        """
apiVersion: v1
kind: Service
metadata: {name: named-port}
spec: {selector: {app: x}, ports: [{name: http, port: 80, targetPort: http}]}
""",
        [
            (
                [{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 80}],
                {"spec.ports[port=80,protocol=TCP].targetPort"},
            )
        ],
    ),
    Case(
        "booleans and numbers as strings in env",
        _deployment("strings", 'env: [{name: DEBUG, value: "true"}, {name: PORT, value: "80"}, {name: E, value: ""}]'),
        [
            (
                [{"op": "replace", "path": "/spec/template/spec/containers/0/env/0/value", "value": "false"}],
                {f"{WEB}.env[name=DEBUG].value"},
            )
        ],
    ),
    Case(
        "defaults of the server that are not in Git",
        _deployment("defaults"),
        [({"spec": {"progressDeadlineSeconds": 30, "revisionHistoryLimit": 1}}, set())],
    ),
    Case(
        "null, missing, empty map, empty list and empty string",
        _deployment(
            "empty",
            "resources: {}\n        args: []\n        env: null\n        workingDir: ''",
            pod="nodeSelector: {}\n      tolerations: []\n      securityContext: {}\n      affinity:",
            spec="strategy: {}",
        )
        + "\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: empty, annotations: {}, labels: null}, data: {}}",
        [
            (
                {"metadata": {"annotations": {"note": "x"}}, "spec": {"strategy": {"rollingUpdate": {"maxSurge": 2}}}},
                set(),
            ),
            (_container(resources={"requests": {"cpu": "1"}}), set()),
            (_container(args=["by", "hand"]), {f"{WEB}.args"}),
            (
                {"spec": {"template": {"spec": {"nodeSelector": {"disk": "ssd"}}}}},
                {f"{WEB}.args", "spec.template.spec.nodeSelector"},
            ),
        ],
    ),
    Case(
        "an empty string in a ConfigMap is a value",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: empty-string}, data: {a: '', b: b}}",
        [({"data": {"a": None}}, {"data.a"}), ({"data": {"a": "x"}}, {"data.a"}), ({"data": None}, {"data"})],
    ),
    Case(
        "a list by name: another order and another item are no drift, a missing item is",
        _deployment("by-name", "env: [{name: A, value: '1'}, {name: B, value: '2'}]"),
        [
            (_container(env=[{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]), set()),
            (_container(env=[{"name": n, "value": v} for n, v in (("C", "3"), ("B", "2"), ("A", "1"))]), set()),
            (_container(env=[{"name": "B", "value": "2"}]), {f"{WEB}.env[name=A]"}),
        ],
    ),
    Case(
        "a list by port and protocol, the protocol left out",
        """
apiVersion: v1
kind: Service
metadata: {name: by-port}
spec: {ports: [{name: a, port: 53, protocol: UDP}, {name: b, port: 53}]}
""",
        [
            ([{"op": "move", "from": "/spec/ports/0", "path": "/spec/ports/1"}], set()),
            ([{"op": "remove", "path": "/spec/ports/0"}], {"spec.ports[port=53,protocol=TCP]"}),
        ],
    ),
    Case(
        "a list by two keys in a custom resource, one of them with a default",
        _gadget("two-keys", "{ports: [{port: 1, note: a}, {port: 1, protocol: UDP, note: b}]}"),
        [
            ({"spec": {"ports": [{"port": 1, "protocol": "UDP", "note": "b"}, {"port": 1, "note": "a"}]}}, set()),
            (
                {"spec": {"ports": [{"port": 1, "protocol": "UDP", "note": "b"}, {"port": 1, "note": "other"}]}},
                {"spec.ports[port=1,protocol=TCP].note"},
            ),
        ],
    ),
    Case(
        "an atomic list in another order",
        _deployment("atomic", "args: [a, b]"),
        [(_container(args=["b", "a"]), {f"{WEB}.args"}), (_container(args=["a", "b"]), set())],
    ),
    Case(
        "sets: another order and another member are no drift, a missing member is",
        _gadget("sets", "{set: [a, b]}"),
        [
            ({"spec": {"set": ["b", "a"]}}, set()),
            ({"spec": {"set": ["c", "b", "a"]}}, set()),
            ({"spec": {"set": ["c", "b"]}}, {"spec.set[=a]"}),
        ],
    ),
    Case(
        "duplicate keys in env",
        _deployment("twice", "env: [{name: A, value: '1'}]"),
        [(_container(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]), {f"{WEB}.env[name=A]"})],
    ),
    Case(
        "stringData of a Secret",
        "{apiVersion: v1, kind: Secret, metadata: {name: strings}, stringData: {a: hello}, data: {b: aGFsbG8=}}",
        [({"stringData": {"a": "hello"}}, set()), ({"stringData": {"a": "other"}}, {"data.a"})],
    ),
    Case(
        "binaryData of a ConfigMap",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: binary}, binaryData: {a: AAECAw==}}",
        [({"binaryData": {"b": "AA=="}}, set()), ({"binaryData": {"a": "AA=="}}, {"binaryData.a"})],
    ),
    Case(
        "status in Git",
        _deployment("status") + "status: {replicas: 7, conditions: []}",
        [({"spec": {"paused": False}}, {"spec.paused"})],
    ),
    Case(
        "creationTimestamp null, and a generation",
        _deployment("timestamp").replace(
            "{name: timestamp}", "{name: timestamp, creationTimestamp: null, generation: 3}"
        ),
    ),
    Case(
        "preserve-unknown-fields in a custom resource",
        f"{{apiVersion: {GROUP}/v1, kind: Widget, metadata: {{name: free}}, spec: {{a: {{b: [1, {{c: true}}]}}}}}}",
        [
            ({"spec": {"a": {"d": 1}}}, set()),
            ({"spec": {"a": {"b": [1, {"c": False}]}}}, {"spec.a.b"}),
            ({"spec": {"a": {"b": [1, {"c": True}]}}}, set()),
        ],
    ),
    Case(
        "rules of a Role that are null",
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: no-rules}, rules: null}",
    ),
    Case(
        "a Service's clusterIP and nodePort, which the cluster allocates",
        "{apiVersion: v1, kind: Service, metadata: {name: ports}, spec: {type: NodePort, ports: [{port: 80}]}}",
        [({"spec": {"type": "ClusterIP"}}, {"spec.type"})],
    ),
    Case(
        "a ServiceAccount's secrets, which controllers add",
        "{apiVersion: v1, kind: ServiceAccount, metadata: {name: account}, secrets: [{name: ours}]}",
        [({"secrets": [{"name": "theirs"}, {"name": "ours"}], "imagePullSecrets": [{"name": "theirs"}]}, set())],
        manager="openshift-controller-manager",
    ),
    Case(
        "a claim's volumeName, which the cluster binds",
        """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: claim}
spec: {accessModes: [ReadWriteOnce], storageClassName: none, resources: {requests: {storage: 0.5Gi}}}
""",
        [({"spec": {"volumeName": "pv-1"}}, set())],
        manager="kube-controller-manager",
    ),
    Case(
        "a webhook's caBundle, which is injected",
        """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: injected}
webhooks:
- name: a.example.com
  clientConfig: {service: {name: a, namespace: default}}
  rules: [{apiGroups: [nobody.example.com], apiVersions: [v1], operations: [CREATE], resources: [nothings]}]
  failurePolicy: Ignore
  sideEffects: None
  admissionReviewVersions: [v1]
""",
        [
            ([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": "CA_BUNDLE"}], set()),
            (
                [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Fail"}],
                {"webhooks[name=a.example.com].failurePolicy"},
            ),
        ],
        manager="cert-manager-cainjector",
    ),
    Case(
        "a StatefulSet's volumeClaimTemplates, an atomic list that the server fills with defaults",
        """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: templates}
spec:
  replicas: 0
  serviceName: x
  selector: {matchLabels: {app: x}}
  template: {metadata: {labels: {app: x}}, spec: {containers: [{name: web, image: a}]}}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 0.5Gi}}}
""",
        [({"spec": {"replicas": 1}}, {"spec.replicas"})],
    ),
    Case(
        "a Job's selector and labels, which the server generates",
        """
apiVersion: batch/v1
kind: Job
metadata: {name: job}
spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: web, image: a}]}}}
""",
        [({"spec": {"suspend": False, "parallelism": 0}}, {"spec.suspend"})],
    ),
    Case(
        "a List, empty documents, comments only, and anchors",
        """
---
# nothing but a comment
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: of-list, labels: &labels {app: x, tier: "1"}}
  data: &data {a: "1", b: "yes"}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: of-list-2, labels: *labels}
  data: {<<: *data, b: "no"}
---
""",
        [({"data": {"b": "no"}}, {"data.b"})],
    ),
    Case(
        "an empty emptyDir: what is put into it is not Git's, that it is gone is",
        _deployment("scratch", pod="volumes: [{name: tmp, emptyDir: {}}]"),
        [
            ([{"op": "add", "path": "/spec/template/spec/volumes/0/emptyDir/medium", "value": "Memory"}], set()),
            (
                [{"op": "replace", "path": "/spec/template/spec/volumes/0", "value": {"name": "t", "emptyDir": {}}}],
                {"spec.template.spec.volumes[name=tmp]"},
            ),
        ],
    ),
    Case(
        "an empty selector is atomic: what is put into it is drift",
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: all}, spec: {podSelector: {}}}",
        [({"spec": {"podSelector": {"matchLabels": {"app": "x"}}}}, {"spec.podSelector"})],
    ),
]


@pytest.fixture(scope="module")
def place(control_plane: ControlPlane) -> Iterator[str]:
    """A namespace for all cases, and the custom resources; their objects have names of their own."""
    name = f"cases-{secrets.token_hex(3)}"
    kinds = [crd("Gadget", GADGET_SPEC, group=GROUP), crd("Widget", WIDGET_SPEC, group=GROUP)]
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for kind in kinds:
        control_plane.request("POST", crds, kind)
    control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    served = [f"/apis/{GROUP}/v1/{kind['spec']['names']['plural']}" for kind in kinds]
    wait_until(lambda: all(_answers(control_plane, path) for path in served), SECONDS, "the CRDs to be served")
    yield name
    control_plane.request("DELETE", f"/api/v1/namespaces/{name}")
    for kind in kinds:
        control_plane.request("DELETE", f"{crds}/{kind['metadata']['name']}")


def _answers(plane: ControlPlane, path: str) -> bool:
    try:
        plane.request("GET", path)
    except RequestFailed:
        return False
    return True


@pytest.fixture
def team(control_plane: ControlPlane, place: str, tmp_path: Path) -> Team:
    return Team(control_plane, place, tmp_path)


def fields(drifts: tuple[ObjectDrift, ...]) -> set[str]:
    assert {drift.kind for drift in drifts} <= {DriftKind.MODIFIED}, drifts
    assert not [drift for drift in drifts if not drift.fields], drifts
    return {format_path(f.path) for drift in drifts for f in drift.fields if f.kind is DriftKind.MODIFIED}


def with_bundle(patch: Any, plane: ControlPlane) -> Any:
    """The patch with a certificate that the API server accepts."""
    bundle = base64.b64encode(plane.ca_pem.encode()).decode()
    return json.loads(json.dumps(patch).replace("CA_BUNDLE", bundle))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_drift_of_what_was_synced(team: Team, case: Case) -> None:
    first = team.objects(case.text)[0]
    assert not (result := team.sync(case.text)).failed, [str(outcome.error) for outcome in result.failed]
    try:
        assert fields(team.drift_since_sync()) == set()
        assert fields(team.drift(case.text)) == set()
        for patch, drifted in case.changes:
            team.change(first, with_bundle(patch, team.plane), manager=case.manager)
            assert fields(team.drift_since_sync()) == drifted
            assert fields(team.drift(case.text)) == drifted
        assert not team.sync(case.text).failed
        assert fields(team.drift_since_sync()) == set()
    finally:
        team.delete(case.text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_drift_of_what_somebody_made_with_kubectl(team: Team, case: Case) -> None:
    first = team.objects(case.text)[0]
    team.create(case.text)
    try:
        assert fields(team.drift(case.text)) == set()
        for patch, drifted in case.changes:
            team.change(first, with_bundle(patch, team.plane), manager=case.manager)
            assert fields(team.drift(case.text)) == drifted
    finally:
        team.delete(case.text)


# -- What is ignored by default


IGNORED = [
    Case(
        "replicas that an autoscaler owns",
        _deployment("scaled", spec="replicas: 2")
        + """
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: scaled}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: scaled}, maxReplicas: 9}
""",
        [({"spec": {"replicas": 5}}, set())],
        manager="kube-controller-manager",
    ),
    Case(
        "an aggregated ClusterRole whose rules Git declares empty",
        """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: aggregated-empty}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {nobody: has}}]}
rules: []
""",
        [({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}, set())],
        manager="clusterrole-aggregation-controller",
    ),
    Case(
        "a ServiceAccount's imagePullSecrets, an atomic list to which controllers add",
        "{apiVersion: v1, kind: ServiceAccount, metadata: {name: pull}, imagePullSecrets: [{name: ours}]}",
        [({"imagePullSecrets": [{"name": "ours"}, {"name": "theirs"}]}, set())],
        manager="openshift-controller-manager",
    ),
]


@pytest.mark.parametrize("case", IGNORED, ids=lambda case: case.name)
def test_what_the_cluster_changes_by_itself_is_no_drift(team: Team, case: Case) -> None:
    test_drift_of_what_was_synced(team, case)


# -- How an object came to be, and what it carries


SETTINGS = "{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME}, data: {a: '1', b: '2'}}"


@pytest.mark.parametrize("how", ["present", "absent", "stale"])
def test_kubectls_last_applied_annotation_is_no_drift(team: Team, how: str) -> None:
    text = SETTINGS.replace("NAME", f"last-applied-{how}")
    (settings,) = team.objects(text)
    if how == "absent":
        team.create(text)
    else:
        team.plane.kubectl("apply", "-n", team.namespace, "-f", "-", input=text)
    if how == "stale":
        team.change(settings, {"data": {"a": "by hand"}})
        assert fields(team.drift(text)) == {"data.a"}
        team.change(settings, {"data": {"a": "1", "c": "3"}})
    assert fields(team.drift(text)) == set()
    assert not team.sync(text).failed
    assert fields(team.drift_since_sync()) == set()
    team.plane.kubectl("apply", "-n", team.namespace, "-f", "-", input=text.replace("'2'", "'3'"))
    assert fields(team.drift_since_sync()) == fields(team.drift(text)) == {"data.b"}
    team.delete(text)


@pytest.mark.parametrize("reset", [[], [{}]], ids=["no managedFields", "managedFields reset to [{}]"])
def test_an_object_without_managed_fields_is_compared_by_its_values(team: Team, reset: list[Object]) -> None:
    text = SETTINGS.replace("NAME", f"unmanaged-{len(reset)}") + "\n---\n" + _deployment(f"unmanaged-{len(reset)}")
    settings, web = team.objects(text)
    assert not team.sync(text).failed
    for obj in (settings, web):
        live = team.plane.request("GET", team.path(obj))
        live["metadata"]["managedFields"] = reset
        team.plane.request("PUT", f"{team.path(obj)}?fieldManager=somebody", live)
    assert fields(team.drift_since_sync()) == fields(team.drift(text)) == set()
    for obj in (settings, web):
        live = team.plane.request("GET", team.path(obj))
        live["metadata"]["managedFields"] = [{}]
        if "data" in live:
            live["data"]["a"] = "by hand"
        else:
            live["spec"]["template"]["spec"]["containers"][0]["image"] = "by/hand"
        team.plane.request("PUT", team.path(obj), live)
    assert fields(team.drift_since_sync()) == fields(team.drift(text)) == {"data.a", f"{WEB}.image"}
    assert not team.sync(text).failed
    assert fields(team.drift_since_sync()) == set()
    team.delete(text)


def test_an_autoscaler_declared_as_v1_and_changed_as_v2(team: Team) -> None:
    text = """
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: scaler}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: nobody}
  maxReplicas: 5
  targetCPUUtilizationPercentage: 80
"""
    (v1,) = team.objects(text)
    v2 = {**v1, "apiVersion": "autoscaling/v2"}
    team.create(text)
    assert fields(team.drift(text)) == set()
    assert not team.sync(text).failed
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 60}}
    team.change(v2, {"spec": {"behavior": behavior}})
    assert fields(team.drift_since_sync()) == fields(team.drift(text)) == set()
    resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    team.change(v2, {"spec": {"metrics": [{"type": "Resource", "resource": resource}], "maxReplicas": 9}})
    drifted = {"spec.maxReplicas", "spec.targetCPUUtilizationPercentage"}
    assert fields(team.drift_since_sync()) == fields(team.drift(text)) == drifted
    team.delete(text)


def test_the_rules_of_an_aggregated_cluster_role_are_filled_in_by_the_cluster(
    team: Team, controller_manager: ControlPlane
) -> None:
    label = f"agg-{team.name}"
    text = f"""
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: {label}}}
aggregationRule: {{clusterRoleSelectors: [{{matchLabels: {{{label}: "yes"}}}}]}}
rules: null
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: {label}-part, labels: {{{label}: "yes"}}}}
rules: [{{apiGroups: [""], resources: [pods], verbs: [get]}}]
"""
    role, _ = team.objects(text)
    assert not team.sync(text).failed
    wait_until(lambda: team.plane.request("GET", team.path(role)).get("rules"), SECONDS, "the rules")
    assert fields(team.drift_since_sync()) == fields(team.drift(text)) == set()
    team.delete(text)


def test_an_object_that_a_controller_has_given_owner_references_is_as_declared(team: Team) -> None:
    text = f"{SETTINGS.replace('NAME', 'owner')}\n---\n{SETTINGS.replace('NAME', 'child')}"
    owner, child = team.objects(text)
    assert not team.sync(text).failed
    uid = team.plane.request("GET", team.path(owner))["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    team.change(child, {"metadata": {"ownerReferences": [reference]}}, manager="operator")
    assert fields(team.drift_since_sync()) == fields(team.drift(text)) == set()
    team.delete(text)


def test_an_object_that_is_being_deleted_is_as_declared_until_it_is_gone(team: Team) -> None:
    text = SETTINGS.replace("{name: NAME}", "{name: going, finalizers: [example.com/wait]}")
    (settings,) = team.objects(text)
    assert not team.sync(text).failed
    team.plane.request("DELETE", team.path(settings))
    assert team.plane.request("GET", team.path(settings))["metadata"]["deletionTimestamp"]
    assert fields(team.drift_since_sync()) == fields(team.drift(text)) == set()
    team.delete(text)
    assert [drift.kind for drift in team.drift_since_sync()] == [DriftKind.MISSING]
    assert [drift.kind for drift in team.drift(text)] == [DriftKind.MISSING]


# -- What Git says, and what is in the cluster or not


def test_an_object_is_missing_or_there_without_being_in_git(team: Team) -> None:
    kept, gone, extra = (SETTINGS.replace("NAME", name) for name in ("kept", "gone", "extra"))
    assert not team.sync(f"{kept}\n---\n{gone}").failed
    team.create(extra)
    team.delete(gone)
    for drifts in (team.drift_since_sync(), team.drift(f"{kept}\n---\n{gone}")):
        assert [(drift.kind, drift.key.name) for drift in drifts] == [(DriftKind.MISSING, "gone")]
    team.delete(f"{kept}\n---\n{extra}")


def test_a_namespace_is_implied_and_none_for_what_has_none(team: Team) -> None:
    name = f"tier-{team.name}"
    text = f"""
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {{name: {name}, namespace: anywhere}}
value: 7
---
{SETTINGS.replace("NAME", "implied")}
"""
    result = team.sync(text)
    assert not result.failed
    assert {step.key.namespace for step in result.plan.steps} == {"", team.namespace}
    assert fields(team.drift_since_sync()) == fields(team.drift(text)) == set()
    team.delete(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "{apiVersion: v1, kind: ConfigMap, metadata: {generateName: a-}}",
            "all.yaml:1: ConfigMap: metadata.generateName",
        ),
        (f"{SETTINGS}\n---\n{SETTINGS}", "all.yaml:3: ConfigMap/NAME is declared already, at all.yaml:1"),
        (SETTINGS.replace("NAME", "a, uid: '1'"), "all.yaml:1: ConfigMap/a: metadata.uid is set by the cluster"),
        (
            SETTINGS.replace("NAME", "a, ownerReferences: [{kind: A}]"),
            "all.yaml:1: ConfigMap/a: metadata.ownerReferences is set by the cluster",
        ),
        ("a: 1", "all.yaml:1: this is no Kubernetes object"),
    ],
    ids=["generateName", "declared twice", "a uid", "owner references", "no object"],
)
def test_what_cannot_be_kept_in_sync_is_refused_with_its_place(team: Team, text: str, words: str) -> None:
    with pytest.raises(InvalidManifest) as refused:
        team.plan(text)
    assert str(refused.value).startswith(words)


def test_an_unknown_kind_is_refused_with_its_place_and_what_may_be_wrong(team: Team) -> None:
    lamp = "{apiVersion: example.com/v1, kind: Lamp, metadata: {name: desk}}"
    with pytest.raises(InvalidInput, match=r"^all\.yaml:3: the cluster has no kind Lamp in example.com/v1") as refused:
        team.plan(f"{SETTINGS}\n---\n{lamp}")
    assert refused.value.hint == "is its CRD installed?"


def test_a_crd_and_its_objects_in_one_commit(team: Team) -> None:
    group = f"{team.name}.example.com"
    own = crd("Gadget", GADGET_SPEC, group=group)
    gadget = _gadget("in-one-commit", "{size: big}").replace(GROUP, group)
    text = f"{gadget}\n---\n{json.dumps(own)}"
    assert [drift.kind for drift in team.drift(text)] == [DriftKind.MISSING, DriftKind.MISSING]
    assert not team.sync(text).failed
    team.discovery.refresh()
    assert fields(team.drift_since_sync()) == fields(team.drift(text)) == set()
    team.delete(gadget)
    team.delete(json.dumps(own))


def test_a_forbidden_kind_is_named_with_who_may_not_read_it(
    control_plane: ControlPlane, place: str, tmp_path: Path
) -> None:
    team = Team(control_plane, place, tmp_path, user="visitor")
    with pytest.raises(Forbidden, match=r'configmaps "forbidden" is forbidden: User "visitor" cannot get') as refused:
        team.drift(SETTINGS.replace("NAME", "forbidden"))
    assert "ask for this right" in refused.value.hint


def test_an_aggregated_api_that_is_down_stops_only_what_needs_it(team: Team) -> None:
    group = f"down-{team.name}.example.com"
    service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"v1.{group}"},
        "spec": {
            "group": group,
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 1,
            "insecureSkipTLSVerify": True,
            "service": {"name": "nobody", "namespace": team.namespace},
        },
    }
    services = "/apis/apiregistration.k8s.io/v1/apiservices"
    team.plane.request("POST", services, service)
    try:

        def is_stale() -> bool:
            team.discovery.refresh()
            return group in team.discovery.stale_groups

        wait_until(is_stale, SECONDS, "the API to be known to be down")
        text = SETTINGS.replace("NAME", "beside")
        assert not team.sync(text).failed
        assert fields(team.drift_since_sync()) == fields(team.drift(text)) == set()
        lamp = f"{{apiVersion: {group}/v1, kind: Lamp, metadata: {{name: desk}}}}"
        plan = team.compared(f"{text}\n---\n{lamp}")
        (unread,) = plan.unread
        assert f"the server of API group {group} is down" in str(unread.error)
        assert fields(_of_declared(drift_in(plan))) == set()
        team.delete(text)
    finally:
        team.plane.request("DELETE", f"{services}/v1.{group}")


# -- What the API server refuses


def _error(drifts: tuple[ObjectDrift, ...], plan: Plan) -> str:
    (drift,) = drifts
    (step,) = plan.steps
    assert (drift.kind, step.confirmed) == (DriftKind.MODIFIED, False)
    return drift.note


def test_an_immutable_field_is_named_and_nothing_is_hidden(team: Team) -> None:
    text = _deployment("immutable").replace("{app: immutable}", "{app: immutable, tier: a}")
    team.create(_deployment("immutable"))
    said = _error(team.drift(text), team.compared(text))
    assert "spec.selector" in said
    assert "field is immutable" in said
    team.delete(text)


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ("env: [{name: A, value: true}]", 'containers[name="web"].env[name="A"].value: expected string'),
        ("env: [{name: A, value: '1'}, {name: A, value: '2'}]", 'duplicate entries for key [name="A"]'),
        ("imaeg: typo", 'containers[name="web"].imaeg: field not declared in schema'),
    ],
    ids=["a boolean in env", "an env var twice in Git", "a misspelt field"],
)
def test_a_declaration_that_the_server_refuses_says_why(team: Team, container: str, words: str) -> None:
    name = f"refused-{secrets.token_hex(3)}"
    text = _deployment(name, container)
    team.create(_deployment(name))
    assert words in _error(team.drift(text), team.compared(text))
    team.delete(text)


@pytest.mark.parametrize(("megabytes", "fits"), [(0.9, True), (1.5, False)])
def test_a_config_map_may_be_as_big_as_the_api_server_allows(team: Team, megabytes: float, fits: bool) -> None:
    text = f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: big}}, data: {{a: {'x' * int(megabytes * 1e6)}}}}}"
    result = team.sync(text)
    if fits:
        assert not result.failed
        assert fields(team.drift_since_sync()) == fields(team.drift(text)) == set()
        team.delete(text)
    else:
        (failed,) = result.failed
        assert "may not be more than 1048576 bytes" in str(failed.error)
        assert [drift.kind for drift in team.drift(text)] == [DriftKind.MISSING]
