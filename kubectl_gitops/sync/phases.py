"""Go through the phases and waves of a plan: each when the last one is healthy, and its hooks have ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, Protocol

from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.health.model import Health
from kubectl_gitops.sync.awaiting import Waiter
from kubectl_gitops.sync.directives import directives_of
from kubectl_gitops.sync.events import StageStarted
from kubectl_gitops.sync.hookrunner import HookOutcome, HookRunner
from kubectl_gitops.sync.inventory import Outcome
from kubectl_gitops.sync.order import Stage, stages_of
from kubectl_gitops.sync.steps import HookStep, Plan, Step
from kubectl_gitops.sync.waves import Phase, Wave

#: How many objects are named that keep a sync from going on.
_NAMED = 3


class WriteStage(Protocol):
    """Writes the ordinary objects of one stage."""

    def __call__(self, plan: Plan, stage: StageStarted, steps: Sequence[Step]) -> list[Outcome]: ...


class _Wave(NamedTuple):
    wave: Wave
    stages: list[Stage[Step | HookStep]]

    @property
    def has_work(self) -> bool:
        return any(_is_work(item) for stage in self.stages for item in stage.items)

    @property
    def steps(self) -> Iterator[Step]:
        return (item for stage in self.stages for item in stage.items if isinstance(item, Step))


class Phases:
    """One way through a plan. ``outcomes`` and ``hooks_run`` tell what was done, ``unreached`` what was not.

    ``halted`` says why it went no further; ``is_superseded`` that this is no failure.
    """

    def __init__(
        self,
        plan: Plan,
        hooks: HookRunner,
        waiter: Waiter,
        *,
        write: WriteStage,
        superseded: Callable[[], str],
        tell: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        self._plan = plan
        self._hooks = hooks
        self._waiter = waiter
        self._write = write
        self._superseded = superseded
        self._tell = tell
        self._answers: dict[ResourceKey, Object | None] = {}
        self.outcomes: list[Outcome] = []
        self.hooks_run: list[HookOutcome] = []
        self.unreached: list[Step] = []
        self.halted = ""
        self.is_superseded = False

    @property
    def has_failed(self) -> bool:
        is_bad = any(one.error for one in self.outcomes) or not all(one.succeeded for one in self.hooks_run)
        return is_bad or bool(self.halted and not self.is_superseded)

    def run(self) -> None:
        """Go through all that has something to do; nothing else costs anything."""
        items: list[Step | HookStep] = [*self._plan.steps, *self._plan.hooks]
        if not any(map(_is_work, items)):
            return
        waves = self._waves()
        forwards = [one for one in waves if one.wave.phase is not Phase.SYNC_FAIL]
        while forwards and not forwards[-1].has_work:
            forwards.pop()
        for number, wave in enumerate(forwards):
            self._run_wave(wave)
            if number + 1 < len(forwards):
                self.halted = self._why_no_further(wave, forwards[number + 1].wave)
            if self.halted:
                rest = (step for later in forwards[number + 1 :] for step in later.steps)
                self.unreached = [step for step in rest if _is_work(step)]
                break
        if self.has_failed:
            for wave in waves:
                if wave.wave.phase is Phase.SYNC_FAIL:
                    self._run_wave(wave)

    def _waves(self) -> list[_Wave]:
        placed: list[tuple[Wave, Object, Step | HookStep]] = []
        for step in self._plan.steps:
            if step.declared is not None:
                placed += [(wave, step.declared.object, step) for wave in directives_of(step.declared).waves]
        for hook in self._plan.hooks:
            assert hook.step.declared is not None
            placed.append((hook.wave, hook.step.declared.object, hook))
        by_wave = groupby(stages_of(placed), key=lambda stage: stage.wave)
        return [_Wave(wave, list(stages)) for wave, stages in by_wave]

    def _run_wave(self, wave: _Wave) -> None:
        for stage in wave.stages:
            steps = [item for item in stage.items if isinstance(item, Step) and _is_work(item)]
            hooks = [item for item in stage.items if isinstance(item, HookStep) and item.is_due]
            started = StageStarted(wave=stage.wave, rank=stage.rank, objects=len(steps) + len(hooks), at=0.0)
            done = self._write(self._plan, started, steps) if steps else []
            self.outcomes += done
            self._answers |= {one.step.key: one.answer for one in done}
            begun = [(hook, self._hooks.begin(hook)) for hook in hooks]
            ended = self._hooks.await_ends(begun)
            for one in ended:
                self._tell(one.outcome)
            self.hooks_run += ended

    def _why_no_further(self, wave: _Wave, following: Wave) -> str:
        """Why the next wave must not begin; "" where this one is well."""
        if self.has_failed:
            return f"{following} was not begun, as not all of {wave.wave} could be done"
        seen = {step.key: (step.api_version, self._answers.get(step.key, step.live)) for step in wave.steps}
        unwell = self._waiter.until_well(seen)
        why = self._superseded()
        if why:
            self.is_superseded = True
            return why
        return f"{following} was not begun, as {wave.wave} is not healthy: {_named(unwell)}" if unwell else ""


def _named(unwell: dict[ResourceKey, Health]) -> str:
    words = "; ".join(f"{key.described}: {health}" for key, health in sorted(unwell.items())[:_NAMED])
    more = len(unwell) - _NAMED
    return words + (f"; and {more} more" if more > 0 else "")


_WRITTEN = {ActionKind.CREATE, ActionKind.CHANGE, ActionKind.TAKE_OVER, ActionKind.RECREATE}


def _is_work(item: Step | HookStep) -> bool:
    """Whether there is something to write. A SyncFail hook is not: nobody knows beforehand that something fails."""
    if isinstance(item, HookStep):
        return item.is_due and item.wave.phase is not Phase.SYNC_FAIL
    return item.kind in _WRITTEN
