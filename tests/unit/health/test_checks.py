"""People say in a GitSync what makes their kinds healthy."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.api.gitsync import read_gitsync
from kubectl_gitops.api.objects import Object
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.health.assessment import health_of
from kubectl_gitops.health.checks import HealthCheck, checks_of
from tests.unit.health.samples import condition, deployment, live

PHASE = "/status/phase"


def checks(*rules: Object, kind: str = "Lamp", **selectors: str) -> tuple[HealthCheck, ...]:
    """As a GitSync has them, once it has been found valid."""
    return checks_of(read_gitsync(gitsync({"kind": kind, "rules": list(rules), **selectors})).health_checks)


def gitsync(*items: Object) -> Object:
    return {
        "apiVersion": "kubectl-gitops.dev/v1alpha1",
        "kind": "GitSync",
        "metadata": {"name": "shop", "namespace": "team"},
        "spec": {"source": {"repoURL": "https://git.example/shop"}, "healthChecks": list(items)},
    }


def rule(status: str, pointer: str = PHASE, **condition: Any) -> Object:
    return {"status": status, "jsonPointer": pointer, **condition}


def lamp(**status: Any) -> Object:
    return live("example.com/v1/Lamp", status=status)


LIT = rule("Healthy", value="Lit")
BROKEN = rule("Degraded", operator="In", values=["Broken", "Burnt"], message="the bulb must be changed")


def test_the_first_rule_whose_condition_holds_decides() -> None:
    both = checks(BROKEN, LIT)
    assert str(health_of(lamp(phase="Lit"), checks=both)) == "Healthy: /status/phase Equals Lit"
    assert str(health_of(lamp(phase="Burnt"), checks=both)) == "Degraded: the bulb must be changed"


def test_what_is_said_to_be_healthy_sometimes_is_progressing_until_then() -> None:
    assert health_of(lamp(), checks=checks(LIT)).status == "Progressing"


def test_where_only_failure_is_described_the_ordinary_rules_decide_the_rest() -> None:
    stuck = lamp(phase="Dim", conditions=[condition("Stalled", "True", message="no current")])
    assert health_of(stuck, checks=checks(BROKEN)).message == "no current"
    assert health_of(lamp(phase="Dim"), checks=checks(BROKEN)).status == "Healthy"


def test_a_status_of_an_older_generation_does_not_count() -> None:
    obj = live("example.com/v1/Lamp", status={"observedGeneration": 1, "phase": "Lit"}, generation=2)
    assert health_of(obj, checks=checks(LIT)).status == "Progressing"


def test_a_check_counts_before_the_rule_for_a_known_kind() -> None:
    always = checks(rule("Suspended", "/spec/replicas", value="0"), kind="Deployment", group="apps")
    assert health_of(deployment(replicas=0), checks=always).status == "Suspended"
    assert health_of(deployment(), checks=always).status == "Healthy"


@pytest.mark.parametrize(
    ("selectors", "fits"),
    [
        ({}, True),
        ({"kind": "La*"}, True),
        ({"kind": "Torch"}, False),
        ({"group": "example.com"}, True),
        ({"group": "other.com"}, False),
        ({"name": "web"}, True),
        ({"name": "db-*"}, False),
        ({"namespace": "shop"}, True),
        ({"namespace": "prod"}, False),
    ],
)
def test_a_check_is_for_the_objects_that_it_selects(selectors: dict[str, str], fits: bool) -> None:
    found = health_of(lamp(phase="Burnt"), checks=checks(BROKEN, **selectors))
    assert (found.status == "Degraded") is fits


def test_of_two_checks_for_an_object_the_first_counts() -> None:
    two = (*checks(LIT, name="web"), *checks(BROKEN))
    assert health_of(lamp(phase="Burnt"), checks=two).status == "Progressing"


@pytest.mark.parametrize(
    ("pointer", "condition", "holds"),
    [
        (PHASE, {"operator": "NotEquals", "value": "Lit"}, True),
        ("/status/none", {"operator": "NotEquals", "value": "Lit"}, True),
        ("/status/none", {"operator": "NotIn", "values": ["Lit"]}, True),
        (PHASE, {"operator": "NotIn", "values": ["Dim", "Dark"]}, False),
        (PHASE, {"operator": "Exists"}, True),
        ("/status/none", {"operator": "Exists"}, False),
        ("/status/null", {"operator": "Exists"}, False),
        ("/status/none", {"operator": "DoesNotExist"}, True),
        ("/status/bulbs", {"value": "3"}, True),
        ("/status/bulbs", {"operator": "GreaterThan", "value": "2"}, True),
        ("/status/bulbs", {"operator": "GreaterThan", "value": "3"}, False),
        ("/status/bulbs", {"operator": "LessThan", "value": "3.5"}, True),
        ("/status/volts", {"operator": "GreaterThan", "value": "200"}, True),
        (PHASE, {"operator": "GreaterThan", "value": "0"}, False),
        (PHASE, {"operator": "LessThan", "value": "0"}, False),
        ("/status/on", {"value": "true"}, True),
        ("/status/on", {"operator": "GreaterThan", "value": "0"}, False),
        ("/status/conditions/[type=Ready]/status", {"value": "False"}, True),
        ("/status/conditions/[type=Warm]/status", {"operator": "Exists"}, False),
        ("/status/conditions/[*]/status", {"value": "False"}, True),
        ("/status/conditions/*/status", {"operator": "NotEquals", "value": "False"}, False),
        ("/status/conditions/0/type", {"value": "Seen"}, True),
        ("/status/conditions/7/type", {"operator": "Exists"}, False),
        ("/status/colours/[=red]", {"operator": "Exists"}, True),
        ("/status/colours/[=blue]", {"operator": "Exists"}, False),
        ("/status/by~1zone/a", {"value": "1"}, True),
        ("/status/phase/deeper", {"operator": "Exists"}, False),
        ("/status/conditions", {"value": "True"}, False),
    ],
)
def test_a_condition(pointer: str, condition: Object, holds: bool) -> None:
    obj = lamp(
        phase="Dim",
        bulbs=3,
        volts="230",
        on=True,
        null=None,
        colours=["red", "green"],
        conditions=[{"type": "Seen", "status": "True"}, {"type": "Ready", "status": "False"}],
        **{"by/zone": {"a": 1}},
    )
    found = health_of(obj, checks=checks(rule("Degraded", pointer, **condition)))
    assert (found.status == "Degraded") is holds


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({}, "is not what belongs here: A status, and a condition on one field: value with Equals"),
        ({"operator": "In", "value": "Lit"}, "values with In and NotIn"),
        ({"operator": "Exists", "value": "Lit"}, "neither with Exists and DoesNotExist"),
        ({"operator": "GreaterThan", "value": "many"}, "value as a number with GreaterThan"),
        ({"value": "a", "values": ["b"]}, "is not what belongs here"),
        ({"value": True}, "rules[0].value: True is not of type 'string'"),
        ({"operator": "Matches", "value": "L.*"}, "rules[0].operator: 'Matches' is not one of ['Equals', "),
        ({"value": "Lit", "jsonPointer": "status.phase"}, "it begins with a slash"),
        ({"value": "Lit", "status": "Fine"}, "rules[0].status: 'Fine' is not one of ['Healthy', "),
    ],
)
def test_a_rule_that_says_nothing_sensible_is_refused_with_its_path(condition: Object, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checks({**rule("Healthy"), **condition})
    assert "spec.healthChecks[0].rules[0]" in str(caught.value)
    assert words in str(caught.value)


def test_a_message_never_repeats_a_value_of_the_object() -> None:
    secret = live("v1/Secret", data="unused")
    secret["data"] = {"password": "aHVudGVyMg=="}
    found = health_of(secret, checks=checks(rule("Degraded", "/data/password", operator="Exists"), kind="Secret"))
    assert str(found) == "Degraded: /data/password Exists"
