"""What extends the API: CustomResourceDefinition and APIService, as Argo CD decides them."""

from __future__ import annotations

from kubectl_gitops.api.objects import Object
from kubectl_gitops.health.fields import conditions
from kubectl_gitops.health.model import Health, HealthStatus


def custom_resource_definition(obj: Object) -> Health:
    found = conditions(obj)
    if not found:
        return Health(HealthStatus.PROGRESSING, "the API server has not seen the CRD yet")
    established = None
    for one in found:
        match one.type, one.status:
            case "Terminating", "True":
                return Health(HealthStatus.PROGRESSING, f"the CRD is being deleted: {one.message}")
            case "NamesAccepted", "False":
                return Health(HealthStatus.DEGRADED, f"its names are not accepted: {one.message}")
            case "NonStructuralSchema", "True":
                return Health(HealthStatus.DEGRADED, f"its schema is not structural: {one.message}")
            case "Established", "True":
                established = one
            case "Established", _ if one.reason == "Installing":
                return Health(HealthStatus.PROGRESSING, "the CRD is being installed")
    if established is None:
        return Health(HealthStatus.DEGRADED, "the CRD is not established")
    return Health(HealthStatus.HEALTHY)


def api_service(obj: Object) -> Health:
    for one in conditions(obj):
        if one.type == "Available":
            status = HealthStatus.HEALTHY if one.status == "True" else HealthStatus.PROGRESSING
            return Health(status, one.words)
    return Health(HealthStatus.PROGRESSING, "the API server has not seen the APIService yet")
