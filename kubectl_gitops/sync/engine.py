"""Carry out a plan: apply in stages, in parallel within each, then prune; keep the snapshot true throughout.

The object list is stored before the first write, so that a crash orphans nothing. One bad object never
stops the others; but nothing is pruned unless everything that Git declares was applied.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.failures import is_temporary
from kubectl_gitops.cluster.writing import apply_object, delete_object
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.errors import ClusterError, GitOpsError, NotFound
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.snapshot.store import SnapshotStore, next_sequence
from kubectl_gitops.sync.dryrun import PARALLEL_REQUESTS
from kubectl_gitops.sync.inventory import Outcome, ended_snapshot, planned_snapshot, says_the_same
from kubectl_gitops.sync.order import in_order
from kubectl_gitops.sync.steps import HeldByAnother, Plan, Step

ESTABLISH_SECONDS = 30.0
_ATTEMPTS = 5


class Interrupted(Exception):
    """The sync was told to stop, which is no error: its snapshot is stored, and the next sync goes on from there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """What became of a plan. ``snapshot`` is what now counts; ``seconds`` is wall time."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    snapshot: Snapshot
    seconds: float
    not_pruned: str = ""

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.error is not None]

    def count(self, kind: ActionKind) -> int:
        """How many steps of a kind succeeded; of the unchanged, how many there are."""
        if kind is ActionKind.UNCHANGED:
            return len(self.plan.of_kind(kind))
        return sum(1 for outcome in self.outcomes if outcome.step.kind is kind and outcome.error is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Who is told while a sync runs. Called from many threads."""

    about_to_write: Callable[[Snapshot], None] = field(default=lambda _: None)
    done: Callable[[Outcome], None] = field(default=lambda _: None)


class Engine:
    """Carries out plans with the rights of ``writer``; snapshots go to ``store``."""

    def __init__(
        self,
        *,
        writer: Cluster,
        discovery: Discovery,
        store: SnapshotStore,
        sealing_key: bytes,
        stop: threading.Event | None = None,
    ) -> None:
        self._writer = writer
        self._discovery = discovery
        self._store = store
        self._sealing_key = sealing_key
        self._stop = stop or threading.Event()

    def run(
        self,
        plan: Plan,
        *,
        revision: Commit | None,
        repo_url: str,
        path: str,
        observer: Observer | None = None,
    ) -> SyncResult:
        """Apply, then prune. Errors of single objects are in the outcomes; what concerns all is raised.

        Raises Interrupted when ``stop`` is set meanwhile.
        """
        started = time.monotonic()
        watcher = observer or Observer()
        snapshot = planned_snapshot(plan, revision=revision, repo_url=repo_url, path=path)
        stored = plan.previous
        if plan.writes:
            # One that says the same may be stored already: a sync that failed is tried again and again.
            if stored is None or not says_the_same(replace(snapshot, complete=stored.complete), stored):
                stored = self._publish(snapshot, stored)
            watcher.about_to_write(stored)
        applied = self._apply_all(plan, watcher)
        pruned, why_not = self._prune_all(plan, applied, watcher)
        ended = ended_snapshot(snapshot, plan, [*applied, *pruned], self._sealing_key)
        if stored is None or not says_the_same(ended, stored):
            stored = self._publish(ended, stored)
        return SyncResult(
            plan=plan,
            outcomes=(*applied, *pruned),
            snapshot=stored,
            seconds=time.monotonic() - started,
            not_pruned=why_not,
        )

    def _publish(self, snapshot: Snapshot, before: Snapshot | None) -> Snapshot:
        published = replace(snapshot, sequence=next_sequence(before))
        self._store.publish(published)
        return published

    def _apply_all(self, plan: Plan, watcher: Observer) -> list[Outcome]:
        kinds = (ActionKind.CREATE, ActionKind.CHANGE, ActionKind.TAKE_OVER)
        outcomes: list[Outcome] = []
        for stage in in_order((step.key, step) for step in plan.of_kind(*kinds)):
            done = _in_parallel(lambda step: self._reported(self._apply(step), watcher), stage)
            self._wait_established(done)
            outcomes.extend(done)
        return outcomes

    def _prune_all(self, plan: Plan, applied: list[Outcome], watcher: Observer) -> tuple[list[Outcome], str]:
        steps = plan.of_kind(ActionKind.PRUNE)
        why_not = _reason_not_to_prune(plan, applied) if steps else ""
        if why_not:
            return [], why_not
        outcomes: list[Outcome] = []
        for stage in reversed(in_order((step.key, step) for step in steps)):
            outcomes.extend(_in_parallel(lambda step: self._reported(self._prune(step), watcher), stage))
        return outcomes, ""

    @staticmethod
    def _reported(outcome: Outcome, watcher: Observer) -> Outcome:
        watcher.done(outcome)
        return outcome

    def _apply(self, step: Step) -> Outcome:
        assert step.declared is not None
        if isinstance(step.error, HeldByAnother):
            return Outcome(step=step, error=step.error)
        try:
            resource = self._discovery.need(step.api_version, step.key.kind)
            answer = self._retried(lambda: apply_object(self._writer, resource, step.to_apply))
        except GitOpsError as exc:
            return Outcome(step=step, error=exc)
        return Outcome(step=step, answer=answer)

    def _prune(self, step: Step) -> Outcome:
        assert step.live is not None
        uid = step.live["metadata"]["uid"]
        try:
            resource = self._discovery.need(step.api_version, step.key.kind)
            self._retried(lambda: delete_object(self._writer, resource, step.key.namespace, step.key.name, uid=uid))
        except NotFound:
            return Outcome(step=step)
        except GitOpsError as exc:
            return Outcome(step=step, error=exc)
        return Outcome(step=step)

    def _retried(self, call: Callable[[], Object]) -> Object:
        """Try again what may succeed later: apply and delete are idempotent."""
        for attempt in range(_ATTEMPTS - 1):
            self._check_stop()
            try:
                return call()
            except ClusterError as exc:
                if not is_temporary(exc):
                    raise
                seconds = exc.retry_after or 0.1 * 2**attempt
                self._stop.wait(seconds * random.uniform(1.0, 1.5))  # noqa: S311 - jitter
        self._check_stop()
        return call()

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Interrupted("the sync was stopped half-way")

    def _wait_established(self, outcomes: Sequence[Outcome]) -> None:
        """After CRDs were applied: wait until their kinds are served, and learn them."""
        crds = [o.answer for o in outcomes if o.answer and o.answer["kind"] == "CustomResourceDefinition"]
        deadline = time.monotonic() + ESTABLISH_SECONDS
        while crds and time.monotonic() < deadline:
            self._check_stop()
            with contextlib.suppress(ClusterError):  # those that need it will say so
                self._discovery.refresh()
            crds = [crd for crd in crds if not _is_served(crd, self._discovery)]
            self._stop.wait(0.05 if crds else 0.0)


def _is_served(crd: Object, discovery: Discovery) -> bool:
    spec = crd["spec"]
    versions = [version["name"] for version in spec["versions"] if version.get("served")]
    return all(discovery.find(f"{spec['group']}/{version}", spec["names"]["kind"]) for version in versions)


T = TypeVar("T")
R = TypeVar("R")


def _in_parallel(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    with ThreadPoolExecutor(max(1, min(PARALLEL_REQUESTS, len(items)))) as pool:
        return list(pool.map(work, items))


def _reason_not_to_prune(plan: Plan, applied: Iterable[Outcome]) -> str:
    if any(outcome.error for outcome in applied):
        return "not everything that Git declares could be applied"
    if not any(step.declared for step in plan.steps):
        return "Git declares nothing at all, which is more likely a mistake than a wish"
    return ""
