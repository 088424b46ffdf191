"""The deletion of a Namespace, which takes along what Git declares in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubectl_gitops.api.gitsync import EnforcementMode
from kubectl_gitops.api.names import ENFORCEMENT_ANNOTATION, managed_by
from kubectl_gitops.api.objects import Object
from tests.unit.webhook.cases import (
    LABEL,
    OWNER,
    RECONCILER,
    declared,
    deployment,
    entry,
    request,
    set_at,
    snapshot,
    view,
)
from webhook.policy import decide
from webhook.requester import CLEANERS, Exemption
from webhook.review import Request
from webhook.verdict import Outcome, Reason, Undecided
from webhook.view import Owner, View, labels_by_namespace

WEB = deployment()
OTHER = managed_by("team-a", "cart")


def namespace(name: str = "shop", **metadata: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **metadata}}


def deletion(name: str = "shop", *, old: Object | None = None, **arguments: Any) -> Request:
    return request("DELETE", old=old or namespace(name), namespace=name, **arguments)


def named(index: int) -> Object:
    obj = declared()
    obj["metadata"]["name"] = f"settings-{index:02}"
    return obj


def two_gitsyncs(mode: EnforcementMode, other: EnforcementMode) -> View:
    snapshots = {
        LABEL: snapshot([entry(WEB)]),
        OTHER: snapshot([entry(declared(label=OTHER))], namespace="team-a", name="cart"),
    }
    owners = {LABEL: replace(OWNER, mode=mode), OTHER: Owner(namespace="team-a", name="cart", mode=other)}
    return View(owners=owners, snapshots=snapshots, labels_in=labels_by_namespace(snapshots), synced=True)


def test_it_is_denied_with_what_is_in_it_and_how_to_get_out() -> None:
    verdict = decide(deletion(), view(WEB, declared()))
    assert (verdict.outcome, verdict.reason) == (Outcome.DENY, Reason.DELETES_NAMESPACE)
    assert verdict.message == (
        "Namespace/shop holds 2 objects that Git declares: GitSync gitops-system/shop keeps it\n"
        "  Deployment/web: deploy/web.yaml:7\n"
        "  ConfigMap/web: deploy/web.yaml:7\n"
        "Remove them from Git and sync; or, to let all go: kubectl patch gitsync shop -n gitops-system --type=merge "
        '-p \'{"spec":{"enforcement":{"mode":"Off"}}}\''
    )


def test_the_first_ten_are_named_and_all_are_counted() -> None:
    verdict = decide(deletion(), view(*map(named, range(37))))
    assert "holds 37 objects" in verdict.message
    assert "  ConfigMap/settings-09: " in verdict.message
    assert "settings-10" not in verdict.message
    assert "  and 27 more\n" in verdict.message
    assert len(verdict.message.encode()) < 1024
    warned = decide(deletion(), view(*map(named, range(37)), mode=EnforcementMode.WARN))
    assert "and 27 more" in warned.warnings


def test_a_namespace_in_which_git_declares_nothing_may_go() -> None:
    assert decide(deletion("other"), view(WEB)).reason is Reason.NOT_MANAGED
    assert decide(deletion(), view()).allowed
    assert decide(deletion(), view(WEB, owners={})).allowed  # the GitSync is gone


def test_one_that_is_on_its_way_may_go() -> None:
    dying = namespace(deletionTimestamp="2026-11-01T00:00:00Z")
    assert decide(deletion(old=dying), view(WEB)).reason is Reason.TERMINATING


def test_the_reconciler_and_the_cleaners_may_delete_it() -> None:
    assert decide(deletion(extra=RECONCILER), view(WEB)).reason is Reason.RECONCILER
    for user in CLEANERS:
        assert decide(deletion(user=user), view(WEB)).reason is Reason.CLEANUP


@pytest.mark.parametrize(
    ("modes", "outcome"),
    [
        (("Enforce", "Off"), Outcome.DENY),
        (("Off", "Enforce"), Outcome.DENY),
        (("Warn", "Enforce"), Outcome.DENY),
        (("Warn", "Audit"), Outcome.WARN),
        (("Off", "Audit"), Outcome.AUDIT),
        (("Off", "Off"), Outcome.ALLOW),
    ],
)
def test_the_strictest_of_all_gitsyncs_in_it_decides(modes: tuple[str, str], outcome: Outcome) -> None:
    verdict = decide(deletion(), two_gitsyncs(*map(EnforcementMode, modes)))
    assert verdict.outcome is outcome


def test_two_gitsyncs_are_both_told_of() -> None:
    message = decide(deletion(), two_gitsyncs(EnforcementMode.ENFORCE, EnforcementMode.ENFORCE)).message
    assert "holds 2 objects that Git declares: GitSync gitops-system/shop and 1 more keeps it" in message


def test_objects_that_git_lets_go_do_not_hold_it() -> None:
    free = set_at(declared(), "metadata.annotations", {ENFORCEMENT_ANNOTATION: "off"})
    assert decide(deletion(), view(free)).allowed
    assert "holds 1 object " in decide(deletion(), view(free, WEB)).message


def test_what_may_not_be_applied_holds_nothing() -> None:
    """Whoever may write a GitSync could keep others' namespaces for ever, by declaring something in them."""
    snapshots = {LABEL: snapshot([entry(WEB, is_learned=False)])}
    known = replace(view(), snapshots=snapshots, labels_in=labels_by_namespace(snapshots))
    assert decide(deletion(), known).allowed


def test_an_exemption_without_fields_holds_for_namespaces_and_is_recorded() -> None:
    for item, is_exempt in (({"users": ["bob"]}, True), ({"users": ["bob"], "fields": ["/spec"]}, False)):
        known = view(WEB, owners={LABEL: replace(OWNER, exempt=(Exemption.of(item),))})
        verdict = decide(deletion(), known)
        assert verdict.allowed is is_exempt
        assert (verdict.reason is Reason.EXEMPT) is is_exempt
        assert verdict.fields == ("Deployment/web",)


def test_before_all_is_known_nothing_is_decided() -> None:
    with pytest.raises(Undecided):
        decide(deletion(), View())


def test_a_namespace_that_git_declares_is_kept_by_itself() -> None:
    obj = namespace(labels={"kubectl-gitops.dev/managed-by": LABEL})
    assert decide(deletion(old=obj), view(obj)).reason is Reason.DELETES_DECLARED
    assert decide(deletion(old=obj), view(WEB)).reason is Reason.DELETES_NAMESPACE


def test_long_names_leave_room_for_the_way_out() -> None:
    objects = []
    for index in range(12):
        obj = declared()
        obj["metadata"]["name"] = f"{index:02}" + "n" * 250
        objects.append(obj)
    message = decide(deletion(), view(*objects)).message
    assert len(message.encode()) < 1024
    assert message.endswith('-p \'{"spec":{"enforcement":{"mode":"Off"}}}\'')
    assert message.count("deploy/web.yaml:7") == 10
    assert "  and 2 more\n" in message
