"""The kinds that Kubernetes brings are judged as Argo CD judges them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from kubectl_gitops.api.objects import Object
from kubectl_gitops.health.assessment import health_of
from kubectl_gitops.health.kinds import KIND_RULES
from tests.unit.health.samples import (
    condition,
    container,
    daemon_set,
    deployment,
    live,
    pod,
    replica_set,
    stateful_set,
    with_conditions,
)

DEPLOYMENTS = {
    "rolled out": (deployment(), "Healthy", ""),
    "scaled to nothing": (deployment(replicas=0), "Healthy", ""),
    "not yet seen by its controller": (deployment(generation=2), "Progressing", "has not seen the latest change"),
    "new": (live("apps/v1/Deployment", spec={"replicas": 1}, status={}), "Progressing", "has not seen"),
    "with old pods only": (deployment(updatedReplicas=1), "Progressing", "1 of 3 replicas are updated"),
    "with pods that are not ready": (
        deployment(availableReplicas=2),
        "Progressing",
        "2 of 3 updated replicas are available",
    ),
    "past its deadline": (
        deployment(
            availableReplicas=0,
            conditions=[condition("Progressing", "False", "ProgressDeadlineExceeded", "web-5d has timed out")],
        ),
        "Degraded",
        "web-5d has timed out",
    ),
    "past the deadline of an older generation": (
        deployment(generation=2, conditions=[condition("Progressing", "False", "ProgressDeadlineExceeded")]),
        "Progressing",
        "has not seen",
    ),
    "paused": (deployment(paused=True, updatedReplicas=0), "Suspended", "paused"),
}
REPLICA_SETS = {
    "available": (replica_set(), "Healthy", ""),
    "not seen": (replica_set(generation=2), "Progressing", "has not seen"),
    "incomplete": (replica_set(availableReplicas=1), "Progressing", "1 of 2 replicas"),
    "not allowed to make pods": (
        replica_set(availableReplicas=0, conditions=[condition("ReplicaFailure", message="exceeded quota")]),
        "Degraded",
        "exceeded quota",
    ),
}
ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
STATEFUL_SETS = {
    "rolled out": (stateful_set(ROLLING), "Healthy", ""),
    "not seen": (stateful_set(ROLLING, generation=2), "Progressing", "has not seen"),
    "never seen": (stateful_set(ROLLING, observedGeneration=0), "Progressing", "has not seen"),
    "with pods that are not ready": (stateful_set(ROLLING, readyReplicas=1), "Progressing", "1 of 3 pods are ready"),
    "half updated": (stateful_set(ROLLING, updatedReplicas=1), "Progressing", "1 of 3 pods are updated"),
    "updated down to its partition": (
        stateful_set({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}, updatedReplicas=1),
        "Healthy",
        "",
    ),
    "updated by hand": (stateful_set({"type": "OnDelete"}, updateRevision="web-2"), "Healthy", ""),
    "between two revisions": (
        stateful_set({"type": "RollingUpdate"}, updateRevision="web-2", updatedReplicas=1),
        "Progressing",
        "1 pods are at the new revision",
    ),
}
DAEMON_SETS = {
    "everywhere": (daemon_set(), "Healthy", ""),
    "without a node": (
        daemon_set(desiredNumberScheduled=0, updatedNumberScheduled=0, numberAvailable=0),
        "Healthy",
        "",
    ),
    "not seen": (daemon_set(generation=2), "Progressing", "has not seen"),
    "half updated": (daemon_set(updatedNumberScheduled=1), "Progressing", "1 of 2 pods are updated"),
    "not available": (daemon_set(numberAvailable=1), "Progressing", "1 of 2 pods are available"),
    "updated by hand": (daemon_set("OnDelete", updatedNumberScheduled=0), "Healthy", ""),
}
CRASHING = container(waiting={"reason": "CrashLoopBackOff", "message": "back-off 40s restarting"})
NO_IMAGE = container(waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling image"})
READY = [condition("Ready")]
ARGOCD_HOOK = {"argocd.argoproj.io/hook": "PreSync"}
LONG_RUNNING = {"argocd.argoproj.io/ignore-restart-policy": "true"}
PODS = {
    "ready": (pod("Always", "Running", container(running={}), conditions=READY), "Healthy", ""),
    "running, not ready": (pod("Always", "Running", container(running={})), "Progressing", ""),
    "restarted": (
        pod("Always", "Running", container(last={"terminated": {"exitCode": 1}})),
        "Degraded",
        "container main was restarted",
    ),
    "crashing": (pod("Always", "Running", CRASHING), "Degraded", "main: CrashLoopBackOff: back-off 40s restarting"),
    "without its image": (pod("Always", "Pending", NO_IMAGE), "Degraded", "main: ImagePullBackOff"),
    "without its image, but to end": (pod("Never", "Pending", NO_IMAGE), "Progressing", ""),
    "that no node takes": (
        pod("Always", "Pending", conditions=[condition("PodScheduled", "False", "Unschedulable", "0/3 nodes")]),
        "Progressing",
        "0/3 nodes",
    ),
    "running to its end": (pod("Never", "Running", conditions=READY), "Progressing", ""),
    "running to its end on failure": (pod("OnFailure", "Running", conditions=READY), "Progressing", ""),
    "long-running whatever its policy": (
        pod("Never", "Running", conditions=READY, annotations=LONG_RUNNING),
        "Healthy",
        "",
    ),
    "a hook, which ends": (
        pod("Never", "Running", conditions=READY, annotations={**LONG_RUNNING, **ARGOCD_HOOK}),
        "Progressing",
        "",
    ),
    "ended well": (pod("Never", "Succeeded"), "Healthy", ""),
    "evicted": (pod("Always", "Failed", message="The node was low on memory"), "Degraded", "low on memory"),
    "ended with an error": (
        pod("Never", "Failed", container(terminated={"exitCode": 3})),
        "Degraded",
        "container main failed with exit code 3",
    ),
    "ended with a message": (
        pod("Never", "Failed", container(terminated={"exitCode": 3, "message": "no schema"})),
        "Degraded",
        "no schema",
    ),
    "out of memory": (
        pod("Never", "Failed", container(terminated={"reason": "OOMKilled", "exitCode": 137})),
        "Degraded",
        "OOMKilled",
    ),
    "failed without a word": (pod("Never", "Failed"), "Degraded", ""),
    "not seen": (pod("Always", ""), "Unknown", ""),
}
JOBS = {
    "new": (live("batch/v1/Job", status={}), "Progressing", ""),
    "running": (live("batch/v1/Job", status={"active": 1}), "Progressing", ""),
    "complete": (
        with_conditions("batch/v1/Job", condition("SuccessCriteriaMet"), condition("Complete")),
        "Healthy",
        "",
    ),
    "failed": (
        with_conditions("batch/v1/Job", condition("Failed", message="Job has reached the specified backoff limit")),
        "Degraded",
        "backoff limit",
    ),
    "about to fail": (with_conditions("batch/v1/Job", condition("FailureTarget")), "Progressing", ""),
    "suspended": (with_conditions("batch/v1/Job", condition("Suspended", message="Job suspended")), "Suspended", "Job"),
    "resumed": (with_conditions("batch/v1/Job", condition("Suspended", "False", message="resumed")), "Progressing", ""),
}
RAN = {"lastScheduleTime": "2026-01-02T00:00:00Z"}
CRON_JOBS = {
    "not seen": (live("batch/v1/CronJob", spec={}), "Progressing", "not seen"),
    "never scheduled": (live("batch/v1/CronJob", spec={}, status={}), "Healthy", "not been scheduled"),
    "never succeeded": (live("batch/v1/CronJob", spec={}, status=RAN), "Healthy", "never completed"),
    "running": (
        live("batch/v1/CronJob", status={**RAN, "lastSuccessfulTime": "2026-01-01T00:00:09Z", "active": [{}]}),
        "Healthy",
        "a run is active",
    ),
    "failed": (
        live("batch/v1/CronJob", status={**RAN, "lastSuccessfulTime": "2026-01-01T00:00:09Z"}),
        "Degraded",
        "did not complete",
    ),
    "succeeded": (
        live("batch/v1/CronJob", status={**RAN, "lastSuccessfulTime": "2026-01-02T00:00:09Z"}),
        "Healthy",
        "completed successfully",
    ),
    "suspended": (live("batch/v1/CronJob", spec={"suspend": True}, status=RAN), "Healthy", "suspended"),
}
ADDRESS = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
NETWORK = {
    "a Service": (live("v1/Service", spec={"type": "ClusterIP"}, status={"loadBalancer": {}}), "Healthy", ""),
    "a load balancer without an address": (
        live("v1/Service", spec={"type": "LoadBalancer"}, status={"loadBalancer": {}}),
        "Progressing",
        "address",
    ),
    "a load balancer": (live("v1/Service", spec={"type": "LoadBalancer"}, status=ADDRESS), "Healthy", ""),
    "an Ingress without an address": (live("networking.k8s.io/v1/Ingress", status={}), "Progressing", "address"),
    "an Ingress": (live("networking.k8s.io/v1/Ingress", status=ADDRESS), "Healthy", ""),
}
CLAIM = "v1/PersistentVolumeClaim"
CLAIMS = {
    "bound": (live(CLAIM, status={"phase": "Bound"}), "Healthy", ""),
    "pending": (live(CLAIM, status={"phase": "Pending"}), "Progressing", "no volume"),
    "lost": (live(CLAIM, status={"phase": "Lost"}), "Degraded", "lost"),
    "without a phase": (live(CLAIM), "Unknown", ""),
}
HPA = "autoscaling/v2/HorizontalPodAutoscaler"
NO_METRICS = condition("ScalingActive", "False", "FailedGetResourceMetric", "no metrics API")
ABLE = condition("AbleToScale", "True", "SucceededGetScale", "fetched the scale")


def v1_autoscaler(conditions: str) -> Object:
    annotations = {"autoscaling.alpha.kubernetes.io/conditions": conditions}
    return live("autoscaling/v1/HorizontalPodAutoscaler", status={}, annotations=annotations)


AUTOSCALERS = {
    "new": (live(HPA, status={}), "Progressing", "not acted"),
    "scaling": (with_conditions(HPA, ABLE, condition("ScalingActive")), "Healthy", "fetched the scale"),
    "at its limit": (with_conditions(HPA, condition("ScalingLimited", message="at most 10")), "Healthy", "at most 10"),
    "without metrics, whatever is said first": (with_conditions(HPA, ABLE, NO_METRICS), "Degraded", "no metrics API"),
    "without a target": (
        with_conditions(HPA, condition("AbleToScale", "False", "FailedGetScale", "not found")),
        "Degraded",
        "not found",
    ),
    "of v1, scaling": (v1_autoscaler(json.dumps([ABLE])), "Healthy", "fetched"),
    "of v1, without metrics": (v1_autoscaler(json.dumps([ABLE, NO_METRICS])), "Degraded", "no metrics API"),
    "of v1, new": (v1_autoscaler("[]"), "Progressing", "not acted"),
    "of v1, unreadable": (v1_autoscaler("{oops"), "Unknown", "no JSON list of conditions"),
}
PDB = "policy/v1/PodDisruptionBudget"
BUDGETS = {
    "new": (live(PDB, status={}), "Progressing", "not seen"),
    "kept": (with_conditions(PDB, condition("DisruptionAllowed", "True", "SufficientPods")), "Healthy", "Sufficient"),
    "with too few pods": (
        with_conditions(PDB, condition("DisruptionAllowed", "False", "InsufficientPods")),
        "Healthy",
        "InsufficientPods",
    ),
    "that cannot be computed": (
        with_conditions(PDB, condition("DisruptionAllowed", "False", "SyncFailed", "no controllers found")),
        "Degraded",
        "SyncFailed: no controllers found",
    ),
}
CRD = "apiextensions.k8s.io/v1/CustomResourceDefinition"
APISERVICE = "apiregistration.k8s.io/v1/APIService"
EXTENSIONS = {
    "a new CRD": (live(CRD, status={}), "Progressing", "not seen"),
    "a CRD being installed": (
        with_conditions(CRD, condition("NamesAccepted"), condition("Established", "False", "Installing")),
        "Progressing",
        "installed",
    ),
    "a CRD": (with_conditions(CRD, condition("NamesAccepted"), condition("Established")), "Healthy", ""),
    "a CRD whose names are taken": (
        with_conditions(CRD, condition("NamesAccepted", "False", message="plural is in use"), condition("Established")),
        "Degraded",
        "plural is in use",
    ),
    "a CRD that is not established": (
        with_conditions(CRD, condition("NamesAccepted"), condition("Established", "False", "NotAccepted")),
        "Degraded",
        "not established",
    ),
    "a CRD with a loose schema": (
        with_conditions(CRD, condition("Established"), condition("NonStructuralSchema", message="spec.x")),
        "Degraded",
        "spec.x",
    ),
    "a CRD whose objects are being deleted": (
        with_conditions(CRD, condition("Established"), condition("Terminating", message="5 left")),
        "Progressing",
        "5 left",
    ),
    "a new APIService": (live(APISERVICE), "Progressing", "not seen"),
    "an APIService": (with_conditions(APISERVICE, condition("Available", "True", "Passed")), "Healthy", "Passed"),
    "an APIService without a backend": (
        with_conditions(APISERVICE, condition("Available", "False", "MissingEndpoints", "no endpoints")),
        "Progressing",
        "MissingEndpoints: no endpoints",
    ),
}
NAMESPACES = {
    "active": (live("v1/Namespace", status={"phase": "Active"}), "Healthy", ""),
    "ending": (live("v1/Namespace", status={"phase": "Terminating"}), "Progressing", "being deleted"),
}
TABLES = {
    "Deployment": DEPLOYMENTS,
    "ReplicaSet": REPLICA_SETS,
    "StatefulSet": STATEFUL_SETS,
    "DaemonSet": DAEMON_SETS,
    "Pod": PODS,
    "Job": JOBS,
    "CronJob": CRON_JOBS,
    "Network": NETWORK,
    "PersistentVolumeClaim": CLAIMS,
    "HorizontalPodAutoscaler": AUTOSCALERS,
    "PodDisruptionBudget": BUDGETS,
    "Extensions": EXTENSIONS,
    "Namespace": NAMESPACES,
}


@pytest.mark.parametrize(
    ("obj", "status", "words"),
    [pytest.param(*case, id=f"{kind} {name}") for kind, table in TABLES.items() for name, case in table.items()],
)
def test_the_health_of(obj: Object, status: str, words: str) -> None:
    health = health_of(obj)
    assert health.status == status, health
    assert words in health.message


def test_old_replicas_that_are_still_to_end_are_progress() -> None:
    obj = deployment()
    obj["status"]["replicas"] = 4
    assert str(health_of(obj)) == "Progressing: 1 old replicas are still to end"


def test_what_is_not_in_the_cluster_is_missing() -> None:
    assert health_of(None).status == "Missing"


def test_what_is_being_deleted_is_progressing_whatever_its_status_says() -> None:
    obj = deployment()
    obj["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["foregroundDeletion"]}
    assert str(health_of(obj)) == "Progressing: it is being deleted, and waits for the finalizers foregroundDeletion"


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        (live("apps/v1/Deployment", status=[1]), "status is no mapping"),
        (deployment(updatedReplicas="3"), "status.updatedReplicas is no whole number"),
        (deployment(updatedReplicas=True), "status.updatedReplicas is no whole number"),
        (live("v1/Pod", spec={"restartPolicy": 1}, status={}), "spec.restartPolicy is no string"),
        (live("batch/v1/CronJob", spec={"suspend": "yes"}), "spec.suspend is neither true nor false"),
        (with_conditions("batch/v1/Job", "Complete"), "status.conditions is no list of mappings"),  # type: ignore[arg-type]
    ],
)
def test_a_status_that_cannot_be_read_is_unknown_and_says_where(obj: Object, words: str) -> None:
    assert str(health_of(obj)) == f"Unknown: its status cannot be read: {words}"


def test_the_group_counts_and_the_version_does_not() -> None:
    lamps = live("example.com/v1/Deployment", spec={"paused": True}, status={})
    older = live("apps/v1beta1/Deployment", spec={"paused": True}, status={})
    assert [health_of(one).status for one in (lamps, older)] == ["Healthy", "Suspended"]


def test_the_page_names_each_kind_that_has_a_rule_of_its_own() -> None:
    page = (Path(__file__).parents[3] / "docs" / "health.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert {kind for _, kind in KIND_RULES} <= named
