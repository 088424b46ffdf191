"""Confirm what looks different, or added by a person: by what is remembered on this machine, else by dry-runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property

from kubectl_gitops.api.objects import Declared, Object, ResourceKey
from kubectl_gitops.diff.additions import beyond, without_reference
from kubectl_gitops.diff.compare import (
    Canonical,
    FieldChange,
    canonical_of,
    compare,
    without_identity,
)
from kubectl_gitops.diff.fieldset import all_fields
from kubectl_gitops.diff.path import lookup
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.diff.raw import raw_changes
from kubectl_gitops.diff.secrets import declared_digest, seal
from kubectl_gitops.errors import GitOpsError
from kubectl_gitops.snapshot.local import LocalForms
from kubectl_gitops.sync.dryrun import DryRuns, is_lack_of_right
from kubectl_gitops.sync.steps import Step

NO_RIGHT = "no right to dry-run"
REFUSED = "the API server refused the dry-run"
_GENERATED = "the cluster may have added it by itself"


class Confirmer:
    """Settles doubts about steps. Where the API server will not, or may not, be asked, it says what can be told.

    ``open_forms`` is called when the first doubt arises. ``reasons`` say why something is not confirmed, and
    ``undecided`` counts the objects of which additions cannot be told from defaults.
    """

    def __init__(self, dry_runs: DryRuns, open_forms: Callable[[], LocalForms]) -> None:
        self._dry_runs = dry_runs
        self._open_forms = open_forms
        self.reasons: set[str] = set()
        self.undecided = 0

    @cached_property
    def _forms(self) -> LocalForms:
        return self._open_forms()

    def settle_values(self, steps: Iterable[Step]) -> list[Step]:
        """The steps, each suspected change confirmed with its fields, or found to be none."""
        listed = list(steps)
        digests = self._digests(step for step in listed if step.kind is ActionKind.CHANGE)
        if not digests:
            return listed
        known = self._forms.canonical(digests.values())
        settled = {
            step.key: replace(step, kind=ActionKind.UNCHANGED, canonical=known[digests[step.key]])
            for step in listed
            if digests.get(step.key) in known and not self._changes(step, known[digests[step.key]])
        }
        open_ = [step for step in listed if step.key in digests.keys() - settled.keys()]
        answers = self._dry_runs.applied(_declared(step) for step in open_)
        learned: dict[str, Canonical] = {}
        for step in open_:
            answer, digest = answers[step.key], digests[step.key]
            if isinstance(answer, GitOpsError):
                settled[step.key] = self._unanswered(step, answer, known.get(digest))
                continue
            learned[digest] = canonical = canonical_of(seal(answer, self._forms.sealing_key))
            changes = self._changes(step, canonical)
            kind = ActionKind.CHANGE if changes else ActionKind.UNCHANGED
            settled[step.key] = replace(step, kind=kind, canonical=canonical, changes=changes)
        self._forms.keep(learned, {})
        return [settled.get(step.key, step) for step in listed]

    def settle_additions(self, steps: Iterable[Step]) -> list[Step]:
        """The steps, with what people added and nothing that the API server fills in for whoever creates an object."""
        listed = list(steps)
        digests = self._digests(step for step in listed if not all(one.is_plain for one in step.added))
        if not digests:
            return listed
        references = self._forms.references(digests.values())
        asked = [step for step in listed if step.key in digests and digests[step.key] not in references]
        answers = self._dry_runs.created(_declared(step) for step in asked)
        learned: dict[str, Object] = {}
        for step in asked:
            answer = answers[step.key]
            if isinstance(answer, GitOpsError):
                self.reasons.add(_reason(answer))
            else:
                learned[digests[step.key]] = seal(answer, self._forms.sealing_key)
        self._forms.keep({}, learned)
        references |= learned
        return [
            self._with_reference(step, references.get(digests[step.key])) if step.key in digests else step
            for step in listed
        ]

    def _with_reference(self, step: Step, reference: Object | None) -> Step:
        assert step.live is not None
        if reference is None:
            told, undecided = without_reference(step.added, step.live)
            self.undecided += undecided
            return replace(step, added=tuple(told))
        live = seal(step.live, self._forms.sealing_key)
        sealed = [replace(one, value=lookup(live, one.path)) for one in step.added]
        added = tuple(beyond(sealed, live, reference))
        if not all(one.confirmed for one in added):
            self.reasons.add(_GENERATED)
        return replace(step, added=added)

    def _unanswered(self, step: Step, error: GitOpsError, known: Canonical | None) -> Step:
        """A suspect that the API server says nothing about: what an earlier answer tells, or Git's text as it is."""
        note = "" if is_lack_of_right(error) else str(error)
        if known is not None and not note:
            return replace(step, canonical=known, changes=self._changes(step, known))
        self.reasons.add(_reason(error))
        assert step.live is not None
        wanted = without_identity(seal(_declared(step).object, self._forms.sealing_key))
        live = seal(step.live, self._forms.sealing_key)
        changes = tuple(raw_changes(wanted, live, all_fields(live)))
        return replace(step, changes=changes, confirmed=False, note=note)

    def _changes(self, step: Step, canonical: Canonical) -> tuple[FieldChange, ...]:
        """Where the live object is not as the canonical form; values of Secrets sealed."""
        assert step.live is not None
        return tuple(compare(canonical.tree, seal(step.live, self._forms.sealing_key), canonical.fields))

    def _digests(self, steps: Iterable[Step]) -> dict[ResourceKey, str]:
        doubtful = list(steps)
        key = self._forms.sealing_key if doubtful else b""
        return {step.key: declared_digest(_declared(step), key) for step in doubtful}


def _reason(error: GitOpsError) -> str:
    return NO_RIGHT if is_lack_of_right(error) else REFUSED


def _declared(step: Step) -> Declared:
    assert step.declared is not None
    return step.declared
