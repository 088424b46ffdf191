"""What metadata.managedFields says, read straight from its definition: no code of ours has a part in it.

A path is the tuple of the keys that the API server writes, ``("f:spec", 'k:{"name":"web"}', "f:image")``; keys of
list items are written anew, so that equal ones are equal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path as FilePath
from typing import Any

import kubectl_gitops

Object = dict[str, Any]
Path = tuple[str, ...]
#: All that any manager owns, as a tree: it tells which lists have keys and which are sets.
Shape = dict[str, Any]

OURS = "kubectl-gitops"
_DATA = FilePath(kubectl_gitops.__file__).parent / "diff" / "human_managers.json"


def entries(obj: Object) -> list[Object]:
    return [entry for entry in obj["metadata"].get("managedFields") or [] if entry.get("fieldsV1")]


def key(raw: str) -> str:
    """A key of FieldsV1 with its JSON in one form."""
    kind, _, rest = raw.partition(":")
    return f"{kind}:{json.dumps(json.loads(rest), sort_keys=True)}" if kind in {"k", "v"} else raw


def members(fields_v1: Object, prefix: Path = ()) -> Iterator[tuple[Path, bool]]:
    """Each path in the set, and whether it is a leaf: without anything below it."""
    for raw, below in fields_v1.items():
        if raw == ".":
            continue
        path = (*prefix, key(raw))
        if not set(below) - {"."}:
            yield path, True
            continue
        if "." in below:
            yield path, False
        yield from members(below, path)


def ours(obj: Object) -> dict[Path, bool]:
    """What we own by server-side apply."""
    for entry in entries(obj):
        if (entry["manager"], entry["operation"], entry.get("subresource", "")) == (OURS, "Apply", ""):
            return dict(members(entry["fieldsV1"]))
    return {}


def shape(*objects: Object) -> Shape:
    """All paths that anybody owns in any of the objects, as a tree."""
    tree: Shape = {}
    for obj in objects:
        for entry in entries(obj):
            for path, _ in members(entry["fieldsV1"]):
                node = tree
                for step in path:
                    node = node.setdefault(step, {})
    return tree


@cache
def _globs() -> tuple[str, ...]:
    return tuple(entry["manager"] for entry in json.loads(_DATA.read_text()))


def is_person(manager: str) -> bool:
    """Whether the last glob of the list that fits says so."""
    fitting = [glob for glob in _globs() if fnmatchcase(manager, glob.removeprefix("!"))]
    return bool(fitting) and not fitting[-1].startswith("!")


_METADATA = {"f:labels", "f:annotations", "f:finalizers", "f:ownerReferences"}


def _is_desired_state(path: Path) -> bool:
    if path[0] == "f:metadata":
        return len(path) > 1 and path[1] in _METADATA
    return path[0] not in {"f:status", "f:apiVersion", "f:kind"}


def _covered(path: Path, owned: dict[Path, bool]) -> bool:
    """Whether a set holds the path, or a leaf above it."""
    return path in owned or any(owned.get(path[:n], False) for n in range(1, len(path)))


def added(live: Object, declared: dict[Path, bool]) -> set[Path]:
    """The fields that only people's clients own, and that are not declared. A list item of theirs counts as a whole.

    Paths of fields that are not there (an entry may be out of date) are among them: the caller looks.
    """
    theirs, others = _by_people_and_by_others(live)
    interior = {path[:n] for path in declared for n in range(1, len(path) + 1)}
    candidates = sorted(
        path
        for path, leaf in theirs.items()
        if (leaf or path[-1].startswith("k:"))
        and _is_desired_state(path)
        and path not in interior
        and not _covered(path, declared)
        and not _covered(path, others)
    )
    return set(_highest(candidates))


def shared_items(live: Object) -> set[Path]:
    """The list items that both a person's client and somebody else hold."""
    theirs, others = _by_people_and_by_others(live)
    return {path for path in theirs.keys() & others.keys() if path[-1].startswith("k:")}


def _by_people_and_by_others(live: Object) -> tuple[dict[Path, bool], dict[Path, bool]]:
    theirs: dict[Path, bool] = {}
    others: dict[Path, bool] = {}
    for entry in entries(live):
        if entry.get("subresource") == "status":
            continue
        person = is_person(entry["manager"]) and entry["manager"] != OURS
        into = theirs if person else others
        for path, leaf in members(entry["fieldsV1"]):
            into[path] = into.get(path, False) or leaf
    return theirs, others


def _highest(paths: Iterable[Path]) -> Iterator[Path]:
    """Those below none of the others."""
    taken: set[Path] = set()
    for path in sorted(paths, key=len):
        if not any(path[:n] in taken for n in range(1, len(path))):
            taken.add(path)
            yield path
