"""Carry out a plan: wave by wave, in stages that are written in parallel; then prune; the snapshot is kept true.

The object list is stored before the first write, so that a crash orphans nothing. One bad object never stops the
others of its wave; but the next wave begins only when the last one is healthy, and nothing is pruned unless
everything that Git declares was applied.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.errors import ClusterError, GitOpsError
from kubectl_gitops.health.checks import HealthCheck
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.snapshot.store import SnapshotStore, next_sequence
from kubectl_gitops.sync.applying import Applier, Interrupted
from kubectl_gitops.sync.awaiting import Waiter
from kubectl_gitops.sync.dryrun import PARALLEL_REQUESTS
from kubectl_gitops.sync.events import Event, StageStarted, StepDone, WaitingFor
from kubectl_gitops.sync.hookplan import hooks_done
from kubectl_gitops.sync.hookrunner import HookRunner
from kubectl_gitops.sync.inventory import Outcome, ended_snapshot, planned_snapshot, says_the_same
from kubectl_gitops.sync.order import prune_stages
from kubectl_gitops.sync.phases import Phases
from kubectl_gitops.sync.pruning import too_many_deletes
from kubectl_gitops.sync.steps import HeldByAnother, Plan, Step

__all__ = ["Engine", "Interrupted", "Observer", "SyncResult"]

ESTABLISH_SECONDS = 30.0
#: How long a sync waits for one wave, one hook, or what is pruned, where nothing else is said.
TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """What became of a plan. ``snapshot`` is what now counts; ``seconds`` is wall time.

    ``halted`` says why the sync went no further, with ``unreached`` left to do. ``refusal`` is the error for deletions
    that nobody has approved.
    """

    plan: Plan
    outcomes: tuple[Outcome, ...]
    snapshot: Snapshot
    seconds: float
    not_pruned: str = ""
    refusal: GitOpsError | None = None
    halted: str = ""
    is_superseded: bool = False
    unreached: tuple[Step, ...] = ()

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
    """Who is told while a sync runs. Called from many threads. ``happened`` is told all there is to show."""

    about_to_write: Callable[[Snapshot], None] = field(default=lambda _: None)
    done: Callable[[Outcome], None] = field(default=lambda _: None)
    happened: Callable[[Event], None] = field(default=lambda _: None)


class Engine:
    """Carries out plans with the rights of ``writer``; snapshots go to ``store``.

    What is waited for is read as ``reader``, judged by ``checks``, and for no longer than ``timeout_seconds``;
    meanwhile the engine is inside ``aside()``. ``superseded`` says why there is nothing to wait for any more, such as
    a newer commit; "" while there is not.
    """

    def __init__(
        self,
        *,
        writer: Cluster,
        discovery: Discovery,
        store: SnapshotStore,
        sealing_key: bytes,
        stop: threading.Event | None = None,
        reader: Cluster | None = None,
        checks: Sequence[HealthCheck] = (),
        timeout_seconds: float = TIMEOUT_SECONDS,
        superseded: Callable[[], str] = lambda: "",
        aside: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        self._discovery = discovery
        self._store = store
        self._sealing_key = sealing_key
        self._stop = stop or threading.Event()
        self._superseded = superseded
        self._observer = Observer()
        self._started = time.monotonic()
        self._waiter = Waiter(
            reader or writer,
            discovery,
            checks=checks,
            timeout_seconds=timeout_seconds,
            stop=self._stop,
            why_stop=lambda: "it was stopped" if self._stop.is_set() else superseded(),
            tell=lambda key, health, seconds: self._tell(
                WaitingFor(key=key, health=health, seconds=seconds, at=self._elapsed)
            ),
            aside=aside,
        )
        self._applier = Applier(writer, discovery, self._waiter, stop=self._stop)

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
        self._started = time.monotonic()
        self._observer = observer or Observer()
        snapshot = planned_snapshot(plan, revision=revision, repo_url=repo_url, path=path)
        stored = plan.previous
        if plan.writes or plan.due_hooks:
            # One that says the same may be stored already: a sync that failed is tried again and again.
            if stored is None or not says_the_same(replace(snapshot, complete=stored.complete), stored):
                stored = self._publish(snapshot, stored)
            self._observer.about_to_write(stored)
        hooks = HookRunner(self._applier, self._waiter, plan.target)
        phases = Phases(
            plan,
            hooks,
            self._waiter,
            write=self._apply_stage,
            superseded=self._superseded,
            tell=lambda outcome: self._tell(StepDone(outcome=outcome, at=self._elapsed)),
        )
        phases.run()
        self._applier.check_stop()
        refusal, why_not, pruned = self._prune_all(plan, phases)
        outcomes = [*phases.outcomes, *(one.outcome for one in phases.hooks_run), *pruned]
        ended = ended_snapshot(snapshot, plan, outcomes, self._sealing_key, unreached=phases.unreached)
        ended = replace(
            ended,
            hooks=hooks_done(
                plan.hooks,
                plan.previous,
                run=plan.run,
                ended_well={one.hook.identity for one in phases.hooks_run if one.succeeded},
            ),
        )
        if stored is None or not says_the_same(ended, stored):
            stored = self._publish(ended, stored)
        hooks.remove(phases.hooks_run, sync_succeeded=not phases.has_failed, failed=outcomes.append)
        return SyncResult(
            plan=plan,
            outcomes=tuple(outcomes),
            snapshot=stored,
            seconds=self._elapsed,
            not_pruned=why_not,
            refusal=refusal,
            halted=phases.halted,
            is_superseded=phases.is_superseded,
            unreached=tuple(phases.unreached),
        )

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _publish(self, snapshot: Snapshot, before: Snapshot | None) -> Snapshot:
        published = replace(snapshot, sequence=next_sequence(before))
        self._store.publish(published)
        return published

    # -- apply

    def _apply_stage(self, plan: Plan, stage: StageStarted, steps: Sequence[Step]) -> list[Outcome]:
        self._tell(replace(stage, at=self._elapsed))
        done = _in_parallel(lambda step: self._reported(self._apply(step, plan)), steps)
        self._wait_established(done)
        return done

    def _apply(self, step: Step, plan: Plan) -> Outcome:
        assert step.declared is not None
        if isinstance(step.error, HeldByAnother):
            return Outcome(step=step, error=step.error)
        try:
            return Outcome(step=step, answer=self._applier.apply(step, plan.target))
        except GitOpsError as exc:
            return Outcome(step=step, error=exc)

    # -- prune

    def _prune_all(self, plan: Plan, phases: Phases) -> tuple[GitOpsError | None, str, list[Outcome]]:
        steps = plan.of_kind(ActionKind.PRUNE)
        if not steps:
            return None, "", []
        why_not = _reason_not_to_prune(plan, is_whole=not (phases.has_failed or phases.halted))
        refusal = None if why_not else too_many_deletes(plan, len(steps))
        if why_not or refusal:
            return refusal, why_not or str(refusal), []
        outcomes: list[Outcome] = []
        stages = prune_stages((step.live, step) for step in steps if step.live is not None)
        for number, stage in enumerate(stages, 1):
            self._tell(StageStarted(wave=None, rank=stage.rank, objects=len(stage.items), at=self._elapsed))
            done = _in_parallel(lambda step: self._reported(self._prune(step, plan)), stage.items)
            outcomes += self._gone(done) if number < len(stages) else done
        return None, "", outcomes

    def _prune(self, step: Step, plan: Plan) -> Outcome:
        assert step.live is not None
        try:
            rest = self._applier.delete(step, step.live, propagation=plan.target.propagation)
        except GitOpsError as exc:
            return Outcome(step=step, error=exc)
        return Outcome(step=step, note=self._why_there(rest))

    def _gone(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Wait until a stage is gone: what comes after may be what it needs to go."""
        waiting = {one.step.key: one.step.api_version for one in outcomes if one.note}
        rest = self._waiter.until_gone(waiting) if waiting else {}
        self._applier.check_stop()
        return [replace(one, note=self._why_there(rest.get(one.step.key))) if one.note else one for one in outcomes]

    def _why_there(self, rest: Object | None) -> str:
        """Why an object is still there that was deleted."""
        if rest is None or not rest["metadata"].get("deletionTimestamp"):
            return ""
        return self._waiter.health(rest).message

    # -- around

    def _reported(self, outcome: Outcome) -> Outcome:
        self._observer.done(outcome)
        self._tell(StepDone(outcome=outcome, at=self._elapsed))
        return outcome

    def _tell(self, event: Event) -> None:
        self._observer.happened(event)

    def _wait_established(self, outcomes: Sequence[Outcome]) -> None:
        """After CRDs were applied: wait until their kinds are served, and learn them."""
        crds = [o.answer for o in outcomes if o.answer and o.answer["kind"] == "CustomResourceDefinition"]
        deadline = time.monotonic() + ESTABLISH_SECONDS
        while crds and time.monotonic() < deadline:
            self._applier.check_stop()
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


def _reason_not_to_prune(plan: Plan, *, is_whole: bool) -> str:
    if not is_whole:
        return "not everything that Git declares could be applied"
    if not any(step.declared for step in plan.steps):
        return "Git declares nothing at all, which is more likely a mistake than a wish"
    return ""
