"""Write one object of a plan: apply, take over, recreate, delete. What may succeed a moment later is tried again."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from kubectl_gitops.api.names import FIELD_MANAGER
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery, Resource
from kubectl_gitops.cluster.failures import is_temporary
from kubectl_gitops.cluster.reading import get_object
from kubectl_gitops.cluster.writing import apply_object, create_object, delete_object, set_managed_fields
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.errors import ClusterError, Conflict, NotFound, Rejected
from kubectl_gitops.sync.awaiting import Waiter
from kubectl_gitops.sync.immutable import ImmutableField, is_immutable
from kubectl_gitops.sync.reference import stand_in
from kubectl_gitops.sync.steps import Step, Target
from kubectl_gitops.sync.takeover import takeover_of

_ATTEMPTS = 5
_LONGEST_PAUSE_SECONDS = 30.0


class Interrupted(Exception):
    """The sync was told to stop, which is no error: its snapshot is stored, and the next sync goes on from there."""


class StillThere(ClusterError):
    """An object that is being deleted did not go in time."""


class Applier:
    """Writes with the rights of ``writer``. Its methods raise GitOpsError, and Interrupted once ``stop`` is set."""

    def __init__(self, writer: Cluster, discovery: Discovery, waiter: Waiter, *, stop: threading.Event) -> None:
        self._writer = writer
        self._discovery = discovery
        self._waiter = waiter
        self._stop = stop

    def apply(self, step: Step, target: Target) -> Object:
        """The object as it is then."""
        resource = self._resource(step)
        if step.kind is ActionKind.RECREATE:
            return self._recreate(step, resource)
        if target.force and step.live is not None:
            self._take_over(step.live, resource)
        try:
            return self.retried(lambda: apply_object(self._writer, resource, step.to_apply, force=target.force))
        except Rejected as exc:
            if step.live is not None and is_immutable(exc):
                raise ImmutableField(exc, step.key) from exc
            raise

    def delete(self, step: Step, live: Object, *, propagation: str = "Background") -> Object | None:
        """Delete exactly the object ``live``; the object as it is then, None where it is gone."""
        resource, uid = self._resource(step), live["metadata"]["uid"]
        namespace, name = step.key.namespace, step.key.name
        try:
            answer = self.retried(
                lambda: delete_object(self._writer, resource, namespace, name, uid=uid, propagation=propagation)
            )
        except NotFound:
            return None
        return answer if "metadata" in answer and answer.get("kind") != "Status" else None

    def delete_and_wait(self, step: Step, live: Object) -> None:
        """Delete an object whose name is needed. Raises StillThere."""
        if self.delete(step, live) is None:
            return
        rest = self._waiter.until_gone({step.key: step.api_version})
        self.check_stop()
        if rest:
            health = self._waiter.health(rest[step.key])
            raise StillThere(f"it is to be deleted and made again, and does not go: {health.message}")

    def find(self, step: Step) -> Object | None:
        """The live object of a step."""
        return get_object(self._writer, self._resource(step), step.key.namespace, step.key.name)

    def retried(self, call: Callable[[], Object]) -> Object:
        """Try again what may succeed later: apply and delete are idempotent."""
        for attempt in range(_ATTEMPTS - 1):
            self.check_stop()
            try:
                return call()
            except ClusterError as exc:
                if not is_temporary(exc):
                    raise
                seconds = min(exc.retry_after or 0.1 * 2**attempt, _LONGEST_PAUSE_SECONDS)
                self._stop.wait(seconds * random.uniform(1.0, 1.5))  # noqa: S311 - jitter
        self.check_stop()
        return call()

    def check_stop(self) -> None:
        if self._stop.is_set():
            raise Interrupted("the sync was stopped half-way")

    def _resource(self, step: Step) -> Resource:
        return self._discovery.need(step.api_version, step.key.kind)

    def _take_over(self, live: Object, resource: Resource) -> None:
        """Make ours what another tool had applied. If the object is written meanwhile, look at it once more."""
        found: Object | None = live
        for _ in range(_ATTEMPTS):
            takeover = takeover_of(found) if found is not None else None
            if takeover is None or found is None:
                return
            before, managed_fields = found, takeover.managed_fields
            try:
                self.retried(
                    lambda before=before, managed_fields=managed_fields: set_managed_fields(  # type: ignore[misc]
                        self._writer, resource, before, managed_fields, manager=FIELD_MANAGER
                    )
                )
            except Conflict:
                found = get_object(
                    self._writer, resource, live["metadata"].get("namespace") or "", live["metadata"]["name"]
                )
            except NotFound:
                return
            else:
                return

    def _recreate(self, step: Step, resource: Resource) -> Object:
        """Delete and create. What could not be created is not deleted."""
        assert step.live is not None
        assert step.declared is not None
        wanted = stand_in(step.declared.object).object
        self.retried(lambda: create_object(self._writer, resource, wanted, manager=FIELD_MANAGER, dry_run=True))
        self.delete_and_wait(step, step.live)
        obj = step.declared.object
        return self.retried(lambda: apply_object(self._writer, resource, obj))
