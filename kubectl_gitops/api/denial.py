"""Denials: what the webhook refused, or let pass though it diverges, as Events on the GitSync tell of it.

An Event holds who, what, which fields and why; never what is in them.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_gitops.api.names import API_VERSION, GROUP, KIND
from kubectl_gitops.api.objects import Object

#: On each of these Events, with the verdict: Deny, Warn, Audit or Allow.
VERDICT_LABEL = f"{GROUP}/verdict"
_FIELDS = f"{GROUP}/fields"
_COMPONENT = "gitops-webhook"
#: The reason of an Event, as `kubectl describe gitsync` shows it, by verdict; of what is allowed, that of the verdict.
_REASONS = {"Deny": "Denied", "Warn": "Warned", "Audit": "Audited"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """One kind of request: whoever does the same again makes no other one.

    ``reason`` is the verdict's, such as Diverges or BreakGlass; ``commit`` the revision that counted; ``glass`` the
    reason of the break-glass that was made use of.
    """

    namespace: str
    gitsync: str
    uid: str
    verdict: str
    reason: str
    user: str
    operation: str
    object: str
    fields: tuple[str, ...] = ()
    commit: str = ""
    glass: str = ""

    @property
    def message(self) -> str:
        """For ``kubectl describe``: at most 1,024 bytes, as the API server has it."""
        fields = f": {', '.join(self.fields)}" if self.fields else ""
        glass = f" (break-glass: {self.glass})" if self.glass else ""
        text = f"{self.verdict} {self.reason}: {self.user} {self.operation} {self.object}{glass}{fields}"
        return text.encode()[:1000].decode(errors="ignore")


_DETAILS = ("reason", "user", "operation", "object", "commit", "glass")


def event_of(denial: Denial, *, name: str, first: str, last: str, count: int, host: str) -> Object:
    """The Event (v1) for it; ``first`` and ``last`` are times in RFC 3339."""
    annotations = {f"{GROUP}/{detail}": getattr(denial, detail) for detail in _DETAILS}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": name,
            "namespace": denial.namespace,
            "labels": {VERDICT_LABEL: denial.verdict},
            "annotations": {**annotations, _FIELDS: "\n".join(denial.fields)},
        },
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": denial.namespace,
            "name": denial.gitsync,
            "uid": denial.uid,
        },
        "reason": _REASONS.get(denial.verdict, denial.reason),
        "message": denial.message,
        "type": "Warning" if denial.verdict == "Deny" else "Normal",
        "firstTimestamp": first,
        "lastTimestamp": last,
        "count": count,
        "source": {"component": _COMPONENT, "host": host},
        "reportingComponent": _COMPONENT,
    }


def read_denial(event: Object) -> Denial:
    """What an Event tells; what is missing in it is ""."""
    metadata, about = event["metadata"], event.get("involvedObject") or {}
    annotations = metadata.get("annotations") or {}
    details = {detail: str(annotations.get(f"{GROUP}/{detail}") or "") for detail in _DETAILS}
    return Denial(
        namespace=metadata["namespace"],
        gitsync=str(about.get("name") or ""),
        uid=str(about.get("uid") or ""),
        verdict=str((metadata.get("labels") or {}).get(VERDICT_LABEL) or ""),
        fields=tuple(filter(None, str(annotations.get(_FIELDS) or "").split("\n"))),
        **details,
    )
