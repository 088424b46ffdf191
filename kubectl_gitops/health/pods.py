"""Pods, as Argo CD decides them (gitops-engine, pkg/health/health_pod.go)."""

from __future__ import annotations

from kubectl_gitops.api.names import ARGOCD_IGNORE_RESTART_POLICY_ANNOTATION, HOOK_ANNOTATIONS
from kubectl_gitops.api.objects import Object
from kubectl_gitops.health.fields import conditions, mappings, number, text, value
from kubectl_gitops.health.model import Health, HealthStatus


def pod(obj: Object) -> Health:
    message = text(obj, "status", "message")
    runs_on = _runs_on(obj)
    # A pod that shall end may still get its image: to give it up now would let a hook run after its sync had failed.
    if runs_on and (faults := _waiting_faults(obj)):
        return Health(HealthStatus.DEGRADED, ", ".join(faults))
    match text(obj, "status", "phase"):
        case "Pending":
            return Health(HealthStatus.PROGRESSING, message or _unschedulable(obj))
        case "Succeeded":
            return Health(HealthStatus.HEALTHY, message)
        case "Failed":
            return Health(HealthStatus.DEGRADED, message or _why_it_failed(obj))
        case "Running" if runs_on:
            return _running(obj, message)
        case "Running" if text(obj, "spec", "restartPolicy") in {"OnFailure", "Never"}:
            return Health(HealthStatus.PROGRESSING, message)
    return Health(HealthStatus.UNKNOWN, message)


def _runs_on(obj: Object) -> bool:
    """Whether it is to run for ever; one that is not is healthy only when it has ended well."""
    is_hook = any(value(obj, "metadata", "annotations", name) is not None for name in HOOK_ANNOTATIONS)
    ignored = text(obj, "metadata", "annotations", ARGOCD_IGNORE_RESTART_POLICY_ANNOTATION) == "true"
    return (ignored and not is_hook) or text(obj, "spec", "restartPolicy") == "Always"


def _waiting_faults(obj: Object) -> list[str]:
    """``web: ImagePullBackOff: Back-off pulling image ...`` for each container that waits because of an error."""
    faults = []
    for container in mappings(obj, "status", "containerStatuses"):
        reason = text(container, "state", "waiting", "reason")
        if reason.startswith("Err") or reason.endswith(("Error", "BackOff")):
            parts = (text(container, "name"), reason, text(container, "state", "waiting", "message"))
            faults.append(": ".join(part for part in parts if part))
    return faults


def _running(obj: Object, message: str) -> Health:
    if any(one.type == "Ready" and one.status == "True" for one in conditions(obj)):
        return Health(HealthStatus.HEALTHY, message)
    for container in mappings(obj, "status", "containerStatuses"):
        if value(container, "lastState", "terminated") is not None:
            return Health(HealthStatus.DEGRADED, message or f"container {text(container, 'name')} was restarted")
    return Health(HealthStatus.PROGRESSING, message)


def _why_it_failed(obj: Object) -> str:
    for container in (
        *mappings(obj, "status", "initContainerStatuses"),
        *mappings(obj, "status", "containerStatuses"),
    ):
        if message := text(container, "state", "terminated", "message"):
            return message
        if text(container, "state", "terminated", "reason") == "OOMKilled":
            return "OOMKilled"
        if code := number(container, "state", "terminated", "exitCode"):
            return f"container {text(container, 'name')} failed with exit code {code}"
    return ""


def _unschedulable(obj: Object) -> str:
    """What the scheduler says. Argo CD leaves it out; nobody can guess it."""
    pending = (one for one in conditions(obj) if one.type == "PodScheduled" and one.status == "False")
    return next((one.message for one in pending), "")
