"""A GitSync that is being deleted: does with its objects what spec.deletionPolicy says, then lets it go."""

from __future__ import annotations

import logging
from collections.abc import Callable

from kubectl_gitops.api.gitsync import DeletionPolicy, GitSync
from kubectl_gitops.api.names import CONTROLLER_FIELD_MANAGER
from kubectl_gitops.api.objects import Object, ResourceKey, key_of
from kubectl_gitops.cluster.finalizer import drop_finalizer, is_being_deleted
from kubectl_gitops.cluster.writing import merge_patch
from kubectl_gitops.errors import Forbidden, GitOpsError, NotFound
from kubectl_gitops.reconciler.surroundings import Surroundings, now
from kubectl_gitops.sync.removal import Inventory, Progress, Remover, inventory_of

_log = logging.getLogger(__name__)

#: How soon to look again: what has no finalizer goes at once, and whatever has one takes its time.
_FIRST_DELAY_SECONDS, _MAX_DELAY_SECONDS = 0.1, 5.0
_MAX_NAMED = 5


class Ending:
    """One GitSync on its way out. ``turn`` is called by one thread at a time, until it returns None.

    ``drained`` returns once nothing is being written any more that would bring back what is deleted.
    """

    def __init__(self, gitsync: GitSync, obj: Object, around: Surroundings, *, drained: Callable[[], None]) -> None:
        self.gitsync = gitsync
        self._object = obj
        self._around = around
        self._drained = drained
        self._inventory: Inventory | None = None
        self._delay_seconds = _FIRST_DELAY_SECONDS
        self._left = -1
        self._said = ""

    def update(self, gitsync: GitSync, obj: Object) -> None:
        """Somebody has changed it meanwhile: the policy may be another now."""
        self.gitsync, self._object = gitsync, obj
        self._delay_seconds = _FIRST_DELAY_SECONDS

    def turn(self) -> float | None:
        """One step. Returns the seconds until the next one; None when the GitSync is let go. Raises ClusterError."""
        gitsync, obj = self.gitsync, self._object
        self._drained()
        if self._inventory is None:
            self._inventory = self._load(gitsync)
        try:
            is_done = not self._inventory or self._step(gitsync, self._inventory)
        except Forbidden as exc:  # an account that is missing, or may not even be acted as
            is_done = self._stuck(gitsync, str(exc))
        if not is_done:
            self._delay_seconds = min(self._delay_seconds * 1.5, _MAX_DELAY_SECONDS)
            return self._delay_seconds
        self._around.store.delete_of(gitsync.uid)
        drop_finalizer(self._around.cluster, self._around.resource, obj)
        _log.info("GitSync %s is deleted", gitsync)
        return None

    def _load(self, gitsync: GitSync) -> Inventory:
        snapshot = self._around.store.load(gitsync.namespace, gitsync.name)
        return inventory_of(snapshot) if snapshot is not None and snapshot.uid == gitsync.uid else ()

    def _step(self, gitsync: GitSync, inventory: Inventory) -> bool:
        """Whether all is done."""
        try:
            writer = self._around.writer(gitsync)
        except GitOpsError as exc:  # it names no account and must: nobody may write for it
            return gitsync.deletion_policy is DeletionPolicy.ORPHAN or self._stuck(gitsync, str(exc))
        self._around.discovery.refresh()
        remover = Remover(
            reader=self._around.cluster, writer=writer, discovery=self._around.discovery, label=gitsync.label
        )
        if gitsync.deletion_policy is DeletionPolicy.FOREGROUND:
            progress = remover.advance(inventory)
            if progress.left != self._left:
                self._left, self._delay_seconds = progress.left, _FIRST_DELAY_SECONDS
            if progress.refused:
                refused = f"{_named([key for key, _ in progress.refused])} cannot be deleted: {progress.refused[0][1]}"
                if not self._stuck(gitsync, refused):
                    return False
            elif progress.waiting:
                self._say(_waiting_for(progress, len(inventory)))
                return False
        else:
            self._say(f"releasing up to {len(inventory)} objects")
        for key, error in remover.release(remover.observe(inventory)):
            # Its label names nobody any more, and so binds nobody: no reason to keep the GitSync for ever.
            _log.warning("%s: %s stays labelled: %s", gitsync, key.described, error)
        return True

    def _stuck(self, gitsync: GitSync, why: str) -> bool:
        """Say what is in the way. True where nobody can mend it: the namespace, and its accounts, are going, too."""
        if self._namespace_is_going(gitsync.namespace):
            _log.warning("%s: goes with its namespace, and leaves what it may not delete any more: %s", gitsync, why)
            return True
        self._say(
            f"{why}; give the account the right, or have objects left as they are: "
            f'kubectl patch gitsync {gitsync.name} -n {gitsync.namespace} --type=merge -p \'{{"spec":'
            f'{{"deletionPolicy":"Orphan"}}}}\'',
            stalled=True,
        )
        return False

    def _namespace_is_going(self, name: str) -> bool:
        try:
            return is_being_deleted(self._around.cluster.get(f"/api/v1/namespaces/{name}"))
        except NotFound:
            return True

    def _say(self, message: str, *, stalled: bool = False) -> None:
        """Tell it in the status, once."""
        if message == self._said:
            return
        self._said = message
        gitsync, obj = self.gitsync, self._object
        _log.info("GitSync %s is being deleted: %s", gitsync, message)
        conditions = conditions_while_ending(
            (obj.get("status") or {}).get("conditions") or [], message, generation=gitsync.generation, stalled=stalled
        )
        patch = {"status": {"observedGeneration": gitsync.generation, "conditions": conditions}}
        try:
            self._object = merge_patch(
                self._around.cluster,
                self._around.resource,
                gitsync.namespace,
                gitsync.name,
                patch,
                manager=CONTROLLER_FIELD_MANAGER,
                subresource="status",
            )
        except NotFound:
            return


def conditions_while_ending(before: list[Object], message: str, *, generation: int, stalled: bool) -> list[Object]:
    """The conditions, telling that it is being deleted and how far that is. What it was before is told no more."""
    wanted = [("Ready", "False"), ("Reconciling", "True"), *([("Stalled", "True")] if stalled else [])]
    old = {condition["type"]: condition for condition in before}

    def since(kind: str, state: str) -> str:
        known = old.get(kind)
        return str(known["lastTransitionTime"]) if known and known["status"] == state else now()

    return [
        {
            "type": kind,
            "status": state,
            "reason": "Deleting",
            "message": message[:32_000],
            "observedGeneration": generation,
            "lastTransitionTime": since(kind, state),
        }
        for kind, state in wanted
    ]


def _waiting_for(progress: Progress, total: int) -> str:
    held = [obj for obj in progress.waiting if obj["metadata"].get("finalizers")]
    words = f"{progress.left} of {total} objects are still there"
    if held:
        named = [f"{key_of(obj).described} ({', '.join(obj['metadata']['finalizers'])})" for obj in held[:_MAX_NAMED]]
        words += f"; finalizers hold {', '.join(named)}"
    return words


def _named(keys: list[ResourceKey]) -> str:
    shown = ", ".join(key.described for key in keys[:_MAX_NAMED])
    more = len(keys) - _MAX_NAMED
    return shown + (f" and {more} more" if more > 0 else "")
