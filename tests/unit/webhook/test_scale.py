"""``*/scale``, of which the API server tells neither kind nor labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubectl_gitops.api.gitsync import EnforcementMode
from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.diff.ignore import rules_of
from kubectl_gitops.diff.rules import Rules
from tests.unit.webhook.cases import LABEL, OWNER, RECONCILER, declared, deployment, entry, request, snapshot, view
from webhook.policy import decide
from webhook.requester import AUTOSCALERS, Exemption
from webhook.review import GroupResource, Request
from webhook.scales import BUILT_IN_SCALES, Scale
from webhook.verdict import Outcome, Reason, Undecided
from webhook.view import View, labels_by_namespace

WEB = deployment()
WIDGETS = GroupResource("example.org", "widgets")


def scale_object(replicas: int | None) -> Object:
    spec = {} if replicas is None else {"replicas": replicas}
    metadata = {"name": "web", "namespace": "shop", "uid": "u-1"}
    return {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata, "spec": spec}


def scaling(
    asked: int | None, *, before: int | None = 3, resource: GroupResource | None = None, **arguments: Any
) -> Request:
    group, plural = resource or GroupResource("apps", "deployments")
    return request(
        "UPDATE",
        old=scale_object(before),
        new=scale_object(asked),
        subResource="scale",
        resource={"group": group, "version": "v1", "resource": plural},
        **arguments,
    )


def widgets(*paths: tuple[str, str], size: int = 2, **fields: Any) -> View:
    """A Widget whose spec.size is declared, in example.org/v1."""
    widget = declared("Widget", spec={"size": size}) | {"apiVersion": "example.org/v1"}
    scale = Scale(kind="Widget", paths={version: ("spec", name) for version, name in paths})
    return replace(view(widget), scales={**BUILT_IN_SCALES, WIDGETS: scale}, **fields)


def test_scaling_away_from_git_is_denied_as_a_change_of_the_object() -> None:
    verdict = decide(scaling(5), view(WEB))
    assert (verdict.outcome, verdict.reason, verdict.fields) == (Outcome.DENY, Reason.DIVERGES, ("spec.replicas",))
    assert verdict.message.startswith("Deployment/web in namespace shop is kept by GitSync gitops-system/shop\n")
    assert "spec.replicas: Git says 3, asked 5\nDeclared in deploy/web.yaml:7" in verdict.message


@pytest.mark.parametrize("asked", [0, None])
def test_no_replicas_are_none(asked: int | None) -> None:
    assert decide(scaling(asked), view(WEB)).fields == ("spec.replicas",)
    assert decide(scaling(asked), view(deployment(replicas=0))).reason is Reason.CONVERGES


def test_scaling_to_what_git_says_is_allowed_whoever_asks() -> None:
    assert decide(scaling(3, before=9), view(WEB)).reason is Reason.CONVERGES


def test_a_write_that_changes_nothing_is_allowed_where_replicas_had_drifted() -> None:
    assert decide(scaling(9, before=9), view(WEB)).allowed


def test_what_is_not_declared_is_not_ours() -> None:
    for known in (view(), view(declared()), view(WEB, owners={})):
        assert decide(scaling(5), known).allowed
    stateful = GroupResource("apps", "statefulsets")
    assert decide(scaling(5, resource=stateful), view(WEB)).reason is Reason.NOT_MANAGED
    assert decide(scaling(5, name="other"), view(WEB)).reason is Reason.NOT_MANAGED
    assert decide(scaling(5, namespace="other"), view(WEB)).reason is Reason.NOT_MANAGED


def test_replicas_that_git_leaves_open_may_be_scaled() -> None:
    obj = deployment()
    del obj["spec"]["replicas"]
    assert decide(scaling(9), view(obj)).allowed


@pytest.mark.parametrize("user", sorted(AUTOSCALERS))
def test_autoscalers_are_never_in_the_way_of_the_webhook(user: str) -> None:
    for known in (view(WEB), View()):
        assert decide(scaling(9, user=user), known).reason is Reason.AUTOSCALER


def test_the_reconciler_may_scale() -> None:
    assert decide(scaling(9, extra=RECONCILER), view(WEB)).reason is Reason.RECONCILER


def test_what_an_autoscaler_scales_anybody_may_by_both_ways() -> None:
    key = ResourceKey("apps", "Deployment", "shop", "web")
    known = replace(view(WEB), autoscaled={key: "HorizontalPodAutoscaler load scales it"})
    assert decide(scaling(9), known).reason is Reason.IGNORED
    assert not decide(scaling(9), replace(known, autoscaled={key._replace(kind="StatefulSet"): "x"})).allowed


def test_ignore_rules_exemptions_and_modes_count() -> None:
    rules = Rules().beside(rules_of([{"jsonPointers": ["/spec/replicas"]}], why="test"))
    assert decide(scaling(9), view(WEB, owners={LABEL: replace(OWNER, rules=rules)})).reason is Reason.IGNORED
    exempt = Exemption.of({"users": ["bob"], "fields": ["/spec/replicas"]})
    verdict = decide(scaling(9), view(WEB, owners={LABEL: replace(OWNER, exempt=(exempt,))}))
    assert (verdict.allowed, verdict.reason, verdict.fields) == (True, Reason.EXEMPT, ("spec.replicas",))
    warned = decide(scaling(9), view(WEB, mode=EnforcementMode.WARN))
    assert "spec.replicas: Git says 3, asked 9" in warned.warnings
    assert decide(scaling(9), view(WEB, mode=EnforcementMode.OFF)).reason is Reason.ENFORCEMENT_OFF


def test_what_is_declared_and_may_not_be_applied_keeps_nobody_from_scaling() -> None:
    """Whoever may write a GitSync could forbid it to others, by declaring what is theirs."""
    known = view()
    snapshots = {LABEL: snapshot([entry(WEB, is_learned=False)])}
    known = replace(known, snapshots=snapshots, labels_in=labels_by_namespace(snapshots))
    assert decide(scaling(9), known).reason is Reason.NOT_MANAGED


def test_before_all_is_known_nothing_is_decided() -> None:
    with pytest.raises(Undecided):
        decide(scaling(9), View())


def test_a_custom_resource_is_scaled_by_the_field_that_its_definition_names() -> None:
    known = widgets(("v1", "size"))
    assert decide(scaling(5, before=2, resource=WIDGETS), known).fields == ("spec.size",)
    assert decide(scaling(2, before=5, resource=WIDGETS), known).allowed
    key = ResourceKey("example.org", "Widget", "shop", "web")
    assert decide(scaling(5, before=2, resource=WIDGETS), replace(known, autoscaled={key: "x"})).allowed


def test_where_the_field_is_not_known_scaling_is_refused_until_it_is() -> None:
    for known in (widgets(), widgets(("v2", "size"))):
        verdict = decide(scaling(5, before=2, resource=WIDGETS), known)
        assert (verdict.allowed, verdict.reason) == (False, Reason.NOT_KNOWN_YET)
        assert decide(scaling(2, before=2, resource=WIDGETS), known).allowed


def test_where_the_kind_is_not_known_all_of_that_group_and_name_count() -> None:
    """A rule that another replica has registered; this one has yet to look."""
    unknown = replace(widgets(("v1", "size")), scales=BUILT_IN_SCALES)
    assert not decide(scaling(5, before=2, resource=WIDGETS), unknown).allowed
    assert decide(scaling(5, resource=WIDGETS), view(WEB)).reason is Reason.NOT_MANAGED


def test_other_subresources_are_no_declared_state() -> None:
    for subresource in ("status", "ephemeralcontainers", "eviction", "binding", "resize"):
        asked = request("UPDATE", old=scale_object(1), new=scale_object(2), subResource=subresource)
        assert decide(asked, view(WEB)).reason is Reason.NOT_DECLARED_STATE
