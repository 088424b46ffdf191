"""Break-glass: what would be refused passes with a warning, and is recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubectl_gitops.api.breakglass import BreakGlass, Target
from kubectl_gitops.api.gitsync import EnforcementMode
from tests.unit.webhook.cases import LABEL, deployment, live, request, set_at, set_label, update, view
from webhook.policy import decide
from webhook.recording import denial_of
from webhook.verdict import Outcome, Reason
from webhook.view import View

WEB = deployment()
GLASS = BreakGlass(
    namespace="gitops-system",
    name="shop-1",
    gitsync="shop",
    by="eve",
    reason="INC-42 checkout is down",
    opened=1_795_000_000.0,
    until=1_795_001_800.0,
)
ONLY_DB = replace(GLASS, only=(Target(group="apps", kind="Deployment", name="db"),))
SCALED = update(live(WEB), set_at(live(WEB), "spec.replicas", 9))


def opened(glass: BreakGlass = GLASS, mode: EnforcementMode = EnforcementMode.ENFORCE) -> View:
    return replace(view(WEB, mode=mode), open_glass={LABEL: (glass,)})


@pytest.mark.parametrize(
    "asked",
    [
        SCALED,
        request("DELETE", old=live(WEB)),
        request("CREATE", new=set_at(live(WEB), "spec.replicas", 9)),
        update(live(WEB), set_label(live(WEB), None)),
    ],
    ids=["update", "delete", "create", "label"],
)
def test_what_would_be_refused_passes_with_a_warning(asked: object) -> None:
    verdict = decide(asked, opened())  # type: ignore[arg-type]
    assert (verdict.outcome, verdict.reason, verdict.message) == (Outcome.ALLOW, Reason.BREAK_GLASS, "")
    assert verdict.warnings == (
        "break-glass of eve is open until 2026-11-18T11:36:40Z; then Git's state is restored. INC-42 checkout is down",
    )


def test_the_use_is_in_the_audit_annotations_and_in_the_record() -> None:
    verdict = decide(SCALED, opened())
    assert verdict.audit_annotations()["break-glass"] == "eve: INC-42 checkout is down"
    assert verdict.audit_annotations()["fields"] == "spec.replicas"
    told = denial_of(SCALED, verdict)
    assert (told.verdict, told.reason, told.user, told.fields) == ("Allow", "BreakGlass", "bob", ("spec.replicas",))
    assert told.glass == "eve: INC-42 checkout is down"


def test_of_what_passes_anyway_nothing_is_said() -> None:
    verdict = decide(update(live(WEB), set_at(live(WEB), "status", {})), opened())
    assert (verdict.reason, verdict.warnings) == (Reason.CONVERGES, ())


def test_it_is_for_what_it_names() -> None:
    assert decide(SCALED, opened(ONLY_DB)).reason is Reason.DIVERGES
    assert not decide(SCALED, opened(ONLY_DB)).allowed


def test_a_lax_mode_has_nothing_to_break() -> None:
    assert decide(SCALED, opened(mode=EnforcementMode.WARN)).outcome is Outcome.WARN
    assert decide(SCALED, opened(mode=EnforcementMode.AUDIT)).outcome is Outcome.AUDIT


def test_a_namespace_may_go_when_all_that_is_in_it_may() -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    asked = request("DELETE", old=namespace)
    assert decide(asked, opened()).reason is Reason.BREAK_GLASS
    assert decide(asked, opened(ONLY_DB)).reason is Reason.DELETES_NAMESPACE


def test_of_several_the_one_that_ends_last_is_named() -> None:
    longer = replace(GLASS, name="shop-2", by="bob", until=GLASS.until + 60)
    both = replace(opened(), open_glass={LABEL: (GLASS, longer)})
    assert decide(SCALED, both).glass == longer


def test_what_somebody_wrote_into_the_reason_cannot_reach_a_terminal() -> None:
    verdict = decide(SCALED, opened(replace(GLASS, reason="\x1b[31m" + "x" * 500)))
    assert "\x1b" not in verdict.warnings[0] + verdict.audit_annotations()["break-glass"]
    assert len(verdict.warnings[0].encode()) <= 255
