"""Job and CronJob, as Argo CD decides them (gitops-engine, pkg/health; resource_customizations/batch)."""

from __future__ import annotations

from kubectl_gitops.api.objects import Object
from kubectl_gitops.health.fields import conditions, flag, mappings, text, value
from kubectl_gitops.health.model import Health, HealthStatus


def job(obj: Object) -> Health:
    """Unlike Argo CD, a condition counts only while True: a Job that was resumed is running, not complete."""
    held = {one.type: one.message for one in conditions(obj) if one.status == "True"}
    for condition, status in (
        ("Failed", HealthStatus.DEGRADED),
        ("Suspended", HealthStatus.SUSPENDED),
        ("Complete", HealthStatus.HEALTHY),
    ):
        if condition in held:
            return Health(status, held[condition])
    return Health(HealthStatus.PROGRESSING)


def cron_job(obj: Object) -> Health:
    """Only a failed last run is Degraded. One that is suspended is Healthy: nothing is expected of it.

    Argo CD says Healthy too, since a sync would wait for ever for a Suspended one.
    """
    if flag(obj, "spec", "suspend"):
        return Health(HealthStatus.HEALTHY, "the CronJob is suspended")
    if value(obj, "status") is None:
        return Health(HealthStatus.PROGRESSING, "the controller has not seen the CronJob yet")
    scheduled = text(obj, "status", "lastScheduleTime")
    succeeded = text(obj, "status", "lastSuccessfulTime")
    if not scheduled:
        return Health(HealthStatus.HEALTHY, "the CronJob has not been scheduled yet")
    if not succeeded:
        return Health(HealthStatus.HEALTHY, "the CronJob has never completed successfully")
    if mappings(obj, "status", "active"):
        return Health(HealthStatus.HEALTHY, "a run is active")
    if succeeded < scheduled:  # both are RFC 3339 in UTC, to the second
        return Health(HealthStatus.DEGRADED, "the last run did not complete successfully")
    return Health(HealthStatus.HEALTHY, "the last run completed successfully")
