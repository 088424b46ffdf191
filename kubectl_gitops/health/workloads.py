"""Deployment, ReplicaSet, StatefulSet and DaemonSet, as Argo CD decides them (gitops-engine, pkg/health).

Argo CD in turn follows `kubectl rollout status`.
"""

from __future__ import annotations

from kubectl_gitops.api.objects import Object
from kubectl_gitops.health.fields import (
    conditions,
    flag,
    generation_is_observed,
    number,
    optional_number,
    text,
)
from kubectl_gitops.health.model import Health, HealthStatus

_NOT_OBSERVED = Health(HealthStatus.PROGRESSING, "the controller has not seen the latest change yet")


def _progressing(message: str) -> Health:
    return Health(HealthStatus.PROGRESSING, message)


def deployment(obj: Object) -> Health:
    if flag(obj, "spec", "paused"):
        return Health(HealthStatus.SUSPENDED, "the Deployment is paused")
    if not generation_is_observed(obj):
        return _NOT_OBSERVED
    progressing = next((one for one in conditions(obj) if one.type == "Progressing"), None)
    if progressing and progressing.reason == "ProgressDeadlineExceeded":
        return Health(HealthStatus.DEGRADED, progressing.message or "the Deployment exceeded its progress deadline")
    wanted = optional_number(obj, "spec", "replicas")
    replicas, updated, available = (
        number(obj, "status", name) for name in ("replicas", "updatedReplicas", "availableReplicas")
    )
    if wanted is not None and updated < wanted:
        return _progressing(f"{updated} of {wanted} replicas are updated")
    if replicas > updated:
        return _progressing(f"{replicas - updated} old replicas are still to end")
    if available < updated:
        return _progressing(f"{available} of {updated} updated replicas are available")
    return Health(HealthStatus.HEALTHY)


def replica_set(obj: Object) -> Health:
    if not generation_is_observed(obj):
        return _NOT_OBSERVED
    for one in conditions(obj):
        if one.type == "ReplicaFailure" and one.status == "True":
            return Health(HealthStatus.DEGRADED, one.message)
    wanted = optional_number(obj, "spec", "replicas")
    available = number(obj, "status", "availableReplicas")
    if wanted is not None and available < wanted:
        return _progressing(f"{available} of {wanted} replicas are available")
    return Health(HealthStatus.HEALTHY)


def stateful_set(obj: Object) -> Health:
    if not number(obj, "status", "observedGeneration") or not generation_is_observed(obj):
        return _NOT_OBSERVED
    wanted = optional_number(obj, "spec", "replicas")
    ready, updated = number(obj, "status", "readyReplicas"), number(obj, "status", "updatedReplicas")
    if wanted is not None and ready < wanted:
        return _progressing(f"{ready} of {wanted} pods are ready")
    partition = optional_number(obj, "spec", "updateStrategy", "rollingUpdate", "partition")
    match text(obj, "spec", "updateStrategy", "type"):
        case "RollingUpdate" if partition is not None:
            if wanted is not None and updated < wanted - partition:
                return _progressing(f"{updated} of {wanted - partition} pods are updated")
            return Health(HealthStatus.HEALTHY)
        case "OnDelete":
            return Health(HealthStatus.HEALTHY)
    if text(obj, "status", "updateRevision") != text(obj, "status", "currentRevision"):
        return _progressing(f"{updated} pods are at the new revision")
    return Health(HealthStatus.HEALTHY)


def daemon_set(obj: Object) -> Health:
    if not generation_is_observed(obj):
        return _NOT_OBSERVED
    if text(obj, "spec", "updateStrategy", "type") == "OnDelete":
        return Health(HealthStatus.HEALTHY)
    wanted, updated, available = (
        number(obj, "status", name) for name in ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable")
    )
    if updated < wanted:
        return _progressing(f"{updated} of {wanted} pods are updated")
    if available < wanted:
        return _progressing(f"{available} of {wanted} pods are available")
    return Health(HealthStatus.HEALTHY)
