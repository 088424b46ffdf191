"""Health of real objects: what the API server and the controllers write is what the rules read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from kubectl_gitops.api.schema import custom_resource_definition
from kubectl_gitops.health.assessment import health_of
from kubectl_gitops.health.checks import checks_of
from tests.integration.gitsyncs import SECONDS, Api, Object, deployment
from tests.testbed.apiclient import RequestFailed
from tests.testbed.controlplane import ControlPlane
from tests.testbed.waiting import wait_until

GROUP = "health.example.com"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
READY = {"type": "Ready", "status": "True"}


class Namespace:
    """One namespace, in which a test does what nodes, load balancers and people do."""

    def __init__(self, live: Api) -> None:
        self.live = live

    def health(self, plural: str, name: str) -> str:
        return str(health_of(self.live.find(plural, name)))

    def becomes(self, plural: str, name: str, status: str, *, seconds: float = SECONDS) -> str:
        """Wait for a status; its message."""

        def reached() -> str:
            health = self.health(plural, name)
            assert health.split(": ")[0] == status, health
            return health

        return wait_until(reached, seconds, f"{plural} {name} to be {status}").partition(": ")[2]

    def report(self, plural: str, name: str, status: Object) -> None:
        """Write a status, as the controller of a kind does."""
        self.live.patch(plural, f"{name}/status", {"status": status})

    def pods(self, app: str) -> list[Object]:
        found = self.live.plane.request("GET", f"{self.live.path('pods')}?labelSelector=app%3D{app}")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def run(self, app: str, phase: str, *, count: int = 1, **status: object) -> None:
        """What a kubelet would do with the pods of ``app``, as soon as there are ``count``."""

        def done() -> bool:
            pods = [pod for pod in self.pods(app) if pod["status"]["phase"] != phase]
            for pod in pods:
                self.report("pods", pod["metadata"]["name"], {"phase": phase, **status})
            return len([pod for pod in self.pods(app) if pod["status"]["phase"] == phase]) >= count

        wait_until(done, SECONDS, f"{count} pods of {app} to be {phase}")


@pytest.fixture
def shop(controller_manager: ControlPlane, namespace: str) -> Namespace:
    return Namespace(Api(controller_manager, namespace))


def workload(kind: str, name: str, **spec: object) -> Object:
    template = deployment(name)["spec"]["template"]
    template["spec"]["containers"][0].pop("resources")
    selector = {"matchLabels": {"app": name}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"selector": selector, "template": template, **spec},
    }


def job(name: str, **spec: object) -> Object:
    containers = [{"name": "main", "image": "example.com/migrate:1.0"}]
    template = {"metadata": {"labels": {"app": name}}, "spec": {"restartPolicy": "Never", "containers": containers}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": template, **spec},
    }


# Workloads


def test_a_deployment_is_healthy_when_its_pods_are(shop: Namespace) -> None:
    shop.live.create("apps/v1/deployments", workload("Deployment", "web", replicas=2))
    shop.becomes("apps/v1/deployments", "web", "Progressing")
    shop.run("web", "Running", count=2, conditions=[READY])
    assert shop.becomes("apps/v1/deployments", "web", "Healthy") == ""


def test_a_new_image_makes_it_progressing_again_and_the_deadline_degraded(shop: Namespace) -> None:
    shop.live.create("apps/v1/deployments", workload("Deployment", "web", replicas=1, progressDeadlineSeconds=1))
    message = shop.becomes("apps/v1/deployments", "web", "Degraded")
    assert "timed out progressing" in message
    shop.run("web", "Running", conditions=[READY])
    shop.becomes("apps/v1/deployments", "web", "Healthy")
    shop.live.patch("apps/v1/deployments", "web", {"spec": {"paused": True}})
    assert shop.health("apps/v1/deployments", "web") == "Suspended: the Deployment is paused"


def test_a_replica_set_and_a_stateful_set_wait_for_their_pods(shop: Namespace) -> None:
    shop.live.create("apps/v1/replicasets", workload("ReplicaSet", "front", replicas=1))
    shop.live.create("apps/v1/statefulsets", workload("StatefulSet", "db", replicas=1, serviceName="db"))
    shop.becomes("apps/v1/replicasets", "front", "Progressing")
    shop.becomes("apps/v1/statefulsets", "db", "Progressing")
    shop.run("front", "Running", conditions=[READY])
    shop.run("db", "Running", conditions=[READY])
    shop.becomes("apps/v1/replicasets", "front", "Healthy")
    shop.becomes("apps/v1/statefulsets", "db", "Healthy")


def test_a_replica_set_that_may_make_no_pods_is_degraded(shop: Namespace) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    shop.live.create("resourcequotas", quota)
    wait_until(lambda: shop.live.get("resourcequotas", "none").get("status", {}).get("hard"), SECONDS, "the quota")
    shop.live.create("apps/v1/replicasets", workload("ReplicaSet", "front", replicas=1))
    assert "exceeded quota" in shop.becomes("apps/v1/replicasets", "front", "Degraded")


def test_a_daemon_set_without_a_node_to_run_on_is_healthy(shop: Namespace) -> None:
    shop.live.create("apps/v1/daemonsets", workload("DaemonSet", "agent"))
    shop.becomes("apps/v1/daemonsets", "agent", "Healthy")


def test_a_pod_that_cannot_get_its_image_is_degraded(shop: Namespace) -> None:
    shop.live.create("apps/v1/replicasets", workload("ReplicaSet", "front", replicas=1))
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
    name = wait_until(lambda: shop.pods("front"), SECONDS, "a pod")[0]["metadata"]["name"]
    assert shop.health("pods", name).startswith("Progressing")
    container = {"name": "web", "image": "", "imageID": "", "ready": False, "restartCount": 0, "state": waiting}
    shop.report("pods", name, {"containerStatuses": [container]})
    assert shop.health("pods", name) == "Degraded: web: ImagePullBackOff: Back-off pulling image"


# Jobs


@pytest.mark.parametrize(("phase", "status"), [("Succeeded", "Healthy"), ("Failed", "Degraded")])
def test_a_job_does_as_its_pod_does(shop: Namespace, phase: str, status: str) -> None:
    shop.live.create("batch/v1/jobs", job("migrate"))
    assert shop.health("batch/v1/jobs", "migrate") == "Progressing"
    shop.run("migrate", phase)
    shop.becomes("batch/v1/jobs", "migrate", status)


def test_a_job_can_be_suspended_and_resumed(shop: Namespace) -> None:
    shop.live.create("batch/v1/jobs", job("migrate", suspend=True))
    assert shop.becomes("batch/v1/jobs", "migrate", "Suspended") == "Job suspended"
    shop.live.patch("batch/v1/jobs", "migrate", {"spec": {"suspend": False}})
    shop.becomes("batch/v1/jobs", "migrate", "Progressing")
    shop.run("migrate", "Succeeded")
    shop.becomes("batch/v1/jobs", "migrate", "Healthy")


def test_a_cron_job_is_healthy_until_a_run_fails(shop: Namespace) -> None:
    template = {"spec": job("report")["spec"]}
    spec = {"schedule": "0 0 1 1 *", "jobTemplate": template}
    shop.live.create("batch/v1/cronjobs", {"metadata": {"name": "report"}, "spec": spec})
    assert shop.health("batch/v1/cronjobs", "report") == "Healthy: the CronJob has not been scheduled yet"
    shop.report(
        "batch/v1/cronjobs",
        "report",
        {"lastScheduleTime": "2026-01-02T00:00:00Z", "lastSuccessfulTime": "2026-01-01T00:00:00Z"},
    )
    shop.becomes("batch/v1/cronjobs", "report", "Degraded")


# Networking, storage, scaling


def test_a_load_balancer_and_an_ingress_wait_for_an_address(shop: Namespace) -> None:
    ports = [{"port": 80}]
    shop.live.create("services", {"metadata": {"name": "inside"}, "spec": {"ports": ports}})
    shop.live.create("services", {"metadata": {"name": "outside"}, "spec": {"ports": ports, "type": "LoadBalancer"}})
    backend = {"service": {"name": "inside", "port": {"number": 80}}}
    shop.live.create(
        "networking.k8s.io/v1/ingresses", {"metadata": {"name": "site"}, "spec": {"defaultBackend": backend}}
    )
    assert shop.health("services", "inside") == "Healthy"
    for plural, name in (("services", "outside"), ("networking.k8s.io/v1/ingresses", "site")):
        assert shop.health(plural, name) == "Progressing: no load balancer has given it an address yet"
        shop.report(plural, name, {"loadBalancer": {"ingress": [{"hostname": "shop.example"}]}})
        assert shop.health(plural, name) == "Healthy"


def test_a_claim_waits_for_its_volume(shop: Namespace) -> None:
    size = {"storage": "1Mi"}
    claim = {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": size}}
    shop.live.create("persistentvolumeclaims", {"metadata": {"name": "data"}, "spec": claim})
    assert shop.becomes("persistentvolumeclaims", "data", "Progressing") == "no volume is bound to it yet"
    reference = {"namespace": shop.live.namespace, "name": "data"}
    spec = {"capacity": size, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/none"}, "claimRef": reference}
    volume = {"metadata": {"name": shop.live.namespace}, "spec": spec}
    shop.live.plane.request("POST", "/api/v1/persistentvolumes", volume)
    # A change of the claim wakes its controller, which else looks again after 15 s.
    shop.live.patch("persistentvolumeclaims", "data", {"metadata": {"labels": {"wanted": "yes"}}})
    try:
        shop.becomes("persistentvolumeclaims", "data", "Healthy")
    finally:
        shop.live.plane.request("DELETE", f"/api/v1/persistentvolumes/{shop.live.namespace}")


def test_a_disruption_budget_and_an_autoscaler_are_judged_by_their_controllers(shop: Namespace) -> None:
    budget = {"metadata": {"name": "web"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}}
    shop.live.create("policy/v1/poddisruptionbudgets", budget)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    autoscaler = {"metadata": {"name": "web"}, "spec": {"scaleTargetRef": target, "maxReplicas": 3}}
    shop.live.create("autoscaling/v2/horizontalpodautoscalers", autoscaler)
    assert shop.health("autoscaling/v2/horizontalpodautoscalers", "web").startswith("Progressing")
    # The controller first acts after its interval of 15 s; that it cannot find the Deployment is its verdict.
    assert "not found" in shop.becomes("autoscaling/v2/horizontalpodautoscalers", "web", "Degraded", seconds=60)
    assert "not found" in shop.becomes("autoscaling/v1/horizontalpodautoscalers", "web", "Degraded")
    assert shop.becomes("policy/v1/poddisruptionbudgets", "web", "Healthy") == "InsufficientPods"


# Namespaces, and what extends the API


def test_a_namespace_is_healthy_until_it_is_deleted(shop: Namespace) -> None:
    plane, path = shop.live.plane, f"/api/v1/namespaces/{shop.live.namespace}"
    assert str(health_of(plane.request("GET", path))) == "Healthy"
    shop.live.create("configmaps", {"metadata": {"name": "held", "finalizers": ["example.com/wait"]}})
    shop.live.delete("configmaps", "held")
    held = "Progressing: it is being deleted, and waits for the finalizers example.com/wait"
    assert shop.health("configmaps", "held") == held
    plane.request("DELETE", path)
    assert str(health_of(plane.request("GET", path))) == "Progressing: it is being deleted"
    shop.live.patch("configmaps", "held", {"metadata": {"finalizers": None}})


def test_an_api_service_of_the_api_server_itself_is_healthy(control_plane: ControlPlane) -> None:
    found = control_plane.request("GET", "/apis/apiregistration.k8s.io/v1/apiservices/v1.apps")
    assert str(health_of(found)) == "Healthy: Local: Local APIServices are always available"


@contextmanager
def serving(plane: ControlPlane, crd: Object) -> Iterator[str]:
    """A CRD, while its kind is served; yields ``group/version/plural``."""
    spec, path = crd["spec"], f"{CRDS}/{crd['metadata']['name']}"
    assert health_of(plane.request("POST", CRDS, crd)).status == "Progressing"
    wait_until(lambda: str(health_of(plane.request("GET", path))) == "Healthy", SECONDS, "the CRD to be healthy")
    plural = f"{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
    wait_until(lambda: is_served(plane, plural), SECONDS, f"{plural} to be served")
    yield plural
    plane.request("DELETE", path)


def is_served(plane: ControlPlane, plural: str) -> bool:
    with suppress(RequestFailed):
        return bool(plane.request("GET", f"/apis/{plural}"))
    return False


@pytest.fixture
def lamps(control_plane: ControlPlane) -> Iterator[str]:
    """A custom resource with a status, by its plural."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}},
    }
    spec = {"group": GROUP, "scope": "Namespaced", "names": {"kind": "Lamp", "plural": "lamps"}, "versions": [version]}
    with serving(control_plane, {"metadata": {"name": f"lamps.{GROUP}"}, "spec": spec}) as plural:
        yield plural


def test_a_custom_resource_is_judged_by_its_conditions_and_by_what_people_say(
    control_plane: ControlPlane, namespace: str, lamps: str
) -> None:
    live = Api(control_plane, namespace)
    shop = Namespace(live)
    live.create(
        lamps, {"apiVersion": f"{GROUP}/v1", "kind": "Lamp", "metadata": {"name": "desk"}, "spec": {"on": True}}
    )
    assert shop.health(lamps, "desk") == "Healthy"
    shop.report(lamps, "desk", {"observedGeneration": 1, "phase": "Dim", "conditions": [{**READY, "status": "False"}]})
    assert shop.health(lamps, "desk") == "Progressing"
    rules = [{"status": "Degraded", "jsonPointer": "/status/phase", "value": "Dim"}]
    checks = checks_of([{"group": GROUP, "kind": "Lamp", "rules": rules}])
    assert str(health_of(live.get(lamps, "desk"), checks=checks)) == "Degraded: /status/phase Equals Dim"
    live.patch(lamps, "desk", {"spec": {"on": False}})
    assert shop.health(lamps, "desk") == "Progressing: its status is of generation 1, and its spec of generation 2"


# The GitSync that says so


@pytest.fixture
def gitsyncs(control_plane: ControlPlane) -> Iterator[str]:
    """GitSyncs in a group of their own: other tests have theirs."""
    crd = custom_resource_definition()
    crd["spec"]["group"] = GROUP
    crd["metadata"]["name"] = f"gitsyncs.{GROUP}"
    with serving(control_plane, crd) as plural:
        yield plural


def test_the_api_server_refuses_the_health_checks_that_do_not_fit(
    control_plane: ControlPlane, namespace: str, gitsyncs: str
) -> None:
    live = Api(control_plane, namespace)

    def create(name: str, condition: Object) -> None:
        rule = {"status": "Healthy", "jsonPointer": "/status/conditions/[type=Ready]/status", **condition}
        checks = [{"kind": "Lamp", "rules": [rule]}]
        spec = {"source": {"repoURL": "https://git.example/shop"}, "healthChecks": checks}
        body = {"apiVersion": gitsyncs.rpartition("/")[0], "kind": "GitSync", "metadata": {"name": name}, "spec": spec}
        live.create(gitsyncs, body)

    create("equals", {"value": "True"})
    create("in", {"operator": "In", "values": ["True", "Unknown"]})
    create("greater", {"operator": "GreaterThan", "value": "1.5"})
    create("exists", {"operator": "Exists"})
    for wrong in ({}, {"value": True}, {"operator": "In", "value": "Lit"}, {"operator": "LessThan", "value": "x"}):
        with pytest.raises(RequestFailed, match="422"):
            create("wrong", wrong)
