"""The question whether the webhook is there: refused, and nothing else is ever taken for it."""

from __future__ import annotations

import pytest

from kubectl_gitops.api.names import PROBE_LABEL
from tests.unit.webhook.cases import RECONCILER, request, view
from webhook.policy import decide
from webhook.verdict import Outcome, Reason

QUESTION = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "gitops-probe", "namespace": "gitops-system", "labels": {PROBE_LABEL: "webhook"}},
}


@pytest.mark.parametrize("extra", [{}, RECONCILER])
def test_it_is_refused_whoever_asks(extra: dict[str, list[str]]) -> None:
    verdict = decide(request("CREATE", new=QUESTION, dryRun=True, extra=extra), view())
    assert (verdict.outcome, verdict.reason) == (Outcome.DENY, Reason.PROBE)
    assert verdict.message == "the webhook is here, and refuses what is only asked to see that"


def test_what_would_be_stored_is_no_question() -> None:
    assert decide(request("CREATE", new=QUESTION), view()).allowed


def test_another_kind_with_that_label_is_no_question() -> None:
    assert decide(request("CREATE", new=QUESTION | {"kind": "Secret"}, dryRun=True), view()).allowed


def test_a_change_is_no_question() -> None:
    assert decide(request("UPDATE", old=QUESTION, new=QUESTION, dryRun=True), view()).allowed
