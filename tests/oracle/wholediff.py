"""The oracle's side: two whole objects compared, with no idea of who owns what.

Both are first turned into trees by the keys of FieldsV1, so that the order of keyed lists and sets means nothing and
two paths are the same if the API server writes them so. Which lists these are is told by the managed fields.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.oracle.managedfields import Object, Path, Shape

#: What any write changes, and what no declaration can say.
_BOOKKEEPING = {
    "managedFields",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "uid",
    "selfLink",
}


class Gone:
    def __repr__(self) -> str:
        return "GONE"


GONE = Gone()


class Twice(NamedTuple):
    """Items of a live list with the same key, which an older writer was allowed to leave there."""

    items: tuple[Any, ...]


class Difference(NamedTuple):
    path: Path
    then: Any  # in the API server's answer
    now: Any  # in the live object


def tree_of(obj: Object, shape: Shape) -> Any:
    metadata = {name: value for name, value in obj["metadata"].items() if name not in _BOOKKEEPING}
    return tree({**obj, "metadata": metadata}, shape)


def tree(value: Any, shape: Shape) -> Any:
    """Maps, keyed lists and sets as dicts by FieldsV1 key; all else as it is."""
    if isinstance(value, dict):
        return {f"f:{name}": tree(sub, shape.get(f"f:{name}", {})) for name, sub in value.items()}
    if isinstance(value, list):
        keys = [json.loads(step[2:]) for step in shape if step.startswith("k:")]
        if keys and all(isinstance(item, dict) for item in value):
            return _keyed(value, list(keys[0]), shape)
        if any(step.startswith("v:") for step in shape):
            return {f"v:{json.dumps(item)}": item for item in value}
    return value


def _keyed(items: list[Object], names: list[str], shape: Shape) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    for item in items:
        key = {name: item[name] for name in names if name in item}
        step = f"k:{json.dumps(key, sort_keys=True)}"
        found.setdefault(step, []).append(tree(item, shape.get(step, {})))
    return {step: one[0] if len(one) == 1 else Twice(tuple(one)) for step, one in found.items()}


def differences(then: Any, now: Any, path: Path = ()) -> Iterator[Difference]:
    """Where two trees differ, each time at the highest place that is there in one only, or of another value."""
    if isinstance(then, dict) and isinstance(now, dict):
        for step in sorted(then.keys() | now.keys()):
            yield from differences(then.get(step, GONE), now.get(step, GONE), (*path, step))
    elif not equal(then, now):
        yield Difference(path, then, now)


def equal(left: Any, right: Any) -> bool:
    """As JSON has it: true is not 1."""
    if left is GONE or right is GONE:
        return left is right
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True) and isinstance(
        left, Twice
    ) == isinstance(right, Twice)


def at(value: Any, path: Path) -> Any:
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return GONE
        value = value[step]
    return value


def replaced(value: Any, path: Path, new: Any) -> Any:
    """The tree with ``new`` at ``path``; GONE removes it."""
    if not path:
        return new
    rest = dict(value) if isinstance(value, dict) else {}
    child = replaced(rest.get(path[0], {}), path[1:], new)
    if child is GONE:
        rest.pop(path[0], None)
    else:
        rest[path[0]] = child
    return rest
