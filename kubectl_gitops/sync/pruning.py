"""What may be pruned: by the object's own word, by its kind, and by how much it would be. Pure.

An object that Git no longer declares is deleted, kept, or kept until a person approves the deletions of this very
commit. So it is with objects that take others with them, and with more deletions than ``spec.sync.maxDelete`` allows.
"""

from __future__ import annotations

from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.errors import GitOpsError
from kubectl_gitops.sync.annotations import InvalidAnnotation
from kubectl_gitops.sync.immutable import is_precious
from kubectl_gitops.sync.options import Removal, SyncOptions, options_in
from kubectl_gitops.sync.steps import Plan, Target


class DeletesNotApproved(GitOpsError):
    """A sync would prune more than its GitSync allows without a person's word: nothing was pruned."""


def why_kept(live: Object, key: ResourceKey, target: Target, run: str) -> str:
    """Why a live object is not pruned; "" where it may be."""
    try:
        options = options_in(live)
    except InvalidAnnotation as exc:
        return f"kept: {exc}"
    match _removal(options, key):
        case Removal.DISABLED:
            return "kept, as its annotations say"
        case Removal.CONFIRM if not target.approves(run):
            why = "" if options.prune_is_said else f"a {key.kind} is not pruned unless its annotations allow it; "
            return f"kept: {why}--approve-deletes {run[:12]} deletes it"
    return ""


def _removal(options: SyncOptions, key: ResourceKey) -> Removal:
    if is_precious(key) and not options.prune_is_said:
        return Removal.CONFIRM
    return options.prune


def too_many_deletes(plan: Plan, number: int) -> DeletesNotApproved | None:
    """The error for more deletions than are allowed; None where they are, or were approved."""
    limit, previous = plan.target.max_delete, plan.previous
    if limit is None or previous is None or plan.target.approves(plan.run):
        return None
    total = len({*(entry.key for entry in previous.entries), *(key for _, key in previous.owed)})
    allowed = [f"{limit.count} objects"] if limit.count is not None and number > limit.count else []
    if limit.percent is not None and number * 100 > total * limit.percent:
        allowed.append(f"{limit.percent} % of them")
    if not allowed:
        return None
    return DeletesNotApproved(
        f"{number} of {total} objects would be deleted, more than spec.sync.maxDelete allows ({', '.join(allowed)}); "
        "nothing was pruned",
        hint=f"if that is meant: kubectl gitops sync --approve-deletes {plan.run[:12]}",
    )
