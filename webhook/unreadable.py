"""A review that holds an object nested too deeply to be read: refused where it is about what Git declares.

The API server takes 10,000 levels, our reader 1,024. An error would have the failurePolicy let the request pass, and so
a field nested that deeply, which Git need not even declare, would be a way around everything.
"""

from __future__ import annotations

from typing import Any

import orjson

from kubectl_gitops.api.gitsync import EnforcementMode
from kubectl_gitops.snapshot.model import Entry
from webhook.message import Refusal, owner_name, source_of, subject_of
from webhook.requester import CLEANERS, is_reconciler
from webhook.review import BadReview, Operation, Request, read_review
from webhook.verdict import OUTCOMES, Reason, Undecided, Verdict, allow, refuse
from webhook.view import Owner, View

# In AdmissionRequest, who asks and what for comes before the objects, and options after them. No string in JSON can
# hold this: its quotes would be escaped.
_OBJECTS = b',"object":'


def is_too_deep(exc: orjson.JSONDecodeError) -> bool:
    return "depth limit" in exc.msg or "ecursion" in exc.msg  # as versions of orjson say it


def read_head(body: bytes) -> Request:
    """The request without its objects, its name from the request itself. Raises BadReview where there is none."""
    head, found, _ = body.partition(_OBJECTS)
    try:
        review: Any = orjson.loads(head + b"}}") if found else None
    except orjson.JSONDecodeError:
        raise BadReview("the body is nested too deeply") from None
    request = review.get("request") if isinstance(review, dict) else None
    if not isinstance(request, dict):
        raise BadReview("the body is nested too deeply")
    is_namespaced = request.get("resource", {}) != {"group": "", "version": "v1", "resource": "namespaces"}
    metadata = {"name": request.get("name"), "namespace": request.get("namespace") if is_namespaced else None}
    return read_review({**review, "request": {**request, "object": {"metadata": metadata}, "oldObject": {}}})


def decide_unread(request: Request, view: View) -> Verdict:
    """The verdict where the objects cannot be read. Raises Undecided while it is not known what Git declares."""
    if is_reconciler(request):
        return allow(Reason.RECONCILER)
    if request.operation is Operation.DELETE and request.user in CLEANERS:
        return allow(Reason.CLEANUP)
    if not view.synced:
        raise Undecided("whether Git declares the object is not known yet")
    for label, snapshot in view.snapshots.items():
        owner, entry = view.owner_of(label), snapshot.by_key.get(request.key)
        if owner is None or entry is None or (mode := owner.mode_for(entry)) is EnforcementMode.OFF:
            continue
        return refuse(
            Reason.UNREADABLE,
            _refusal(request, owner, entry),
            outcome=OUTCOMES[mode],
            owner=owner,
            revision=snapshot.revision.sha if snapshot.revision else "",
        )
    return allow(Reason.NOT_DECLARED)


def _refusal(request: Request, owner: Owner, entry: Entry) -> Refusal:
    return Refusal(
        subject=subject_of(request.key),
        headline=f"is kept by GitSync {owner_name(owner)}, and is, or would be, nested too deeply to be compared",
        source=source_of(entry.origin, entry.commit),
        advice="Leave out what is nested more than 1,000 levels deep",
    )
