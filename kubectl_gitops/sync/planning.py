"""Plan a sync: observe the cluster, judge each object, and ask the API server only about those in doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.names import MANAGED_BY_LABEL
from kubectl_gitops.api.objects import Declared, Object, ResourceKey
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.reading import read_autoscalers, read_objects
from kubectl_gitops.cluster.writing import apply_object
from kubectl_gitops.diff.attribution import owner_of
from kubectl_gitops.diff.compare import canonical_of
from kubectl_gitops.diff.path import ABSENT
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.diff.rules import REPLICAS, Rules, scaled_by
from kubectl_gitops.diff.secrets import declared_digest, seal
from kubectl_gitops.errors import GitOpsError, InvalidInput
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.sync.judge import Standing, differences, is_held, judge
from kubectl_gitops.sync.prepare import prepare
from kubectl_gitops.sync.showing import shown
from kubectl_gitops.sync.steps import HeldByAnother, Plan, Step, Target

__all__ = ["PARALLEL_REQUESTS", "HeldByAnother", "Plan", "Planner", "Step", "Target", "shown"]

#: Requests in flight at once, as for applying.
PARALLEL_REQUESTS = 16


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
        owned: bool = True,
    ) -> Plan:
        """What a sync of ``declared`` would do.

        Without ``owned``, only values count and no label is set: the question is then whether the cluster is
        as a directory says, not whether we keep it so. Raises InvalidInput for unknown kinds, InvalidManifest.
        """
        declared = list(declared)
        scope = _scopes(declared, self._discovery)
        ready = prepare(
            declared,
            is_namespaced=scope,
            namespace=target.default_namespace,
            label=target.label if owned else None,
        )
        gone = _no_longer_declared({one.key for one in ready}, previous)
        live = self._observe(ready, gone)
        steps = [self._judged(one, live, previous, file_commits, owned=owned) for one in ready]
        suspects = [step for step in steps if step.kind is ActionKind.CHANGE]
        with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
            asked = list(pool.map(self._confirmed, suspects))
        rules = self._rules_for(asked)
        confirmed = {step.key: _settled(step, rules, owned=owned) for step in asked}
        steps = [confirmed.get(step.key, step) for step in steps]
        pruned = [
            _prune_step(api_version, live[key], target)
            for api_version, key in gone
            if _still_ours(live.get(key), target)
        ]
        return Plan(target=target, steps=(*steps, *pruned), previous=previous, unseen=self._unseen(gone))

    def _unseen(self, gone: Iterable[tuple[str, ResourceKey]]) -> tuple[tuple[str, ResourceKey], ...]:
        stale = self._discovery.stale_groups
        return tuple(
            (api_version, key)
            for api_version, key in gone
            if key.group in stale and self._discovery.find(api_version, key.kind) is None
        )

    def _observe(self, ready: Iterable[Declared], gone: Iterable[tuple[str, ResourceKey]]) -> dict[ResourceKey, Object]:
        pairs = [(one.api_version, one.key) for one in ready] + list(gone)
        found = [(self._discovery.find(api_version, key.kind), key) for api_version, key in pairs]
        return read_objects(self._reader, [(resource, key) for resource, key in found if resource is not None])

    def _judged(
        self,
        declared: Declared,
        live: Mapping[ResourceKey, Object],
        previous: Snapshot | None,
        file_commits: Mapping[str, Commit],
        *,
        owned: bool,
    ) -> Step:
        found = live.get(declared.key)
        entry = previous.by_key.get(declared.key) if previous else None
        judgement = judge(declared, found, entry, self._sealing_key, owned=owned)
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

    def _confirmed(self, step: Step) -> Step:
        """A suspect, and what a dry-run says that an apply would change."""
        assert step.declared is not None
        assert step.live is not None
        resource = self._discovery.need(step.api_version, step.key.kind)
        try:
            answer = apply_object(self._writer, resource, step.declared.object, dry_run=True)
        except GitOpsError as exc:
            return replace(step, error=exc)
        canonical = canonical_of(seal(answer, self._sealing_key))
        return replace(step, canonical=canonical, changes=tuple(differences(answer, step.live)))

    def _rules_for(self, asked: Iterable[Step]) -> Rules:
        """The rules, with those for what autoscalers scale: they are asked for only where replicas differ."""
        namespaces = {step.key.namespace for step in asked if any(one.path == REPLICAS for one in step.changes)}
        if not namespaces:
            return self._rules
        return self._rules.beside(scaled_by(read_autoscalers(self._reader, self._discovery, namespaces)))


def _settled(step: Step, rules: Rules, *, owned: bool) -> Step:
    """A suspect, judged by what the dry-run said, and by which differences count."""
    if step.error is not None:
        return step
    assert step.declared is not None
    assert step.live is not None
    assert step.canonical is not None
    of_object = rules.for_object(step.key, step.live, step.declared.object)
    counted, ignored = [], []
    for change in step.changes:
        owner = owner_of(step.live, change.path)
        why = of_object.why(change.path, owner.manager if owner else "") if change.desired is not ABSENT else ""
        if why:
            ignored.append((change, why))
        else:
            counted.append(change)
    kind = ActionKind.CHANGE
    if not counted:
        is_ours = is_held(step.live, step.canonical, [change.path for change, _ in ignored])
        kind = ActionKind.UNCHANGED if is_ours or not owned else ActionKind.TAKE_OVER
    return replace(step, kind=kind, changes=tuple(counted), ignored=tuple(ignored))


_KIND_OF = {
    Standing.MISSING: ActionKind.CREATE,
    Standing.SAME: ActionKind.UNCHANGED,
    Standing.SUSPECT: ActionKind.CHANGE,
}


def _scopes(declared: Iterable[Declared], discovery: Discovery) -> Callable[[str, str], bool]:
    """Whether a kind is namespaced: as the cluster says, or a CRD among the declared objects themselves."""
    own: dict[tuple[str, str], bool] = {}
    for one in declared:
        if one.kind == "CustomResourceDefinition":
            spec = one.object.get("spec") or {}
            for version in spec.get("versions") or []:
                api_version = f"{spec.get('group')}/{version.get('name')}"
                own[api_version, (spec.get("names") or {}).get("kind", "")] = spec.get("scope") == "Namespaced"
    places = {(one.api_version, one.kind): one.origin for one in reversed(list(declared))}

    def is_namespaced(api_version: str, kind: str) -> bool:
        found = discovery.find(api_version, kind)
        if found is not None:
            return found.namespaced
        if (api_version, kind) in own:
            return own[api_version, kind]
        try:
            return discovery.need(api_version, kind).namespaced
        except InvalidInput as exc:
            raise InvalidInput(f"{places[api_version, kind]}: {exc}", hint=exc.hint) from exc

    return is_namespaced


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


def _prune_step(api_version: str, live: Object, target: Target) -> Step:
    metadata = live["metadata"]
    group = api_version.rpartition("/")[0]
    key = ResourceKey(group, live["kind"], metadata.get("namespace") or "", metadata["name"])
    kind = ActionKind.PRUNE if target.prune else ActionKind.ORPHAN
    return Step(kind=kind, key=key, api_version=api_version, live=live)
