"""The question whether this webhook is there at all, and the refusal that answers it.

`kubectl gitops install` and `check --cluster` have the API server create a ConfigMap with a label of ours, in a
dry-run. What refuses it has come the whole way that any change takes: rule, Service, TLS and verdict.
"""

from __future__ import annotations

from typing import Final

from kubectl_gitops.api.names import PROBE_LABEL
from webhook.message import Refusal
from webhook.review import Operation, Request
from webhook.verdict import Outcome, Reason, Verdict

PROBED: Final = Verdict(
    outcome=Outcome.DENY,
    reason=Reason.PROBE,
    refusal=Refusal(subject="the webhook", headline="is here, and refuses what is only asked to see that"),
)


def is_probe(request: Request) -> bool:
    """Whether it asks for nothing but an answer: what would be stored is never taken for a question."""
    if request.operation is not Operation.CREATE or not request.dry_run or request.key.kind != "ConfigMap":
        return False
    labels = ((request.new or {}).get("metadata") or {}).get("labels") or {}
    return PROBE_LABEL in labels
