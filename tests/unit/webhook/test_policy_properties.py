"""What must hold of every decision, whatever the objects."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from kubectl_gitops.api.gitsync import EnforcementMode
from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.fieldset import FieldSet, our_fields_v1, project
from kubectl_gitops.diff.path import FieldPath, ItemKey, SetMember, same
from tests.unit.webhook.cases import LABEL, declared, entry, live, request, set_label, snapshot, update, view
from webhook.policy import decide
from webhook.verdict import Outcome, Reason
from webhook.view import Owner, View

NAMES = st.sampled_from(["a", "b", "image", "app.kubernetes.io/name", "replicas", "\x1b[31m", "名前"])
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", "1", "true", "long " * 40])
CONTAINERS = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from(["web", "proxy", "init"])}, optional={"image": SCALARS}),
    min_size=1,
    max_size=3,
    unique_by=lambda item: item["name"],
)
FINALIZERS = st.lists(st.sampled_from(["a/x", "a/y", "a/z"]), min_size=1, max_size=3, unique=True)
VALUES = st.recursive(
    SCALARS | st.lists(SCALARS, max_size=2),
    lambda inner: (
        st.dictionaries(NAMES, inner, max_size=3)
        | st.fixed_dictionaries({}, optional={"containers": CONTAINERS, "finalizers": FINALIZERS})
    ),
    max_leaves=8,
)
SPECS = st.dictionaries(NAMES, VALUES, min_size=1, max_size=3)
KINDS = st.sampled_from(["Deployment", "ConfigMap", "Secret"])
#: As the API server would have it: base64 under plain keys.
SECRETS = st.dictionaries(st.sampled_from(["a", "b.key"]), st.sampled_from(["", "eA==", "eQ=="]), min_size=1)


@st.composite
def declarations(draw: st.DrawFn) -> Object:
    kind = draw(KINDS)
    return declared(kind, **({"data": draw(SECRETS)} if kind == "Secret" else {"spec": draw(SPECS)}))


@st.composite
def objects(draw: st.DrawFn) -> Object:
    """Any live object of any history: drifted, never applied, its managedFields reset, under other labels."""
    base = draw(declarations())
    obj = live(draw(declarations()) if draw(st.booleans()) else base)
    obj |= {name: base[name] for name in ("apiVersion", "kind", "spec", "data") if name in base}
    label = draw(st.sampled_from([LABEL, LABEL, "other.one", "", None]))
    obj = set_label(obj, label)
    fate = draw(st.sampled_from(["kept", "kept", "reset", "empty", "none", "owned", "dying"]))
    match fate:
        case "reset":
            obj["metadata"]["managedFields"] = [{}]
        case "empty":
            obj["metadata"]["managedFields"][0]["fieldsV1"] = {}
        case "none":
            del obj["metadata"]["managedFields"]
        case "owned":
            obj["metadata"]["ownerReferences"] = [{"kind": "Service", "name": "web"}]
        case "dying":
            obj["metadata"]["deletionTimestamp"] = "2026-11-01T00:00:00Z"
    return obj


@st.composite
def views(draw: st.DrawFn) -> View:
    owners = {
        label: Owner(namespace="gitops-system", name="shop", mode=draw(st.sampled_from(EnforcementMode)))
        for label in draw(st.sets(st.sampled_from([LABEL, "other.one"])))
    }
    snapshots = {
        label: snapshot([entry(draw(declarations()), is_learned=draw(st.booleans()))])
        for label in draw(st.sets(st.sampled_from([LABEL, "other.one"])))
    }
    key = draw(st.sampled_from([None, b"k" * 32]))
    return View(owners=owners, snapshots=snapshots, sealing_key=key, synced=draw(st.booleans()))


def replace_at(node: Any, path: FieldPath, value: Any) -> Any:
    """A copy of ``node`` with another value at a path, or without it for ``...``."""
    if not path:
        return value
    element, rest = path[0], path[1:]
    if isinstance(node, dict):
        changed = {**node, element: replace_at(node[str(element)], rest, value)}
        return {name: item for name, item in changed.items() if item is not ...}
    items = [replace_at(item, rest, value) if is_at(element, item) else copy.deepcopy(item) for item in node]
    return [item for item in items if item is not ...]


def is_at(element: Any, item: Any) -> bool:
    if isinstance(element, ItemKey):
        return element.matches(item)
    return isinstance(element, SetMember) and same(element.value, item)


@given(declared=declarations(), old=objects(), known=st.data())
def test_what_ends_as_git_says_is_allowed_whatever_it_was(declared: Object, old: Object, known: st.DataObject) -> None:
    new = live(declared, annotations={"note": known.draw(st.text(max_size=5))})
    old |= {"apiVersion": new["apiVersion"], "kind": new["kind"]}
    # One that was never ours may be labelled, and one that was labelled by others be taken over.
    verdict = decide(update(old, new), view(declared, sealing_key=b"k" * 32))
    assert verdict.allowed, verdict.message
    assert decide(request("CREATE", new=new), view(declared, sealing_key=b"k" * 32)).allowed


@given(declared=declarations(), data=st.data())
def test_what_moves_a_declared_field_away_is_denied(declared: Object, data: st.DataObject) -> None:
    old = live(declared)
    path = data.draw(st.sampled_from(list(entry(declared).fields.leaves())))
    value = data.draw((SCALARS if path[0] == "spec" else st.sampled_from(["", "eA==", "eQ=="])) | st.just(...))
    new = replace_at(old, path, value)
    assume(not same(old, new))
    key = data.draw(st.sampled_from([None, b"k" * 32]))
    verdict = decide(update(old, new), view(declared, sealing_key=key))
    assert (verdict.outcome, verdict.reason) == (Outcome.DENY, Reason.DIVERGES)
    assert verdict.fields
    # And the way back is open.
    assert decide(update(new, old), view(declared)).allowed


@given(
    operation=st.sampled_from(["CREATE", "UPDATE", "DELETE"]),
    old=objects(),
    new=objects(),
    known=views(),
    user=st.sampled_from(["bob", "system:serviceaccount:kube-system:namespace-controller"]),
)
def test_every_request_gets_one_bounded_verdict(
    operation: str, old: Object, new: Object, known: View, user: str
) -> None:
    new |= {"apiVersion": old["apiVersion"], "kind": old["kind"]}
    asked = request(operation, old=old, new=new, user=user)
    verdict = decide(asked, known)
    assert decide(asked, known) == verdict
    assert (verdict.message == "") == verdict.allowed
    assert len(verdict.message.encode()) < 1024
    assert all(line.isprintable() for line in verdict.message.split("\n"))
    assert all(len(warning.encode()) < 256 and warning.isprintable() for warning in verdict.warnings)
    assert sum(len(warning.encode()) for warning in verdict.warnings) < 2 * 4096
    assert verdict.outcome is not Outcome.WARN or verdict.warnings


@given(old=objects(), new=objects(), known=views())
def test_a_dying_or_unlabelled_object_aside_no_snapshot_means_no_blind_allow(
    old: Object, new: Object, known: View
) -> None:
    """Whatever is allowed without Git's word leaves all that our manager owns as it was."""
    old = set_label(old, LABEL)
    new |= {"apiVersion": old["apiVersion"], "kind": old["kind"]}
    owner = Owner(namespace="gitops-system", name="shop", mode=EnforcementMode.ENFORCE)
    verdict = decide(update(old, new), View(owners={LABEL: owner}, sealing_key=known.sealing_key, synced=True))
    if verdict.reason is Reason.KEEPS_FIELDS:
        assert our_fields_v1(new) == our_fields_v1(old)
        fields = FieldSet.parse(our_fields_v1(old) or {})
        assert not fields or same(project(old, fields), project(new, fields))
