"""Kinds that nobody wrote a rule for are judged by the conventions of kstatus."""

from __future__ import annotations

import pytest

from kubectl_gitops.api.objects import Object
from kubectl_gitops.health.assessment import health_of
from kubectl_gitops.health.model import HealthStatus, worst
from tests.unit.health.samples import condition, live, with_conditions

LAMP = "example.com/v1/Lamp"
RECONCILING = condition("Reconciling", "True", "Heating", "warming up")
STALLED = condition("Stalled", "True", "NoBulb", "there is no bulb")
READY = condition("Ready", "True", "Lit", "it is lit")


@pytest.mark.parametrize(
    ("obj", "health"),
    [
        (live("v1/ConfigMap"), "Healthy"),
        (live(LAMP, status={}), "Healthy"),
        (live(LAMP, status={"observedGeneration": 1}), "Healthy"),
        (
            live(LAMP, status={"observedGeneration": 1, "conditions": [READY]}, generation=2),
            "Progressing: its status is of generation 1, and its spec of generation 2",
        ),
        (
            live(LAMP, status={"observedGeneration": "1", "conditions": [READY]}, generation=2),
            "Progressing: its status",
        ),
        (live(LAMP, status={"observedGeneration": "5f6c7d", "conditions": [READY]}), "Healthy: Lit: it is lit"),
        (with_conditions(LAMP, READY), "Healthy: Lit: it is lit"),
        (with_conditions(LAMP, condition("Ready", "False", "Dark", "no current")), "Progressing: Dark: no current"),
        (with_conditions(LAMP, condition("Ready", "Unknown")), "Progressing"),
        (with_conditions(LAMP, READY, RECONCILING), "Progressing: Heating: warming up"),
        (with_conditions(LAMP, READY, STALLED), "Degraded: NoBulb: there is no bulb"),
        (with_conditions(LAMP, RECONCILING, STALLED), "Degraded: NoBulb: there is no bulb"),
        (with_conditions(LAMP, condition("Reconciling", "False"), condition("Stalled", "False")), "Healthy"),
        (with_conditions(LAMP, condition("Synced", "False")), "Healthy"),
    ],
)
def test_any_other_kind(obj: Object, health: str) -> None:
    assert str(health_of(obj)).startswith(health)


def test_of_several_the_worst_counts() -> None:
    assert worst([HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.PROGRESSING]) == "Degraded"
    assert worst([HealthStatus.SUSPENDED, HealthStatus.HEALTHY]) == "Suspended"
    assert worst([]) == "Healthy"
