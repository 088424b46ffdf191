"""Compare the cluster with what is declared, whoever manages it: what ``drift -f`` does. Nothing is written.

One LIST for each kind and namespace tells most. What only the API server can tell, :mod:`confirming` asks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Declared, Object, group_of
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.diff.additions import AddedField, added_fields, came_later, has_human_manager
from kubectl_gitops.diff.compare import FieldChange, is_subset, without_identity
from kubectl_gitops.diff.fieldset import all_fields
from kubectl_gitops.diff.path import ABSENT
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.diff.raw import declared_fields
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.sync.confirming import Confirmer
from kubectl_gitops.sync.directives import is_hook
from kubectl_gitops.sync.ignoring import rules_with_autoscalers, without_ignored
from kubectl_gitops.sync.observing import Kind, observe, scopes, scopes_of_crds
from kubectl_gitops.sync.prepare import prepare
from kubectl_gitops.sync.steps import Plan, Step, Target, Unread


class Comparer:
    """Compares with the rights of ``cluster``, and goes as far as they go.

    ``rules`` say who is a person, and what does not count.
    """

    def __init__(
        self,
        cluster: Cluster,
        discovery: Discovery,
        confirmer: Confirmer,
        *,
        rules: Rules | None = None,
    ) -> None:
        self._cluster = cluster
        self._discovery = discovery
        self._confirmer = confirmer
        self._rules = rules or Rules()

    def compare(self, declared: Iterable[Declared], target: Target, file_commits: Mapping[str, Commit]) -> Plan:
        """A step for each declared object that could be read: whether it differs, and what people added to it.

        Raises InvalidManifest, Unauthorized and Unreachable; where nothing could be read, why not.
        """
        listed = [one for one in declared if not is_hook(one)]
        unknown, down = self._kinds_not_served(listed)
        ready = prepare(
            [one for one in listed if _kind(one) not in unknown and _kind(one) not in down],
            is_namespaced=scopes(listed, self._discovery),
            namespace=target.default_namespace,
            label=None,
        )
        unread = [Unread(tuple(one.key for one in listed if _kind(one) == kind), exc) for kind, exc in down.items()]
        live = observe(
            self._cluster,
            self._discovery,
            [(one.api_version, one.key) for one in ready],
            forbidden=lambda keys, exc: unread.append(Unread(tuple(sorted(keys)), exc)),
        )
        hidden = {key for group in unread for key in group.keys}
        steps = [self._judged(one, live.get(one.key)) for one in ready if one.key not in hidden]
        steps += [_missing(one, unknown[_kind(one)]) for one in listed if _kind(one) in unknown]
        if not steps and unread:
            raise unread[0].error
        steps = self._confirmer.settle_values(steps)
        rules = rules_with_autoscalers(self._rules, steps, self._cluster, self._discovery)
        steps = [self._with_additions(without_ignored(step, rules)) for step in steps]
        steps = self._confirmer.settle_additions(steps)
        return Plan(
            target=target,
            steps=tuple(_committed(step, file_commits) for step in steps),
            previous=None,
            unread=tuple(unread),
            unconfirmed_because="; ".join(sorted(self._confirmer.reasons)),
            undecided=self._confirmer.undecided,
        )

    def _kinds_not_served(self, declared: Iterable[Declared]) -> tuple[dict[Kind, str], dict[Kind, InvalidInput]]:
        """The kinds of which there can be no object, with a note for each; and those whose own server is down."""
        unknown: dict[Kind, str] = {}
        down: dict[Kind, InvalidInput] = {}
        own = scopes_of_crds(declared)
        for kind in {_kind(one): None for one in declared}:
            if self._discovery.find(*kind) is not None or kind in own:
                continue
            try:
                self._discovery.need(*kind)
            except InvalidInput as exc:
                if group_of(kind[0]) in self._discovery.stale_groups:
                    down[kind] = InvalidInput(f"{exc}: {exc.hint}")
                else:
                    unknown[kind] = f"{exc}: {exc.hint}"
        return unknown, down

    def _judged(self, declared: Declared, live: Object | None) -> Step:
        """The step of an object as far as it can be told without asking: a change is a suspicion only."""
        kind = ActionKind.CREATE
        if live is not None:
            same = is_subset(without_identity(declared.object), live, all_fields(live))
            kind = ActionKind.UNCHANGED if same else ActionKind.CHANGE
        return Step(kind=kind, key=declared.key, api_version=declared.api_version, declared=declared, live=live)

    def _with_additions(self, step: Step) -> Step:
        """The step with what seems added; what is sure to be, and does not count, goes to what is ignored."""
        humans = self._rules.humans
        if step.live is None or step.declared is None or not has_human_manager(step.live, humans):
            return step
        wanted = without_identity(step.declared.object)
        fields = step.canonical.fields if step.canonical else declared_fields(wanted, all_fields(step.live))
        rules = self._rules.for_object(step.key, step.live, step.declared.object)
        counted: list[AddedField] = []
        ignored: list[AddedField] = []
        for one in added_fields(step.live, fields, humans):
            (ignored if rules.why(one.path, one.owner.manager) else counted).append(one)
        changes = [
            (FieldChange(one.path, ABSENT, one.value), rules.why(one.path, one.owner.manager))
            for one in ignored
            if came_later(one.owner, step.live, fields)
        ]
        return replace(step, added=tuple(counted), ignored=(*step.ignored, *changes))


def _kind(declared: Declared) -> Kind:
    return declared.api_version, declared.kind


def _missing(declared: Declared, note: str) -> Step:
    return Step(
        kind=ActionKind.CREATE, key=declared.key, api_version=declared.api_version, declared=declared, note=note
    )


def _committed(step: Step, file_commits: Mapping[str, Commit]) -> Step:
    commit = file_commits.get(step.declared.origin.path) if step.declared else None
    return replace(step, commit=commit) if commit else step
