"""Plan a sync: observe the cluster, judge each object, and ask the API server only about those in doubt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.names import MANAGED_BY_LABEL
from kubectl_gitops.api.objects import Declared, Object, ResourceKey, digest
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.writing import apply_object
from kubectl_gitops.diff.compare import canonical_of
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.diff.secrets import declared_digest, seal
from kubectl_gitops.errors import GitOpsError, Rejected
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.sync.directives import directives_of, is_hook
from kubectl_gitops.sync.dryrun import PARALLEL_REQUESTS
from kubectl_gitops.sync.hookplan import hook_steps, with_due
from kubectl_gitops.sync.ignoring import rules_with_autoscalers, without_ignored
from kubectl_gitops.sync.immutable import ImmutableField, immutable_fields, is_immutable, may_recreate
from kubectl_gitops.sync.judge import Standing, differences, is_held, judge
from kubectl_gitops.sync.observing import observe, scopes
from kubectl_gitops.sync.prepare import prepare
from kubectl_gitops.sync.pruning import why_kept
from kubectl_gitops.sync.steps import Plan, Step, Target


class Planner:
    """Makes plans. Reads as ``reader``; dry-runs, like the writes that would follow, as ``writer``."""

    def __init__(
        self,
        *,
        reader: Cluster,
        writer: Cluster,
        discovery: Discovery,
        sealing_key: bytes,
        rules: Rules | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._discovery = discovery
        self._sealing_key = sealing_key
        self._rules = rules or Rules()

    def plan(
        self,
        declared: Iterable[Declared],
        target: Target,
        *,
        previous: Snapshot | None,
        file_commits: Mapping[str, Commit],
        revision: str = "",
    ) -> Plan:
        """What a sync of ``declared``, which is commit ``revision`` if it is one, would do.

        Raises InvalidInput for unknown kinds, InvalidManifest.
        """
        declared = list(declared)
        scope = scopes(declared, self._discovery)
        ordinary = [one for one in declared if not is_hook(one)]
        ready = prepare(ordinary, is_namespaced=scope, namespace=target.default_namespace, label=target.label)
        hooks = [
            ready_hook
            for one in declared
            if is_hook(one)
            for ready_hook in prepare([one], is_namespaced=scope, namespace=target.default_namespace, label=None)
        ]
        gone = _no_longer_declared({one.key for one in (*ready, *hooks)}, previous)
        live = self._observe(ready, gone)
        steps = [self._judged(one, live, previous, file_commits) for one in ready]
        suspects = [step for step in steps if step.kind is ActionKind.CHANGE]
        with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
            asked = list(pool.map(lambda step: self._confirmed(step, target), suspects))
        rules = rules_with_autoscalers(self._rules, asked, self._reader, self._discovery)
        confirmed = {step.key: _settled(step, rules) for step in asked}
        steps = [confirmed.get(step.key, step) for step in steps]
        run = revision or digest([step.declared_digest for step in steps])
        pruned = [
            _prune_step(api_version, live[key], target, run)
            for api_version, key in gone
            if _still_ours(live.get(key), target)
        ]
        plan = Plan(target=target, steps=(*steps, *pruned), previous=previous, run=run, unseen=self._unseen(gone))
        hooks_of_plan = hook_steps(hooks, run=run, label=target.label, sealing_key=self._sealing_key)
        return replace(plan, hooks=with_due(hooks_of_plan, previous, run=run, writes=bool(plan.writes)))

    def _unseen(self, gone: Iterable[tuple[str, ResourceKey]]) -> tuple[tuple[str, ResourceKey], ...]:
        stale = self._discovery.stale_groups
        return tuple(
            (api_version, key)
            for api_version, key in gone
            if key.group in stale and self._discovery.find(api_version, key.kind) is None
        )

    def _observe(self, ready: Iterable[Declared], gone: Iterable[tuple[str, ResourceKey]]) -> dict[ResourceKey, Object]:
        return observe(self._reader, self._discovery, [*((one.api_version, one.key) for one in ready), *gone])

    def _judged(
        self,
        declared: Declared,
        live: Mapping[ResourceKey, Object],
        previous: Snapshot | None,
        file_commits: Mapping[str, Commit],
    ) -> Step:
        found = live.get(declared.key)
        entry = previous.by_key.get(declared.key) if previous else None
        judgement = judge(declared, found, entry, self._sealing_key)
        return Step(
            kind=_KIND_OF[judgement.standing],
            key=declared.key,
            api_version=declared.api_version,
            declared=declared,
            declared_digest=declared_digest(declared, self._sealing_key),
            live=found,
            canonical=judgement.canonical,
            commit=file_commits.get(declared.origin.path),
        )

    def _confirmed(self, step: Step, target: Target) -> Step:
        """A suspect, and what a dry-run says that an apply would change."""
        assert step.declared is not None
        assert step.live is not None
        resource = self._discovery.need(step.api_version, step.key.kind)
        try:
            answer = apply_object(self._writer, resource, step.declared.object, dry_run=True, force=target.force)
        except GitOpsError as exc:
            return _refused(step, exc, target)
        canonical = canonical_of(seal(answer, self._sealing_key))
        return replace(step, canonical=canonical, changes=tuple(differences(answer, step.live)))


def _refused(step: Step, error: GitOpsError, target: Target) -> Step:
    """A suspect that the API server will not change: it may be one that is to be made anew instead."""
    assert step.declared is not None
    if not isinstance(error, Rejected) or not is_immutable(error):
        return replace(step, error=error)
    is_annotated = directives_of(step.declared).options.recreate
    if not may_recreate(step.key, annotated=is_annotated, asked=target.recreate):
        return replace(step, error=ImmutableField(error, step.key))
    fields = ", ".join(immutable_fields(str(error)))
    return replace(step, kind=ActionKind.RECREATE, note=f"{fields} cannot be changed" if fields else "")


def _settled(step: Step, rules: Rules) -> Step:
    """A suspect, judged by what the dry-run said, and by which differences count."""
    if step.error is not None or step.kind is ActionKind.RECREATE:
        return step
    assert step.live is not None
    assert step.canonical is not None
    judged = without_ignored(step, rules)
    if judged.changes:
        return judged
    is_ours = is_held(step.live, step.canonical, [change.path for change, _ in judged.ignored])
    return replace(judged, kind=ActionKind.UNCHANGED if is_ours else ActionKind.TAKE_OVER)


_KIND_OF = {
    Standing.MISSING: ActionKind.CREATE,
    Standing.SAME: ActionKind.UNCHANGED,
    Standing.SUSPECT: ActionKind.CHANGE,
}


def _no_longer_declared(declared: set[ResourceKey], previous: Snapshot | None) -> list[tuple[str, ResourceKey]]:
    if previous is None:
        return []
    inventory = dict.fromkeys([*((entry.api_version, entry.key) for entry in previous.entries), *previous.owed])
    return [(api_version, key) for api_version, key in inventory if key not in declared]


def _still_ours(live: Object | None, target: Target) -> bool:
    """Whether an object still carries our label and is not on its way out already."""
    if live is None or live["metadata"].get("deletionTimestamp"):
        return False
    return (live["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL) == target.label


def _prune_step(api_version: str, live: Object, target: Target, run: str) -> Step:
    metadata = live["metadata"]
    group = api_version.rpartition("/")[0]
    key = ResourceKey(group, live["kind"], metadata.get("namespace") or "", metadata["name"])
    note = why_kept(live, key, target, run) if target.prune else ""
    kind = ActionKind.PRUNE if target.prune and not note else ActionKind.ORPHAN
    return Step(kind=kind, key=key, api_version=api_version, live=live, note=note)
