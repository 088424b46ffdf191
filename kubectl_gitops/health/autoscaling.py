"""HorizontalPodAutoscaler, as Argo CD decides it (gitops-engine, pkg/health/health_hpa.go)."""

from __future__ import annotations

import orjson

from kubectl_gitops.api.objects import Object
from kubectl_gitops.health.fields import Condition, Unreadable, conditions, text
from kubectl_gitops.health.model import Health, HealthStatus

_DEGRADED_REASONS = {
    "AbleToScale": {"FailedGetScale", "FailedUpdateScale"},
    "ScalingActive": {
        "FailedGetResourceMetric",
        "FailedGetObjectMetric",
        "FailedGetPodsMetric",
        "FailedGetExternalMetric",
        "FailedComputeMetricsReplicas",
        "InvalidSelector",
    },
}
_HEALTHY_TYPES = {"AbleToScale", "ScalingLimited"}
#: autoscaling/v1 has no conditions; the API server puts them here when it converts.
_V1_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"


def horizontal_pod_autoscaler(obj: Object) -> Health:
    found = _v1_conditions(obj) if obj.get("apiVersion") == "autoscaling/v1" else conditions(obj)
    for one in found:
        if one.reason in _DEGRADED_REASONS.get(one.type, ()):
            return Health(HealthStatus.DEGRADED, one.message)
    for one in found:
        if one.type in _HEALTHY_TYPES and one.status == "True":
            return Health(HealthStatus.HEALTHY, one.message)
    return Health(HealthStatus.PROGRESSING, "the autoscaler has not acted yet")


def _v1_conditions(obj: Object) -> list[Condition]:
    written = text(obj, "metadata", "annotations", _V1_CONDITIONS)
    try:
        return conditions({"status": {"conditions": orjson.loads(written)}}) if written else []
    except (orjson.JSONDecodeError, Unreadable) as exc:
        raise Unreadable(f"annotation {_V1_CONDITIONS} is no JSON list of conditions") from exc
