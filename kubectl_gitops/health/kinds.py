"""Which rule decides which kind; the rules of the kinds that need but a few lines stand here as well.

All but Namespace are as Argo CD decides them (gitops-engine, pkg/health; resource_customizations).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from kubectl_gitops.api.objects import Object
from kubectl_gitops.health import autoscaling, extensions, jobs, pods, workloads
from kubectl_gitops.health.fields import conditions, mappings, text
from kubectl_gitops.health.model import Health, HealthStatus

#: May raise Unreadable.
KindRule = Callable[[Object], Health]


def service(obj: Object) -> Health:
    if text(obj, "spec", "type") == "LoadBalancer":
        return ingress(obj)
    return Health(HealthStatus.HEALTHY)


def ingress(obj: Object) -> Health:
    if mappings(obj, "status", "loadBalancer", "ingress"):
        return Health(HealthStatus.HEALTHY)
    return Health(HealthStatus.PROGRESSING, "no load balancer has given it an address yet")


def persistent_volume_claim(obj: Object) -> Health:
    match text(obj, "status", "phase"):
        case "Bound":
            return Health(HealthStatus.HEALTHY)
        case "Pending":
            return Health(HealthStatus.PROGRESSING, "no volume is bound to it yet")
        case "Lost":
            return Health(HealthStatus.DEGRADED, "its volume is lost")
    return Health(HealthStatus.UNKNOWN)


def pod_disruption_budget(obj: Object) -> Health:
    found = conditions(obj)
    for one in found:
        # Too few pods is a state that a budget is there to bear.
        if one.status == "False" and one.reason != "InsufficientPods":
            return Health(HealthStatus.DEGRADED, one.words)
    if not found:
        return Health(HealthStatus.PROGRESSING, "the controller has not seen the PodDisruptionBudget yet")
    return Health(HealthStatus.HEALTHY, found[-1].reason)


def namespace(obj: Object) -> Health:
    if text(obj, "status", "phase") == "Terminating":
        return Health(HealthStatus.PROGRESSING, "the namespace is being deleted")
    return Health(HealthStatus.HEALTHY)


#: By group and kind, whatever the version.
KIND_RULES: Mapping[tuple[str, str], KindRule] = MappingProxyType(
    {
        ("", "Namespace"): namespace,
        ("", "PersistentVolumeClaim"): persistent_volume_claim,
        ("", "Pod"): pods.pod,
        ("", "Service"): service,
        ("apiextensions.k8s.io", "CustomResourceDefinition"): extensions.custom_resource_definition,
        ("apiregistration.k8s.io", "APIService"): extensions.api_service,
        ("apps", "DaemonSet"): workloads.daemon_set,
        ("apps", "Deployment"): workloads.deployment,
        ("apps", "ReplicaSet"): workloads.replica_set,
        ("apps", "StatefulSet"): workloads.stateful_set,
        ("autoscaling", "HorizontalPodAutoscaler"): autoscaling.horizontal_pod_autoscaler,
        ("batch", "CronJob"): jobs.cron_job,
        ("batch", "Job"): jobs.job,
        ("networking.k8s.io", "Ingress"): ingress,
        ("policy", "PodDisruptionBudget"): pod_disruption_budget,
    }
)
