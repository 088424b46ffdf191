"""Who is exempt from what, and what one object's own annotation in Git says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubectl_gitops.api.gitsync import EnforcementMode
from kubectl_gitops.api.names import ENFORCEMENT_ANNOTATION
from kubectl_gitops.api.objects import Object
from tests.unit.webhook.cases import LABEL, OWNER, declared, deployment, live, request, set_at, set_label, update, view
from webhook.policy import decide
from webhook.requester import Exemption
from webhook.verdict import Outcome, Reason
from webhook.view import View

WEB = deployment()
IMAGE = "spec.template.spec.containers.0.image"
ACCOUNT = "system:serviceaccount:release:bot"


def known(*items: Object, **owner: Any) -> View:
    exempt = tuple(map(Exemption.of, items))
    return view(WEB, owners={LABEL: replace(OWNER, exempt=exempt, **owner)})


@pytest.mark.parametrize(
    ("item", "is_for"),
    [
        ({"users": ["bob"]}, True),
        ({"users": ["b*", "x"]}, True),
        ({"users": ["bo"]}, False),
        ({"groups": ["system:authenticated"]}, True),
        ({"groups": ["*:auth*"]}, True),
        ({"groups": ["bob"]}, False),
        ({"serviceAccounts": ["*/*"]}, False),
        ({"users": ["eve"], "groups": ["system:*"]}, True),
    ],
)
def test_an_item_names_users_groups_or_service_accounts(item: Object, is_for: bool) -> None:
    scaled = update(live(WEB), set_at(live(WEB), "spec.replicas", 9))
    assert decide(scaled, known(item)).allowed is is_for


@pytest.mark.parametrize(
    ("glob", "user", "is_for"),
    [
        ("release/bot", ACCOUNT, True),
        ("release/*", ACCOUNT, True),
        ("*/bot", ACCOUNT, True),
        ("rel/bot", ACCOUNT, False),
        ("release/b", ACCOUNT, False),
        ("release/bot", "release:bot", False),
        ("release/bot", "release/bot", False),
    ],
)
def test_service_accounts_are_named_by_namespace_and_name(glob: str, user: str, is_for: bool) -> None:
    asked = update(live(WEB), set_at(live(WEB), "spec.replicas", 9), user=user)
    assert decide(asked, known({"serviceAccounts": [glob]})).allowed is is_for


def test_without_fields_everything_is_exempt_and_recorded() -> None:
    everything = known({"users": ["bob"]})
    for asked, fields in (
        (update(live(WEB), set_at(live(WEB), "spec.replicas", 9)), ("spec.replicas",)),
        (update(live(WEB), set_label(live(WEB), None)), ("metadata.labels[kubectl-gitops.dev/managed-by]",)),
        (update(live(WEB), live(WEB, finalizers=["a/b"])), ("metadata.finalizers[=a/b]",)),
        (request("DELETE", old=live(WEB)), ()),
    ):
        verdict = decide(asked, everything)
        assert (verdict.outcome, verdict.reason, verdict.message) == (Outcome.ALLOW, Reason.EXEMPT, "")
        assert verdict.fields == fields
        assert verdict.audit_annotations()["reason"] == "Exempt"
        assert not decide(replace(asked, user="eve"), everything).allowed


def test_what_would_be_allowed_anyway_is_no_use_of_an_exemption() -> None:
    asked = update(live(WEB), set_at(live(WEB), "metadata.annotations", {"a": "b"}))
    assert decide(asked, known({"users": ["bob"]})).reason is Reason.CONVERGES


def test_with_fields_only_these_are_exempt() -> None:
    some = known({"users": ["bob"], "fields": ["/spec/replicas"]})
    scaled = set_at(live(WEB), "spec.replicas", 9)
    verdict = decide(update(live(WEB), scaled), some)
    assert (verdict.reason, verdict.fields) == (Reason.EXEMPT, ("spec.replicas",))
    assert decide(update(live(WEB), set_at(scaled, IMAGE, "shop:2")), some).fields == (
        "spec.template.spec.containers[name=web].image",
    )
    assert not decide(request("DELETE", old=live(WEB)), some).allowed
    assert not decide(update(live(WEB), live(WEB, managedFields=[])), some).allowed


def test_no_field_makes_the_label_exempt() -> None:
    some = known({"users": ["bob"], "fields": ["/metadata", "/metadata/labels"]})
    assert not decide(update(live(WEB), set_label(live(WEB), None)), some).allowed


def test_warnings_are_spared_those_who_are_exempt() -> None:
    verdict = decide(
        update(live(WEB), set_at(live(WEB), "spec.replicas", 9)),
        known({"users": ["bob"]}, mode=EnforcementMode.WARN),
    )
    assert (verdict.reason, verdict.warnings) == (Reason.EXEMPT, ())


# The annotation of one object


def annotated(value: str) -> Object:
    return set_at(declared(data={"a": "b"}), "metadata.annotations", {ENFORCEMENT_ANNOTATION: value})


@pytest.mark.parametrize(
    ("of_gitsync", "of_object", "outcome"),
    [
        ("Enforce", "off", Outcome.ALLOW),
        ("Enforce", "warn", Outcome.WARN),
        ("Enforce", "audit", Outcome.AUDIT),
        ("Enforce", "Audit", Outcome.AUDIT),
        ("Warn", "enforce", Outcome.DENY),
        ("Audit", "enforce", Outcome.DENY),
        ("Off", "enforce", Outcome.ALLOW),  # the way out of every lock-out
        ("Enforce", "", Outcome.DENY),
        ("Enforce", "disabled", Outcome.DENY),
        ("Enforce", "false", Outcome.DENY),
        ("Warn", "none", Outcome.WARN),
    ],
)
def test_an_object_s_annotation_in_git_says_its_mode(of_gitsync: str, of_object: str, outcome: Outcome) -> None:
    obj = annotated(of_object)
    asked = update(live(obj), set_at(live(obj), "data.a", "c"))
    assert decide(asked, view(obj, mode=EnforcementMode(of_gitsync))).outcome is outcome


def test_the_annotation_in_the_cluster_counts_for_nothing() -> None:
    plain = declared(data={"a": "b"})
    asked = update(live(annotated("off")), set_at(live(annotated("off")), "data.a", "c"))
    assert not decide(asked, view(plain)).allowed


def test_the_annotation_may_not_be_changed_in_the_cluster() -> None:
    obj = annotated("warn")
    strict = annotated("enforce")
    loosened = update(live(strict), set_at(live(strict), "metadata.annotations", {ENFORCEMENT_ANNOTATION: "off"}))
    assert not decide(loosened, view(strict)).allowed
    assert decide(request("DELETE", old=live(obj)), view(obj)).outcome is Outcome.WARN
