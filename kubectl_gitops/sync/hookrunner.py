"""Run the hooks of one stage: make them, wait until they have ended, and remove them as their policies say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from kubectl_gitops.api.objects import Object
from kubectl_gitops.errors import GitOpsError
from kubectl_gitops.health.model import Health
from kubectl_gitops.sync.applying import Applier
from kubectl_gitops.sync.awaiting import Waiter
from kubectl_gitops.sync.hookplan import is_of_this_run, is_replaceable
from kubectl_gitops.sync.hooks import DeletePolicy, HookState, hook_state
from kubectl_gitops.sync.inventory import Outcome
from kubectl_gitops.sync.steps import HookStep, Target


class HookFailed(GitOpsError):
    """A hook did not end well, so that what comes after it was not done."""


@dataclass(frozen=True, slots=True)
class HookOutcome:
    """What became of a hook; ``live`` is the object it was, None where it could not be made."""

    hook: HookStep
    outcome: Outcome
    live: Object | None

    @property
    def succeeded(self) -> bool:
        return self.outcome.error is None


class HookRunner:
    """Runs hooks for ``target``."""

    def __init__(self, applier: Applier, waiter: Waiter, target: Target) -> None:
        self._applier = applier
        self._waiter = waiter
        self._target = target

    def begin(self, hook: HookStep) -> Object | GitOpsError:
        """Make a hook, or find the one that an earlier try of this run has made; the live object."""
        try:
            live = self._applier.find(hook.step)
            if live is not None:
                is_running_on = is_of_this_run(hook, live) and self._state(live) is not HookState.FAILED
                if is_running_on and not live["metadata"].get("deletionTimestamp"):
                    return live
                self._clear(hook, live)
            return self._applier.apply(replace(hook.step, live=None), self._target)
        except GitOpsError as exc:
            return exc

    def _clear(self, hook: HookStep, live: Object) -> None:
        if not is_replaceable(live, self._target.label):
            raise HookFailed(
                f"{hook.step.key.described} is there already, and is no hook", hint="delete it, or rename the hook"
            )
        if is_of_this_run(hook, live) or DeletePolicy.BEFORE_HOOK_CREATION in hook.hook.delete_policies:
            self._applier.delete_and_wait(hook.step, live)

    def await_ends(self, begun: Sequence[tuple[HookStep, Object | GitOpsError]]) -> list[HookOutcome]:
        """Wait until all hooks have ended, or the time is up."""
        seen = {hook.step.key: (hook.step.api_version, live) for hook, live in begun if isinstance(live, dict)}
        healths = self._waiter.until(seen, lambda _, health: hook_state(health) is not HookState.RUNNING)
        return [self._outcome(hook, live, healths.get(hook.step.key)) for hook, live in begun]

    def _outcome(self, hook: HookStep, live: Object | GitOpsError, health: Health | None) -> HookOutcome:
        if not isinstance(live, dict):
            return HookOutcome(hook, Outcome(step=hook.step, error=live), None)
        assert health is not None
        match hook_state(health):
            case HookState.SUCCEEDED:
                return HookOutcome(hook, Outcome(step=hook.step, answer=live), live)
            case HookState.FAILED:
                why = f"the hook failed: {health}"
            case HookState.RUNNING:
                why = f"the hook has not ended within {self._waiter.timeout_seconds:g} s: {health}"
        return HookOutcome(hook, Outcome(step=hook.step, error=HookFailed(why)), live)

    def remove(
        self, outcomes: Iterable[HookOutcome], *, sync_succeeded: bool, failed: Callable[[Outcome], None]
    ) -> None:
        """Delete the hooks whose policies say so, now that the sync has ended. ``failed`` is told what stays."""
        for one in outcomes:
            policies = one.hook.hook.delete_policies
            is_done = one.succeeded and sync_succeeded and DeletePolicy.HOOK_SUCCEEDED in policies
            is_failed = not one.succeeded and DeletePolicy.HOOK_FAILED in policies
            if one.live is not None and (is_done or is_failed):
                try:
                    self._applier.delete(one.hook.step, one.live)
                except GitOpsError as exc:
                    failed(Outcome(step=one.hook.step, error=exc))

    def _state(self, live: Object) -> HookState:
        return hook_state(self._waiter.health(live))
