"""Whatever a controller, or a person, writes into a status, health is one of the six and no error."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kubectl_gitops.health.assessment import health_of
from kubectl_gitops.health.checks import checks_of
from kubectl_gitops.health.kinds import KIND_RULES
from kubectl_gitops.health.model import HealthStatus

KINDS = [*KIND_RULES, ("example.com", "Lamp")]
WORDS = st.sampled_from(["True", "False", "Ready", "Running", "Failed", "Complete", "Always", "LoadBalancer", "x", ""])
FIELDS = """
phase conditions type status reason message replicas updatedReplicas readyReplicas observedGeneration loadBalancer
ingress containerStatuses state waiting terminated exitCode lastState active lastScheduleTime restartPolicy
updateStrategy rollingUpdate partition paused suspend
"""
NAMES = st.sampled_from(FIELDS.split())
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | WORDS
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(), inner, max_size=5)
)
#: Statuses that are nearly right, beside those that are nothing at all.
NEARLY = st.fixed_dictionaries(
    {},
    optional={
        "phase": WORDS | JSON,
        "conditions": st.lists(st.dictionaries(NAMES, WORDS | JSON, max_size=4), max_size=3) | JSON,
        "observedGeneration": st.integers(0, 3) | JSON,
        "containerStatuses": st.lists(st.dictionaries(NAMES, JSON, max_size=4), max_size=2) | JSON,
    },
)
OPERATORS = [
    {"operator": "Equals", "value": "x"},
    {"operator": "NotIn", "values": ["True", ""]},
    {"operator": "GreaterThan", "value": "1"},
    {"operator": "LessThan", "value": "-1.5"},
    {"operator": "Exists"},
]
POINTERS = ["/status", "/status/*/[*]", "/status/conditions/[type=Ready]/status", "/status/conditions/0", "/spec/[=x]"]


@given(st.sampled_from(KINDS), NEARLY | JSON, NEARLY | JSON)
def test_health_never_raises(kind: tuple[str, str], spec: Any, status: Any) -> None:
    group, name = kind
    metadata = {"name": "web", "namespace": "shop", "generation": 2}
    obj = {"apiVersion": f"{group}/v1", "kind": name, "metadata": metadata, "spec": spec, "status": status}
    assert health_of(obj).status in HealthStatus
    assert health_of(obj) == health_of(obj)


@given(NEARLY | JSON, st.sampled_from(POINTERS), st.sampled_from(OPERATORS))
def test_nor_does_a_health_check(status: Any, pointer: str, condition: dict[str, Any]) -> None:
    checks = checks_of([{"kind": "*", "rules": [{"status": "Healthy", "jsonPointer": pointer, **condition}]}])
    obj = {"apiVersion": "v1", "kind": "Lamp", "metadata": {"name": "web"}, "spec": status, "status": status}
    assert health_of(obj, checks=checks).status in HealthStatus
