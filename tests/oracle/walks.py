"""A walk: one object, what Git declares of it, and what is done to it; after each step, both verdicts."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from kubectl_gitops.api.objects import Declared, Origin
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.writing import apply_object
from kubectl_gitops.diff.additions import added_fields, default_human_managers
from kubectl_gitops.diff.compare import Canonical, FieldChange, canonical_of, compare, is_subset, without_identity
from kubectl_gitops.diff.drift import DriftKind
from kubectl_gitops.diff.fieldset import FieldSet, all_fields, our_fields_v1
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.diff.secrets import declared_digest, seal
from kubectl_gitops.errors import ClusterError
from kubectl_gitops.snapshot.model import Entry
from kubectl_gitops.sync.drift import drift_of
from kubectl_gitops.sync.judge import Standing, differences, judge
from kubectl_gitops.sync.prepare import prepare
from tests.oracle import managedfields, mutations, wholediff
from tests.oracle.agreement import disagreements, raw
from tests.oracle.kinds import Kind, with_fixed
from tests.oracle.managedfields import Object
from tests.oracle.mutations import Mutation, Scene
from tests.oracle.values import ANNOTATIONS, LABELS, some
from tests.testbed.apiclient import RequestFailed
from tests.testbed.controlplane import ControlPlane

KEY = b"a key"
LABEL = "team.web"
#: Some keyed lists may hold an item without a key, which nobody can apply anything beside.
_NOT_TO_BE_APPLIED_TO = "omits key field"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Walk:
    """``steps`` are mutations, "sync" (we apply), or a body that Git declares from then on."""

    kind: Kind
    start: str  # "applied" by us, "created" by a person as declared, or "donated": created otherwise
    owned: bool  # as the reconciler asks, with our label; or as drift of a directory is asked
    metadata: Object
    declared: Object
    donor: Object
    steps: list[Mutation | Object | str]

    def __repr__(self) -> str:
        steps = "".join(f"\n    {step}" for step in self.steps)
        return (
            f"\n  {self.kind.name} {self.start}, owned={self.owned}\n  metadata {self.metadata}"
            f"\n  declared {self.declared}\n  donor {self.donor}{steps}\n"
        )


def walks(kind: Kind) -> st.SearchStrategy[Walk]:
    return st.tuples(kind.body, kind.body).flatmap(lambda bodies: _walk(kind, *bodies))


def _walk(kind: Kind, declared: Object, donor: Object) -> st.SearchStrategy[Walk]:
    mutation = mutations.strategy([donor, declared])
    others: list[st.SearchStrategy[Any]] = [st.just("sync"), st.sampled_from([donor, declared])]
    step = st.integers(0, 15).flatmap(lambda n: others[n] if n < 2 else mutation)
    metadata = some(
        labels=LABELS | st.none(),
        annotations=ANNOTATIONS,
        creationTimestamp=st.none(),
        finalizers=st.just(["example.com/ours"]),
    )
    return st.builds(
        Walk,
        kind=st.just(kind),
        start=st.sampled_from(["applied", "applied", "created", "donated"]),
        owned=st.booleans(),
        metadata=metadata,
        declared=st.just(declared),
        donor=st.just(donor),
        steps=st.lists(step, min_size=4, max_size=7),
    )


@dataclass
class Found:
    """What the walks of a kind came to. ``disagreements`` is empty if all is well."""

    cases: int = 0
    known: int = 0  # judged by the canonical form
    asked_in_vain: int = 0  # the dry-run found nothing
    drifted: int = 0
    additions: int = 0
    unsure: int = 0  # nobody's managed fields are left, and so nothing tells an atomic map from one declared empty
    shared: int = 0  # not reported as added: inside of a list item that a controller holds as well
    refused: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)


class Walker:
    """Goes one walk after the other on a real API server. Safe to use from many threads."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self._plane = plane
        self._namespace = namespace
        self.cluster = Cluster.from_kubeconfig(plane.kubeconfig)
        self.discovery = Discovery(self.cluster)

    def go(self, walk: Walk) -> Found:
        return _Progress(walk, self._plane, self.cluster, self.discovery, self._namespace).go()


class _Progress:
    """One walk, under way."""

    def __init__(self, walk: Walk, plane: ControlPlane, cluster: Cluster, discovery: Discovery, namespace: str) -> None:
        self._walk = walk
        self._kind = walk.kind
        self._plane = plane
        self._cluster = cluster
        self._resource = discovery.need(walk.kind.api_version, walk.kind.kind or walk.kind.name)
        self._namespace = namespace
        self._name = f"walk-{next(_numbers)}"
        self._declared = self._prepared(walk.declared)
        self._canonical: Canonical | None = None
        self._found = Found()
        self._trail: list[str] = []

    def go(self) -> Found:
        live = self._start()
        if live is None:
            return self._found
        self._check(live, f"{self._walk.start}")
        for step in self._walk.steps:
            after = self._step(live, step)
            if after is not None:
                live = after
                self._check(live, str(step))
            if self._found.disagreements:
                break
        return self._found

    def _prepared(self, body: Object) -> Declared:
        obj = {**self._kind.identity(self._namespace, self._name), **body}
        obj["metadata"] = {**self._walk.metadata, **obj["metadata"]}
        (ready,) = prepare(
            [Declared(object=obj, origin=Origin("all.yaml", 1))],
            is_namespaced=lambda *_: self._kind.namespaced,
            namespace=self._namespace,
            label=LABEL if self._walk.owned else None,
        )
        return ready

    # -- What is done to the object

    def _start(self) -> Object | None:
        if self._walk.start == "applied":
            return self._sync()
        body = self._declared.object
        if self._walk.start == "donated":
            donor = with_fixed(self._kind, self._walk.declared, self._walk.donor)
            body = {**self._kind.identity(self._namespace, self._name), **donor}
        path = self._kind.path(self._namespace)
        return self._send("POST", f"{path}?fieldManager=kubectl-create", body)

    def _step(self, live: Object, step: Mutation | Object | str) -> Object | None:
        """The object after it, or None where the API server refuses."""
        if step == "sync":
            return self._sync()
        if isinstance(step, dict):
            self._declared = self._prepared(with_fixed(self._kind, self._walk.declared, step))
            return live
        assert isinstance(step, Mutation)
        request = mutations.request(Scene(self._kind, live, self._declared.object), step)
        if request is None:
            return None
        path = self._kind.path(self._namespace, self._name, api_version=request.api_version)
        if request.subresource:
            path += f"/{request.subresource}"
        after = self._send(request.method, path + request.query, request.body, request.content_type)
        if after is not None and request.api_version:
            return self._send("GET", self._kind.path(self._namespace, self._name))
        return after

    def _sync(self) -> Object | None:
        try:
            answer = apply_object(self._cluster, self._resource, self._declared.object)
        except ClusterError as exc:
            self._refused(str(exc))
            return None
        self._canonical, self._sealed = canonical_of(answer), canonical_of(seal(answer, KEY))
        self._canonical_digest = declared_digest(self._declared, KEY)
        return answer

    def _send(self, method: str, path: str, body: Any = None, content_type: str = mutations.JSON) -> Object | None:
        try:
            answer: Object = self._plane.request(method, path, body, content_type=content_type)
        except RequestFailed as exc:
            if exc.status not in {400, 404, 409, 413, 415, 422, 500}:
                raise
            self._refused(exc.body)
            return None
        return answer

    def _refused(self, why: str) -> None:
        self._found.refused += 1
        self._found.refusals[why[:300]] += 1

    # -- What is said of it

    def _check(self, live: Object, after: str) -> None:
        self._trail.append(after)
        self._found.cases += 1
        try:
            answer = apply_object(self._cluster, self._resource, self._declared.object, dry_run=True)
        except ClusterError as exc:
            answer = None
            self._refused(str(exc))
            if _NOT_TO_BE_APPLIED_TO in str(exc):
                return
        said = list(self._disagreements(live, answer))
        for one in said:
            self._found.disagreements.append(
                f"{one}\n  after {' | '.join(self._trail)}\n  declared {self._declared.object}"
            )

    def _disagreements(self, live: Object, answer: Object | None) -> Iterator[str]:
        known = self._canonical
        if known is not None and self._canonical_digest == declared_digest(self._declared, KEY):
            self._found.known += 1
            yield from self._with_canonical_form(known, live, answer)
        yield from self._without(live, answer)
        if answer is not None:
            yield from self._added(live, answer)

    def _with_canonical_form(self, known: Canonical, live: Object, answer: Object | None) -> Iterator[str]:
        changes = list(compare(known.tree, live, known.fields))
        if answer is not None and not managedfields.entries(live):
            sure = [change for change in changes if not _may_be_declared_empty(change, answer)]
            self._found.unsure += len(sure) < len(changes)
            if len(sure) < len(changes):
                return
        if answer is None:
            if not changes:
                yield "by the canonical form it is as declared, an apply is refused"
            return
        self._found.drifted += bool(changes)
        for one in disagreements(changes, answer, live):
            yield f"by the canonical form: {one}"
        entry = self._entry()
        drift = drift_of(entry, live, KEY, Rules(humans=(), ignored=())).drift
        paths = [f.path for f in drift.fields if f.kind is DriftKind.MODIFIED] if drift else []
        if paths != [change.path for change in changes]:
            yield f"drift_of says {paths}, compare says {changes}"
        if not self._walk.owned:
            return
        judgement = judge(self._declared, live, entry, KEY)
        unchanged = not changes and our_fields_v1(live) == our_fields_v1(answer)
        if (judgement.standing is Standing.SAME) is not unchanged:
            yield f"by the entry it is {judgement.standing}, with changes {changes}"

    def _entry(self) -> Entry:
        key = self._declared.key
        return Entry(
            api_version=self._kind.api_version,
            kind=key.kind,
            namespace=key.namespace,
            name=key.name,
            origin=self._declared.origin,
            declared_digest=self._canonical_digest,
            canonical=self._sealed,
        )

    def _without(self, live: Object, answer: Object | None) -> Iterator[str]:
        judgement = judge(self._declared, live, None, KEY)
        if self._walk.owned:
            same = judgement.standing is Standing.SAME
        else:
            same = is_subset(without_identity(self._declared.object), live, all_fields(live))
        if answer is None:
            if same and self._walk.owned:
                yield "judged as declared, an apply is refused"
            return
        changes = differences(answer, live)
        for one in disagreements(changes, answer, live):
            yield f"by the dry-run: {one}"
        if not same:
            self._found.asked_in_vain += not changes
            return
        for one in disagreements([], answer, live, drops=self._walk.owned):
            yield f"judged as declared: {one}"
        if self._walk.owned and managedfields.ours(answer) != managedfields.ours(live):
            yield "judged as declared and ours, an apply changes what we own"
        if self._walk.owned and judgement.canonical is not None:
            yield from self._canonical_forms(judgement.canonical, canonical_of(seal(answer, KEY)), answer)

    @staticmethod
    def _canonical_forms(judged: Canonical, told: Canonical, answer: Object) -> Iterator[str]:
        shape = managedfields.shape(answer)
        differ = list(wholediff.differences(wholediff.tree(told.tree, shape), wholediff.tree(judged.tree, shape)))
        if differ or judged.fields_v1 != told.fields_v1:
            yield f"judged as declared, with another canonical form than the apply's: {differ}"

    def _added(self, live: Object, answer: Object) -> Iterator[str]:
        declared = managedfields.ours(answer)
        expected = {
            path
            for path in managedfields.added(live, declared)
            if wholediff.at(wholediff.tree_of(live, managedfields.shape(live)), path) is not wholediff.GONE
        }
        fields = FieldSet.parse(our_fields_v1(answer) or {"f:metadata": {"f:none": {}}})
        said = {raw(one.path) for one in added_fields(live, fields, default_human_managers())}
        self._found.additions += len(expected)
        shared = managedfields.shared_items(live)
        for path in sorted(expected - said):
            if any(path[:n] in shared for n in range(1, len(path))):
                self._found.shared += 1
            else:
                yield f"added and not reported: {path}"
        for path in sorted(said - expected):
            if not any(path[:n] in expected for n in range(1, len(path))):  # reported twice is reported
                yield f"reported as added, and is not: {path}"


def _may_be_declared_empty(change: FieldChange, answer: Object) -> bool:
    """Whether the answer shows that what differs is a map that we declare empty, and others may fill."""
    here = managedfields.shape(answer)
    for step in raw(change.path):
        here = here.get(step, {})
    return bool(here) and raw(change.path) in managedfields.ours(answer)
