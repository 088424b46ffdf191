"""The health of an object."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_gitops.api.objects import Object, key_of
from kubectl_gitops.health.checks import HealthCheck, check_for
from kubectl_gitops.health.fields import Unreadable, text, value
from kubectl_gitops.health.generic import generation_health, generic_health
from kubectl_gitops.health.kinds import KIND_RULES
from kubectl_gitops.health.model import Health, HealthStatus


def health_of(obj: Object | None, *, checks: Sequence[HealthCheck] = ()) -> Health:
    """The health of a live object; Missing for None. Never raises, whatever its status holds.

    ``checks`` are those of the GitSync that the object belongs to: what they say counts before any other rule.
    """
    if obj is None:
        return Health(HealthStatus.MISSING, "it is not in the cluster")
    try:
        return _health_of(obj, checks)
    except Unreadable as exc:
        return Health(HealthStatus.UNKNOWN, f"its status cannot be read: {exc}")


def _health_of(obj: Object, checks: Sequence[HealthCheck]) -> Health:
    if text(obj, "metadata", "deletionTimestamp"):
        return Health(HealthStatus.PROGRESSING, _pending_deletion(obj))
    key = key_of(obj)
    check = check_for(checks, key)
    found = (generation_health(obj) or check.health(obj)) if check else None
    return found or KIND_RULES.get((key.group, key.kind), generic_health)(obj)


def _pending_deletion(obj: Object) -> str:
    finalizers = value(obj, "metadata", "finalizers")
    held_by = ", ".join(map(str, finalizers)) if isinstance(finalizers, list) else ""
    return f"it is being deleted, and waits for the finalizers {held_by}" if held_by else "it is being deleted"
