"""What an Event keeps of a denial."""

from __future__ import annotations

from kubectl_gitops.api.denial import Denial, event_of, read_denial

DENIAL = Denial(
    namespace="team",
    gitsync="shop",
    uid="u-1",
    verdict="Deny",
    reason="Diverges",
    user="eve",
    operation="UPDATE",
    object="Deployment/web in namespace shop",
    fields=("spec.replicas", "spec.template.spec.containers[name=web].image"),
    commit="1a2b3c4d",
    glass="",
)


def test_an_event_tells_all_of_it() -> None:
    event = event_of(
        DENIAL, name="shop.1", first="2026-11-18T11:00:00Z", last="2026-11-18T11:06:40Z", count=3, host="h"
    )
    assert read_denial(event) == DENIAL
    assert (event["reason"], event["type"], event["count"]) == ("Denied", "Warning", 3)
    assert event["message"] == (
        "Deny Diverges: eve UPDATE Deployment/web in namespace shop: "
        "spec.replicas, spec.template.spec.containers[name=web].image"
    )


def test_a_message_is_no_longer_than_an_event_may_have() -> None:
    many = Denial(**{field: getattr(DENIAL, field) for field in Denial.__slots__} | {"fields": ("ä" * 100,) * 20})
    assert len(many.message.encode()) <= 1024


def test_any_event_can_be_read() -> None:
    found = read_denial({"metadata": {"namespace": "team", "name": "x"}})
    assert (found.gitsync, found.verdict, found.fields) == ("", "", ())
