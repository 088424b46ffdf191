"""Any other kind, by the conventions of kstatus (sigs.k8s.io/cli-utils, pkg/kstatus/status/generic.go)."""

from __future__ import annotations

from kubectl_gitops.api.objects import Object
from kubectl_gitops.health.fields import conditions, value
from kubectl_gitops.health.model import Health, HealthStatus


def generation_health(obj: Object) -> Health | None:
    """Progressing while a status is of an older spec; None where it is not, or does not say."""
    wanted, observed = value(obj, "metadata", "generation"), value(obj, "status", "observedGeneration")
    # Some controllers write it as a string (Argo Rollouts does), some a digest: that says nothing.
    if wanted is None or not str(observed).isdecimal() or str(observed) == str(wanted):
        return None
    return Health(
        HealthStatus.PROGRESSING, f"its status is of generation {observed}, and its spec of generation {wanted}"
    )


def generic_health(obj: Object) -> Health:
    """By observedGeneration, then Stalled and Reconciling, then Ready; Healthy where there is none of them."""
    behind = generation_health(obj)
    if behind is not None:
        return behind
    found = conditions(obj)
    # Stalled is looked for first: both at once would mean that the controller is trying what cannot succeed.
    for condition, status in (("Stalled", HealthStatus.DEGRADED), ("Reconciling", HealthStatus.PROGRESSING)):
        for one in found:
            if one.type == condition and one.status == "True":
                return Health(status, one.words)
    for one in found:
        if one.type == "Ready" and one.status in {"True", "False", "Unknown"}:
            status = HealthStatus.HEALTHY if one.status == "True" else HealthStatus.PROGRESSING
            return Health(status, one.words)
    return Health(HealthStatus.HEALTHY)
