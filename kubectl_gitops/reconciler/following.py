"""Git -> cluster: follow one GitSync's repository, and sync what is new."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

from kubectl_gitops.api.breakglass import BreakGlass
from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.gitsync import GitSync, Rollback
from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.cluster.reading import get_object
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.errors import GitOpsError
from kubectl_gitops.health.checks import checks_of
from kubectl_gitops.reconciler.breakglass import Hold
from kubectl_gitops.reconciler.claims import GitSyncName
from kubectl_gitops.reconciler.gates import outside_window, unasked, waiting, windows_of
from kubectl_gitops.reconciler.handover import hand_over, without_others
from kubectl_gitops.reconciler.history import FAILED, SYNCED, history_entry, with_entry
from kubectl_gitops.reconciler.ledger import Ledger
from kubectl_gitops.reconciler.restoring import Restorer
from kubectl_gitops.reconciler.retrying import Retries
from kubectl_gitops.reconciler.rollback import ROLLED_BACK, declared_then, find_snapshot, rolled_back_text
from kubectl_gitops.reconciler.status import Phase, Synced, phase_in
from kubectl_gitops.reconciler.surroundings import Surroundings, Turns, now
from kubectl_gitops.reconciler.work import Work, covers, work_of
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.snapshot.store import next_sequence
from kubectl_gitops.source.age_keys import read_age_keys
from kubectl_gitops.source.desired import Desired, from_mirror
from kubectl_gitops.source.mirror import Mirror
from kubectl_gitops.source.render import Rendering
from kubectl_gitops.source.variable_sources import read_variables
from kubectl_gitops.sync.engine import Engine, Interrupted, Observer, SyncResult
from kubectl_gitops.sync.inventory import Outcome, learned_entry
from kubectl_gitops.sync.planning import Planner
from kubectl_gitops.sync.rollback import plan_rollback
from kubectl_gitops.sync.steps import Plan, Target

_log = logging.getLogger(__name__)


class SyncFailed(GitOpsError):
    """Some objects could not be applied or pruned; the others were."""


class Follower:
    """Keeps the cluster at what one GitSync's repository says. Its methods are called by one thread at a time.

    ``say`` is told what goes on while it goes on; ``current`` tells what counts by now. When ``stop`` is set, a sync
    ends half-way. While ``hold`` holds anything, nothing is synced that nobody asks for.
    """

    def __init__(
        self,
        ledger: Ledger,
        restorer: Restorer,
        around: Surroundings,
        turns: Turns,
        *,
        say: Callable[[Phase], None],
        current: Callable[[], GitSync],
        stop: threading.Event,
        hold: Hold,
    ) -> None:
        self._hold = hold
        self._ledger = ledger
        self._restorer = restorer
        self._around = around
        self._turns = turns
        self._say = say
        self._current = current
        self._stop = stop
        #: Whether it is known what the last process left.
        self.loaded = False
        self._began = False
        self._rolled = False
        self._snapshot: Snapshot | None = None
        self._done: tuple[Work, Phase] | None = None
        self._synced_sha = ""
        self._failed = ("", "")  # the commit whose sync failed last, and why
        self.retries = Retries(clock=around.clock)
        #: The commit that was last tried, and when; and the one that was last synced.
        self.attempted: tuple[str, str] | None = None
        self.synced: Synced | None = None
        #: As status.history has it.
        self.history: tuple[Object, ...] = ()

    @property
    def sequence(self) -> int:
        """The number of the snapshot that counts; 0 where there is none."""
        return self._snapshot.sequence if self._snapshot else 0

    def follow(self, gitsync: GitSync, status: Object, *, asked: bool, requester: str = "") -> Phase:
        """One round: whatever is new in Git is synced. ``status`` is what the last process left.

        ``asked``: a person wants it synced now, as ``requester`` says who.

        Raises GitOpsError where that fails; SyncFailed if only some objects do. Raises Interrupted.
        """
        self._load(gitsync)
        self.history = self.history or tuple(status.get("history") or ())
        if gitsync.rollback is not None:
            return self._roll_back(gitsync, gitsync.rollback, status)
        writer = self._around.writer(gitsync)  # fails if it may not write at all; Git need not be asked for that
        mirror = self._around.repositories.mirror(gitsync, writer)
        commit = self._newest(mirror, gitsync)
        self._around.repositories.verify(gitsync, writer, mirror, commit, since=self._verified_before(gitsync))
        variables = read_variables(gitsync.rendering.substitute, writer, gitsync.namespace)
        keys = read_age_keys(gitsync.rendering.decryption, writer, gitsync.namespace)
        work = work_of(gitsync, commit.sha, variables)
        if not self._began:
            self._synced_sha = (status.get("synced") or {}).get("revision") or ""
            self._done = self._done_before(work, gitsync, status)
            self._began = True
        windows = windows_of(gitsync)
        if gitsync.suspended or not (gitsync.automated or asked):
            return unasked(gitsync, commit, self._synced_sha, self._failed)
        if not asked and (held := self._hold.latest()) is not None:
            return self._held(held, commit)
        if not asked and self._done is not None and covers(self._done[0], work):
            self._keep_stored(gitsync)
            return self._done[1]
        if commit.sha != self._synced_sha:
            held_back = outside_window(windows, commit.short, datetime.now(UTC), asked=asked) or waiting(
                gitsync, commit.sha, self._find
            )
            if held_back is not None:
                return held_back
        if asked:
            self.retries.forgive()
        self.retries.check(work, gitsync.retry)
        try:
            rendering = Rendering(
                options=gitsync.rendering,
                release_name=gitsync.name,
                namespace=gitsync.target_namespace,
                variables=variables,
                keys=keys,
                limits=self._around.limits,
                remote_bases=self._around.remote_bases,
            )
            with self._measured(gitsync):
                desired = from_mirror(mirror, commit.sha, gitsync.path, rendering, cache=self._around.rendered)
                phase = self._sync(gitsync, desired, commit, mirror, requester)
        except GitOpsError as exc:
            self._failed = (commit.sha, str(exc))
            self.retries.failed(work, exc, gitsync.retry)
            if not isinstance(exc, SyncFailed):
                self._record(commit, FAILED, requester, None)
            raise
        self._failed = ("", "")
        self.retries.forgive()
        self._done = work, phase
        return phase

    def _newest(self, mirror: Mirror, gitsync: GitSync) -> Commit:
        began, result = self._around.clock(), "failed"
        try:
            commit = mirror.update(gitsync.revision)
            result = "succeeded"
        finally:
            self._around.metrics.git_asked(result, self._around.clock() - began)
        return commit

    # -- what was before

    def _keep_stored(self, gitsync: GitSync) -> None:
        """Store the snapshot again if a chunk of it was deleted: the webhook and the next process need all of it."""
        snapshot = self._snapshot
        if snapshot is None or self._around.store.has(snapshot):
            return
        self._snapshot = replace(snapshot, sequence=next_sequence(snapshot))
        _log.warning("%s: its snapshot %d is not whole any more, and is stored again", gitsync, snapshot.sequence)
        self._around.store.publish(self._snapshot)

    def _load(self, gitsync: GitSync) -> None:
        """Once: what the last process knew. Healing starts from it, before Git is asked."""
        if self.loaded:
            return
        found = self._around.store.load(gitsync.namespace, gitsync.name)
        if found is not None and found.uid == gitsync.uid:
            self._snapshot = found
            self._ledger.adopt(found, {})
            self._turns.adopted()
            self._restorer.look_at(self._ledger.entries())
        self.loaded = True

    def _done_before(self, work: Work, gitsync: GitSync, status: Object) -> tuple[Work, Phase] | None:
        """What the last process has done. Where drift is only to be reported, nothing may be synced for a restart."""
        snapshot = self._snapshot
        condition: Object = next((c for c in status.get("conditions") or [] if c["type"] == "Synced"), {})
        if (
            work.heals
            or snapshot is None
            or not snapshot.complete
            or snapshot.revision is None
            or snapshot.revision.sha != work.sha
            or condition.get("status") != "True"
            or status.get("observedGeneration") != gitsync.generation
        ):
            return None
        return work, Phase(synced=True, reason="Synced", message=_success(snapshot.revision, snapshot))

    def _verified_before(self, gitsync: GitSync) -> str | None:
        """The commit that the last sync began with, if it was of the same repository."""
        snapshot = self._snapshot
        if snapshot is None or snapshot.revision is None or snapshot.repo_url != gitsync.repo_url:
            return None
        return snapshot.revision.sha

    def _find(self, name: GitSyncName) -> Object | None:
        return get_object(self._around.cluster, self._around.resource, *name)

    # -- what counts in place of Git

    def _roll_back(self, gitsync: GitSync, rollback: Rollback, status: Object) -> Phase:
        """One round while an older snapshot counts. Git is asked for nothing but the values of Secrets."""
        work = work_of(gitsync, f"snapshot {rollback.snapshot}")
        if not self._rolled and not work.heals and _is_rolled_back(status, gitsync):
            self._done = work, phase_in(status)
        self._rolled = True
        if gitsync.suspended:
            return Phase(synced=None, reason="Suspended", message="the rollback waits: resume it")
        if self._done is not None and covers(self._done[0], work):
            return self._done[1]
        old = find_snapshot(self._around.store, gitsync, rollback.snapshot)
        commit = old.revision
        assert commit is not None
        self.attempted = (commit.sha, now())
        self._around.discovery.refresh()
        found = plan_rollback(
            self._planner(gitsync),
            self._around.discovery,
            old,
            current=self._snapshot,
            target=Target.of(gitsync),
            from_git=declared_then(self._around, gitsync, old),
            sealing_key=self._around.sealing_key,
        )
        plan = without_others(found.plan, gitsync, self._around)
        if plan.writes:
            self._say(Phase(synced=None, reason="RollingBack", message=f"to {commit.short}", reconciling=True))
        result = self._carry_out(plan, replace(gitsync, repo_url=old.repo_url, path=old.path), commit, lambda: "")
        if result.failed:
            self._record(commit, FAILED, rollback.by, result)
            raise SyncFailed(_failures_text(result))
        self._record(commit, ROLLED_BACK, rollback.by, result)
        self.synced = Synced(commit=commit, time=now())
        self._synced_sha = commit.sha
        words = rolled_back_text(old, rollback, found.left_alone)
        _log.info("%s: %s in %.2f s", gitsync, words, result.seconds)
        phase = Phase(synced=True, reason=ROLLED_BACK, message=words)
        self._done = work, phase
        return phase

    def _held(self, held: BreakGlass, commit: Commit) -> Phase:
        """A sync would put back what break-glass is open for, or what was left by it to be reported."""
        why = (
            f"break-glass of {held.by} is open until {held.until_text}"
            if self._hold.is_open(held)
            else f"what was changed under break-glass by {held.by} is only reported: have Git declare it, then run "
            "kubectl gitops sync; or kubectl gitops break-glass --end"
        )
        if self._synced_sha == commit.sha:
            return Phase(synced=True, reason="BreakGlass", message=f"synced {commit.short}; {why}")
        return Phase(synced=None, reason="BreakGlass", message=f"{commit.short} is not applied: {why}")

    # -- what is synced

    @contextmanager
    def _measured(self, gitsync: GitSync) -> Iterator[None]:
        began, result = self._around.clock(), "failed"
        try:
            yield
            result = "succeeded"
        except Interrupted:
            result = "interrupted"
            raise
        finally:
            self._around.metrics.sync_ended(str(gitsync), result, self._around.clock() - began)

    def _record(self, commit: Commit, outcome: str, requester: str, result: SyncResult | None) -> None:
        entry = history_entry(commit, outcome=outcome, time=now(), requester=requester, result=result)
        self.history = with_entry(self.history, entry)

    def _sync(self, gitsync: GitSync, desired: Desired, commit: Commit, mirror: Mirror, requester: str) -> Phase:
        self.attempted = (commit.sha, now())
        plan = self._plan(gitsync, desired, commit)
        has_failed = self._failed[0] == commit.sha  # which is to be seen until it does not fail
        if (plan.writes or plan.due_hooks) and not has_failed:
            self._say(Phase(synced=None, reason="Syncing", message=f"syncing {commit.short}", reconciling=True))
        superseded = _Superseded(gitsync, commit, mirror, current=self._current, clock=self._around.clock)
        result = self._carry_out(plan, gitsync, commit, superseded)
        if result.is_superseded:
            _log.info("%s: %s is left where it is: %s", gitsync, commit.short, result.halted)
            raise Interrupted(result.halted)
        if result.failed or result.halted:
            self._record(commit, FAILED, requester, result)
            raise SyncFailed("; ".join(filter(None, (_failures_text(result), result.halted))))
        if result.refusal is not None:
            raise result.refusal
        if plan.writes or self._synced_sha != commit.sha:  # else it was synced before, and only looked at now
            self._record(commit, SYNCED, requester, result)
            self.synced = Synced(commit=commit, time=now())
        self._synced_sha = commit.sha
        words = _success(commit, result.snapshot)
        if result.not_pruned:
            words += f"; nothing was pruned: {result.not_pruned}"
        words += "".join(f"; {one.step.key.described}: {one.note}" for one in result.outcomes if one.note)
        words += "".join(f"; {one.key.described} is {one.note}" for one in plan.of_kind(ActionKind.ORPHAN) if one.note)
        _log.info("%s: %s in %.2f s", gitsync, words, result.seconds)
        return Phase(synced=True, reason="Synced", message=words)

    def _plan(self, gitsync: GitSync, desired: Desired, commit: Commit) -> Plan:
        self._around.discovery.refresh()  # kinds come and go, and two requests tell
        target = Target.of(gitsync)
        plan = self._planner(gitsync).plan(
            desired.declared,
            target,
            previous=self._snapshot,
            file_commits=desired.file_commits,
            revision=commit.sha,
        )
        return without_others(plan, gitsync, self._around)

    def _planner(self, gitsync: GitSync) -> Planner:
        return Planner(
            reader=self._around.cluster,
            writer=self._around.writer(gitsync),
            discovery=self._around.discovery,
            sealing_key=self._around.sealing_key,
            rules=Rules.of(gitsync),
        )

    def _carry_out(self, plan: Plan, gitsync: GitSync, commit: Commit, superseded: Callable[[], str]) -> SyncResult:
        # What is written where has gone into the snapshot, and would only take room here.
        declared = {step.key: replace(step.declared, written=None) for step in plan.steps if step.declared}
        written = {step.key for step in plan.writes}
        known = {entry.key for entry in self._ledger.entries()}

        def adopt(snapshot: Snapshot, in_flight: set[ResourceKey]) -> None:
            self._snapshot = snapshot
            self._ledger.adopt(snapshot, declared, in_flight=in_flight)
            self._turns.adopted()

        engine = Engine(
            writer=self._around.writer(gitsync),
            discovery=self._around.discovery,
            store=self._around.store,
            sealing_key=self._around.sealing_key,
            stop=self._stop,
            reader=self._around.cluster,
            checks=checks_of(gitsync.health_checks),
            timeout_seconds=gitsync.sync_timeout_seconds,
            superseded=superseded,
            aside=self._turns.aside,
        )
        self._done = None
        try:
            result = engine.run(
                plan,
                revision=commit,
                repo_url=gitsync.repo_url,
                path=gitsync.path,
                observer=Observer(about_to_write=lambda snapshot: adopt(snapshot, written), done=self._landed),
            )
            adopt(result.snapshot, set())
        finally:
            for key in written:  # those that never began, too
                self._ledger.land(key)
            self._restorer.resume()
        hand_over(gitsync, result.snapshot, self._around)
        self._restorer.look_at(entry for entry in self._ledger.entries() if entry.key not in known | written)
        return result

    def _landed(self, outcome: Outcome) -> None:
        if outcome.answer is None:  # pruned, or refused: what counts of that is known when the sync has ended
            return
        entry = learned_entry(outcome, self._around.sealing_key)
        if self._ledger.land(outcome.step.key, outcome.answer, entry):
            self._restorer.noticed(outcome.step.key)


def _is_rolled_back(status: Object, gitsync: GitSync) -> bool:
    """Whether the last process did so, for the GitSync as it is now: where drift is only reported, once is enough."""
    return status.get("observedGeneration") == gitsync.generation and phase_in(status).reason == ROLLED_BACK


class _Superseded:
    """Why a sync that waits need not wait any longer: the GitSync says something else, or there is a newer commit."""

    def __init__(
        self,
        gitsync: GitSync,
        commit: Commit,
        mirror: Mirror,
        *,
        current: Callable[[], GitSync],
        clock: Callable[[], float],
    ) -> None:
        self._gitsync = gitsync
        self._commit = commit
        self._mirror = mirror
        self._current = current
        self._clock = clock
        self._looked_at = clock()
        self._why = ""

    def __call__(self) -> str:
        if not self._why and self._current().generation != self._gitsync.generation:
            self._why = "the GitSync was changed"
        is_due = self._clock() - self._looked_at >= self._gitsync.interval_seconds
        if not self._why and self._gitsync.automated and is_due:
            self._looked_at = self._clock()
            with suppress(GitOpsError):  # Git is away: the sync goes on
                newer = self._mirror.update(self._gitsync.revision)
                self._why = f"there is a newer commit, {newer.short}" if newer.sha != self._commit.sha else ""
        return self._why


def _success(commit: Commit, snapshot: Snapshot) -> str:
    return f"synced {commit.short}: {len(snapshot.entries)} objects"


def _failures_text(result: SyncResult) -> str:
    lines = []
    for outcome in result.failed[:5]:
        origin = outcome.step.declared.origin if outcome.step.declared else "in the cluster"
        lines.append(f"{outcome.step.key.described} ({origin}): {outcome.error}")
    more = len(result.failed) - len(lines)
    return "; ".join(lines) + (f"; and {more} more" if more > 0 else "")
