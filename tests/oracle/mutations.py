"""What others do to an object: each a request that depends on nothing but the object as it is, and a seed."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.oracle import managedfields
from tests.oracle.kinds import Kind, with_fixed
from tests.oracle.managedfields import Object
from tests.oracle.values import RESPELT

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

#: People's clients, other tools, controllers, and somebody who uses our name.
MANAGERS = (
    "kubectl-edit", "kubectl", "kubectl-client-side-apply", "k9s", "node-fetch", "OpenAPI-Generator",
    "helm", "kube-controller-manager", "vpa-updater", "argocd-controller", "kubectl-gitops",
)  # fmt: skip


class Request(NamedTuple):
    method: str
    query: str
    body: Any
    content_type: str = JSON
    subresource: str = ""
    api_version: str = ""


@dataclass(frozen=True)
class Mutation:
    """``donor`` is the body of another object of the kind, from which values are taken."""

    how: str
    manager: str
    seed: int
    donor: Object

    def __repr__(self) -> str:
        return f"{self.how} by {self.manager} ({self.seed}, {self.donor})"


@dataclass(frozen=True)
class Scene:
    """An object as it is before a mutation, and what we apply."""

    kind: Kind
    live: Object
    applied: Object

    @property
    def identity(self) -> Object:
        metadata = self.live["metadata"]
        return self.kind.identity(metadata.get("namespace") or "", metadata["name"])

    def body(self) -> Object:
        """All of the live object that is desired state."""
        return {name: value for name, value in self.live.items() if name not in _NO_BODY}

    def donated(self, donor: Object) -> Object:
        return with_fixed(self.kind, self.body(), donor)


_NO_BODY = {"apiVersion", "kind", "metadata", "status"}


def strategy(donors: list[Object]) -> st.SearchStrategy[Mutation]:
    return st.builds(
        Mutation,
        how=st.sampled_from(sorted(_HOW)),
        manager=st.sampled_from(MANAGERS),
        seed=st.integers(0, 2**16),
        donor=st.sampled_from(donors),
    )


def request(scene: Scene, mutation: Mutation) -> Request | None:
    """What to send; None where this mutation is none for such an object.

    Nobody applies in our name: what we own and do not declare is Stale, not Modified.
    """
    if "apply" in mutation.how and mutation.manager == managedfields.OURS:
        return None
    return _HOW[mutation.how](scene, mutation, random.Random(mutation.seed))


# -- By whole values of another object


def _put_donor(scene: Scene, mutation: Mutation, rng: random.Random) -> Request:
    donor = scene.donated(mutation.donor)
    names = [name for name in donor if rng.random() < 0.8]
    changed = {**_writable(scene), **{name: donor[name] for name in names}}
    return Request("PUT", _by(mutation), changed)


def _merge_donor(scene: Scene, mutation: Mutation, rng: random.Random) -> Request:
    return Request("PATCH", _by(mutation), _part(scene.donated(mutation.donor), rng), MERGE_PATCH)


def _strategic_donor(scene: Scene, mutation: Mutation, rng: random.Random) -> Request | None:
    if "." in scene.kind.api_version and not scene.kind.api_version.split("/")[0].endswith(".k8s.io"):
        return None
    return Request("PATCH", _by(mutation), _part(scene.donated(mutation.donor), rng), STRATEGIC_PATCH)


def _apply_donor(scene: Scene, mutation: Mutation, rng: random.Random) -> Request:
    body = {**scene.identity, **_without_nulls(_part(scene.donated(mutation.donor), rng))}
    return Request("PATCH", f"{_by(mutation)}&force={rng.choice(['true', 'true', 'false'])}", body, APPLY_PATCH)


def _apply_whole_donor(scene: Scene, mutation: Mutation, rng: random.Random) -> Request:
    body = {**scene.identity, **_without_nulls(scene.donated(mutation.donor))}
    return Request("PATCH", f"{_by(mutation)}&force=true", body, APPLY_PATCH)


def _apply_same(scene: Scene, mutation: Mutation, rng: random.Random) -> Request:
    """From now on they hold what we hold."""
    return Request("PATCH", f"{_by(mutation)}&force=true", scene.applied, APPLY_PATCH)


def _apply_other_version(scene: Scene, mutation: Mutation, rng: random.Random) -> Request | None:
    if not scene.kind.also_served:
        return None
    spec = mutation.donor.get("spec") or {}
    names = {"maxReplicas", "minReplicas", "scaleTargetRef"} if "autoscaling" in scene.kind.api_version else set(spec)
    body = {
        **scene.identity,
        "apiVersion": scene.kind.also_served,
        "spec": _without_nulls({name: value for name, value in spec.items() if name in names}),
    }
    return Request("PATCH", f"{_by(mutation)}&force=true", body, APPLY_PATCH, api_version=scene.kind.also_served)


def _withdraw(scene: Scene, mutation: Mutation, rng: random.Random) -> Request:
    """They apply nothing any more: what only they held goes."""
    entries = scene.live["metadata"].get("managedFields") or []
    managers = sorted({e["manager"] for e in entries if e.get("operation") == "Apply"} - {"kubectl-gitops"})
    manager = rng.choice(managers) if managers else mutation.manager
    return Request("PATCH", f"?fieldManager={manager}&force=true", scene.identity, APPLY_PATCH)


# -- By edits of the object as it is


def _put_edits(scene: Scene, mutation: Mutation, rng: random.Random) -> Request:
    changed = _writable(scene)
    for _ in range(rng.randint(1, 3)):
        _edit(changed, rng)
    return Request("PUT", _by(mutation), changed)


def _json_patch(scene: Scene, mutation: Mutation, rng: random.Random) -> Request:
    changed = _writable(scene)
    pointer = _edit(changed, rng)
    here, last = changed, pointer[-1]
    for step in pointer[:-1]:
        here = here[step]
    text = "/" + "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in pointer)
    is_there = last in here if isinstance(here, dict) else last < len(here)
    operation = {
        "op": "add" if isinstance(here, dict) else "replace",
        "path": text,
        "value": here[last] if is_there else 0,
    }
    return Request("PATCH", _by(mutation), [operation if is_there else {"op": "remove", "path": text}], JSON_PATCH)


def _remove(scene: Scene, mutation: Mutation, rng: random.Random) -> Request | None:
    """A field, an item or a whole section is taken out."""
    changed = _writable(scene)
    pointers = list(_pointers(changed))
    if not pointers:
        return None
    pointer = rng.choice(pointers)
    here = changed
    for step in pointer[:-1]:
        here = here[step]
    del here[pointer[-1]]
    return Request("PUT", _by(mutation), changed)


def _respell(scene: Scene, mutation: Mutation, rng: random.Random) -> Request:
    """The same values, otherwise spelt."""
    return Request("PUT", _by(mutation), _respelt(_writable(scene)))


def _reorder(scene: Scene, mutation: Mutation, rng: random.Random) -> Request:
    changed = _writable(scene)
    for pointer in _pointers(changed):
        value = _at(changed, pointer)
        if isinstance(value, list):
            rng.shuffle(value)
    return Request("PUT", _by(mutation), changed)


def _double(scene: Scene, mutation: Mutation, rng: random.Random) -> Request | None:
    """An item is there twice, which some lists allow (env)."""
    changed = _writable(scene)
    lists = [value for pointer in _pointers(changed) if isinstance(value := _at(changed, pointer), list) and value]
    if not lists:
        return None
    items = rng.choice(lists)
    copied = copy.deepcopy(rng.choice(items))
    if isinstance(copied, dict) and "value" in copied:
        copied["value"] = "twice"
    items.insert(rng.randint(0, len(items)), copied)
    return Request("PUT", _by(mutation), changed)


def _put_as_is(scene: Scene, mutation: Mutation, rng: random.Random) -> Request:
    return Request("PUT", _by(mutation), _writable(scene))


# -- Metadata, status, managed fields


def _metadata(scene: Scene, mutation: Mutation, rng: random.Random) -> Request:
    labels: Object = {rng.choice(["app", "tier", "new"]): rng.choice(["web", "other", None])}
    annotations: Object = {rng.choice(["note", "a/b", "new"]): rng.choice(["red", "other", None])}
    metadata = rng.choice(
        [
            {"labels": labels},
            {"annotations": annotations},
            {"labels": labels, "annotations": annotations},
            {"labels": None},
            {"annotations": None},
            {"finalizers": ["example.com/theirs"]},
            {"finalizers": None},
        ]
    )
    return Request("PATCH", _by(mutation), {"metadata": metadata}, MERGE_PATCH)


def _status(scene: Scene, mutation: Mutation, rng: random.Random) -> Request | None:
    if scene.kind.status is None:
        return None
    return Request("PATCH", _by(mutation), {"status": scene.kind.status}, MERGE_PATCH, subresource="status")


def _reset_managed_fields(scene: Scene, mutation: Mutation, rng: random.Random) -> Request:
    changed = _writable(scene)
    changed["metadata"]["managedFields"] = [{}]
    if rng.random() < 0.5:
        _edit(changed, rng)
    return Request("PUT", _by(mutation), changed)


_HOW: dict[str, Callable[[Scene, Mutation, random.Random], Request | None]] = {
    "put donor": _put_donor,
    "merge donor": _merge_donor,
    "strategic donor": _strategic_donor,
    "apply donor": _apply_donor,
    "apply whole donor": _apply_whole_donor,
    "apply same": _apply_same,
    "apply other version": _apply_other_version,
    "withdraw": _withdraw,
    "put edits": _put_edits,
    "json patch": _json_patch,
    "put more edits": _put_edits,
    "another json patch": _json_patch,
    "remove": _remove,
    "respell": _respell,
    "reorder": _reorder,
    "double": _double,
    "put as is": _put_as_is,
    "metadata": _metadata,
    "status": _status,
    "reset managed fields": _reset_managed_fields,
}


def _by(mutation: Mutation) -> str:
    return f"?fieldManager={mutation.manager}"


def _writable(scene: Scene) -> Object:
    return copy.deepcopy(scene.live)


def _part(body: Object, rng: random.Random) -> Object:
    """Some of the fields of the body, and of each section of it."""
    return {
        name: {n: v for n, v in value.items() if rng.random() < 0.5} if isinstance(value, dict) else value
        for name, value in body.items()
        if rng.random() < 0.9
    }


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(sub) for name, sub in value.items() if sub is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _pointers(obj: Object) -> Iterator[tuple[Any, ...]]:
    """Of all fields and items that people edit."""
    for name, value in obj.items():
        if name not in _NO_BODY:
            yield (name,)
            yield from _below(value, (name,))
    for name in ("labels", "annotations"):
        if obj["metadata"].get(name):
            yield from _below(obj["metadata"][name], ("metadata", name))


def _below(value: Any, prefix: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield (*prefix, name)
        yield from _below(child, (*prefix, name))


def _at(obj: Any, pointer: tuple[Any, ...]) -> Any:
    for step in pointer:
        obj = obj[step]
    return obj


def _edit(obj: Object, rng: random.Random) -> tuple[Any, ...]:
    """Change one value in place, keeping its type as a rule; its pointer."""
    pointers = list(_pointers(obj)) or [("metadata", "labels")]  # an edit that is refused is none
    pointer = rng.choice(pointers)
    here = obj
    for step in pointer[:-1]:
        here = here[step]
    here[pointer[-1]] = _edited(here.get(pointer[-1]) if isinstance(here, dict) else here[pointer[-1]], rng)
    return pointer


def _edited(value: Any, rng: random.Random) -> Any:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + rng.choice([1, 2])
        case str():
            choices = [f"{value}x", f"{value}1", "changed", ""]
            return rng.choice([RESPELT[value], "3"]) if value in RESPELT else rng.choice(choices)
        case dict():
            return _edited_map(value, rng)
        case list():
            return _edited_list(value, rng)
    return "set"


def _edited_map(value: Object, rng: random.Random) -> Object:
    how = rng.choice(["add", "remove", "empty", "change"])
    if how == "empty" or not value:
        return {} if value else {"added": "x"}
    if how == "add":
        return {**value, "added": "x"}
    name = rng.choice(sorted(value))
    if how == "remove":
        return {other: sub for other, sub in value.items() if other != name}
    return {**value, name: _edited(value[name], rng)}


def _edited_list(value: list[Any], rng: random.Random) -> list[Any]:
    how = rng.choice(["remove", "add", "empty", "change"])
    if how == "empty" or not value:
        return []
    index = rng.randrange(len(value))
    if how == "remove":
        return value[:index] + value[index + 1 :]
    new = _edited(copy.deepcopy(value[index]), rng)
    return [*value, new] if how == "add" else [*value[:index], new, *value[index + 1 :]]


def _respelt(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: sub if name in {"metadata", "status"} else _respelt(sub) for name, sub in value.items()}
    if isinstance(value, list):
        return [_respelt(item) for item in value]
    return RESPELT.get(value, value) if isinstance(value, str) else value
