"""A plan as data: for whom it is, what is to be done with each object, and how that is shown. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.gitsync import GitSync, MaxDelete
from kubectl_gitops.api.objects import Declared, Object, ResourceKey
from kubectl_gitops.diff.additions import AddedField
from kubectl_gitops.diff.compare import Canonical, FieldChange
from kubectl_gitops.diff.drift import attribute
from kubectl_gitops.diff.fieldset import project
from kubectl_gitops.diff.plan import ActionKind, PlannedAction
from kubectl_gitops.diff.secrets import masked, seal
from kubectl_gitops.diff.yielding import yielded
from kubectl_gitops.errors import Conflict, GitOpsError
from kubectl_gitops.snapshot.model import Entry, Snapshot
from kubectl_gitops.sync.hooks import Hook
from kubectl_gitops.sync.showing import shown
from kubectl_gitops.sync.waves import Phase, Wave


class HeldByAnother(Conflict):
    """Another GitSync manages the object, so it is not written: the two would take it from each other for ever."""


#: So many digits of a commit are enough to approve it.
LEAST_APPROVAL = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """For whom objects are synced: the GitSync (or the name given for a directory), and its settings.

    ``uid`` is the GitSync's; "" where there is none. ``propagation`` says what becomes of what a pruned object owns.
    ``approved_deletes`` is the run (a commit, see :class:`Plan`) of which a person has approved the deletions;
    ``recreate`` names objects that may be deleted and created again, as :mod:`immutable` has it. Without ``force``,
    fields that others hold stay theirs, and the object fails.
    """

    namespace: str
    name: str
    uid: str = ""
    label: str
    default_namespace: str
    prune: bool = False
    propagation: str = "Background"
    max_delete: MaxDelete | None = None
    approved_deletes: str = ""
    recreate: frozenset[str] = frozenset()
    force: bool = True

    @classmethod
    def of(cls, gitsync: GitSync) -> Self:
        """What a GitSync itself says."""
        return cls(
            namespace=gitsync.namespace,
            name=gitsync.name,
            uid=gitsync.uid,
            label=gitsync.label,
            default_namespace=gitsync.target_namespace,
            prune=gitsync.prune,
            propagation=gitsync.prune_propagation,
            max_delete=gitsync.max_delete,
            approved_deletes=gitsync.approved_deletes,
        )

    def approves(self, run: str) -> bool:
        """Whether a person has approved the deletions of this run."""
        return len(self.approved_deletes) >= LEAST_APPROVAL and run.startswith(self.approved_deletes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One object of a plan. ``declared`` is None for one to prune; ``live`` is None for one to create.

    ``changes`` and ``added`` are unmasked: never shown, only through :meth:`Plan.actions` and drift_in. ``ignored`` are
    those that do not count, each with the reason.
    ``confirmed`` is False where the API server did not say how the object should be, so that changes are told from
    what is declared, as it stands in Git; ``note`` says what a person should know besides.
    """

    kind: ActionKind
    key: ResourceKey
    api_version: str
    declared: Declared | None = None
    declared_digest: str = ""
    live: Object | None = None
    canonical: Canonical | None = None
    commit: Commit | None = None
    changes: tuple[FieldChange, ...] = ()
    added: tuple[AddedField, ...] = ()
    ignored: tuple[tuple[FieldChange, str], ...] = ()
    confirmed: bool = True
    note: str = ""
    error: GitOpsError | None = None

    @property
    def to_apply(self) -> Object:
        """The declared object, without what is left as it is."""
        assert self.declared is not None
        if self.live is None or not self.ignored:
            return self.declared.object
        return yielded(self.declared.object, [change.path for change, _ in self.ignored], self.live)

    def entry(self, canonical: Canonical | None, field_lines: tuple[int | None, ...] = ()) -> Entry:
        """What a snapshot keeps of a declared object."""
        assert self.declared is not None
        return Entry(
            api_version=self.api_version,
            kind=self.key.kind,
            namespace=self.key.namespace,
            name=self.key.name,
            origin=self.declared.origin,
            declared_digest=self.declared_digest,
            commit=self.commit,
            canonical=canonical,
            field_lines=field_lines,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HookStep:
    """A hook in one of its phases. ``step`` has it with its name; ``live`` in that is what has the name now.

    ``identity`` tells it from every other hook, and from itself with another content; ``token`` from itself in another
    run as well. ``is_due`` says whether it is to run in this sync, if that comes so far.
    """

    step: Step
    wave: Wave
    hook: Hook
    identity: str
    token: str
    is_due: bool = True


@dataclass(frozen=True, slots=True)
class Unread:
    """Declared objects that could not be read, and why."""

    keys: tuple[ResourceKey, ...]
    error: GitOpsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a sync would do. ``steps`` come in the order in which objects are declared, those to prune last.

    ``run`` is what hooks run once for, and what deletions are approved for: the commit, or a digest of all that is
    declared where there is none. ``hooks`` are no ``steps``: they are in no inventory.
    ``unseen`` are objects that Git no longer declares and that may be there: the server of their API group is down.
    ``unread`` are declared objects that there is no step for, because they could not be read. ``unconfirmed_because``
    says why not everything is confirmed. ``undecided`` counts the objects of which, for the same reason, it cannot be
    told whether more was given to them when a person created them.
    """

    target: Target
    steps: tuple[Step, ...]
    previous: Snapshot | None
    run: str = ""
    hooks: tuple[HookStep, ...] = ()
    unseen: tuple[tuple[str, ResourceKey], ...] = ()
    unread: tuple[Unread, ...] = ()
    unconfirmed_because: str = ""
    undecided: int = 0

    def of_kind(self, *kinds: ActionKind) -> list[Step]:
        return [step for step in self.steps if step.kind in kinds]

    @property
    def writes(self) -> list[Step]:
        return [step for step in self.steps if step.kind not in {ActionKind.UNCHANGED, ActionKind.ORPHAN}]

    @property
    def due_hooks(self) -> list[HookStep]:
        """The hooks that run unless something fails."""
        return [one for one in self.hooks if one.is_due and one.wave.phase is not Phase.SYNC_FAIL]

    def actions(self) -> tuple[PlannedAction, ...]:
        """The plan as the reports show it, with values of Secrets masked."""
        return tuple(_action(step) for step in (*self.steps, *(one.step for one in self.due_hooks)))


def _action(step: Step) -> PlannedAction:
    changes = list(step.changes)
    if step.key.kind == "Secret" and not step.key.group:
        changes = [masked(change) for change in changes]
    desired, live = trees_of(step)
    return PlannedAction(
        kind=step.kind,
        key=step.key,
        api_version=step.api_version,
        origin=step.declared.origin if step.declared else None,
        fields=attribute(changes, step.live or {}),
        desired=desired,
        live=live,
        error=str(step.error) if step.error else "",
        note=step.note,
    )


_MASK_KEY = b"shown, not stored"


def trees_of(step: Step) -> tuple[Object | None, Object | None]:
    """Both sides at the fields that we declare, to be shown as a unified diff."""
    if step.kind in {ActionKind.UNCHANGED, ActionKind.ORPHAN}:
        return None, None
    if step.canonical is None or step.live is None:
        desired = step.declared.object if step.declared else None
        return (desired and shown(desired)), None
    identity = {"apiVersion": step.api_version, "kind": step.key.kind}
    live = project(seal(step.live, _MASK_KEY), step.canonical.fields)
    return shown({**identity, **step.canonical.tree}), shown({**identity, **live})
