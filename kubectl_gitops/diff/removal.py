"""Take away what people added: the JSON patch (RFC 6902) that removes fields from one very object. Pure.

A server-side apply leaves to others what it does not declare, so only a patch removes it. Each removal is guarded: the
patch first tests that the object is the same, that it is not on its way out, and that what goes is still what was
looked at, at the very index where it was. Where one test fails, the API server changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kubectl_gitops.diff.additions import is_human
from kubectl_gitops.diff.fieldset import FieldSet, managed_fields
from kubectl_gitops.diff.path import FieldPath, ItemKey, SetMember, same
from kubectl_gitops.diff.secrets import is_secret

#: Where a value stands in a JSON document: names and list indexes.
_Location = tuple[str | int, ...]
Operation = dict[str, Any]


def removal_patch(
    live: dict[str, Any], paths: Iterable[FieldPath], declared: FieldSet, humans: Iterable[str]
) -> list[Operation]:
    """The operations that remove the fields at ``paths`` from ``live``; [] where nothing may be removed.

    ``declared`` is what Git declares and ``humans`` the globs of people's clients. What anybody else owns a part of
    stays. A map or list that is left empty by it, and is nobody else's, goes as well.
    """
    theirs = tuple(humans)
    others = [
        FieldSet.parse(entry["fieldsV1"])
        for entry in managed_fields(live)
        if not is_human(str(entry.get("manager")), theirs) and entry.get("subresource") != "status"
    ]

    def is_nobody_elses(path: FieldPath) -> bool:
        return declared.at(path) is None and all(fields.at(path) is None for fields in others)

    found = dict(pair for path in paths if is_nobody_elses(path) for pair in _locations(live, path))
    if not found:
        return []
    while wider := next(_emptied(live, found, is_nobody_elses), None):
        location, path = wider
        found = {one: its for one, its in found.items() if one[: len(location)] != location} | {location: path}
    return [*_guards(live, found), *({"op": "remove", "path": _pointer(one)} for one in _last_first(found))]


def _locations(live: Any, path: FieldPath) -> Iterator[tuple[_Location, FieldPath]]:
    """Every location at a path, for list items may have the same key; each with the path."""
    places: list[tuple[_Location, Any]] = [((), live)]
    for element in path:
        places = [((*where, token), sub) for where, value in places for token, sub in _children(value, element)]
    yield from ((where, path) for where, _ in places)


def _children(value: Any, element: str | int | ItemKey | SetMember) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict) and isinstance(element, str) and element in value:
        yield element, value[element]
    for index, item in enumerate(value if isinstance(value, list) else ()):
        match element:
            case ItemKey():
                is_it = element.matches(item)
            case SetMember(wanted):
                is_it = same(item, wanted)
            case _:
                is_it = element == index
        if is_it:
            yield index, item


def _emptied(
    live: Any, found: Mapping[_Location, FieldPath], is_nobody_elses: Callable[[FieldPath], bool]
) -> Iterator[tuple[_Location, FieldPath]]:
    """The maps and lists of which nothing would be left, and that may go themselves."""
    gone: dict[_Location, int] = defaultdict(int)
    for location in found:
        gone[location[:-1]] += 1
    for location, path in found.items():
        parent, its_path = location[:-1], path[:-1]
        if len(its_path) == 0 or its_path == ("metadata",) or isinstance(its_path[-1], ItemKey):
            continue
        if gone[parent] == len(_value(live, parent)) and is_nobody_elses(its_path):
            yield parent, its_path


def _guards(live: dict[str, Any], found: Mapping[_Location, FieldPath]) -> Iterator[Operation]:
    metadata = live["metadata"]
    yield _test(("metadata", "uid"), metadata.get("uid"))
    yield _test(("metadata", "deletionTimestamp"), None)
    if is_secret(live):  # its values belong into no more requests, and so into no more audit logs, than need be
        yield _test(("metadata", "resourceVersion"), metadata.get("resourceVersion"))
        return
    for location, path in found.items():
        for depth, element in enumerate(path[:-1]):
            if isinstance(element, ItemKey):  # another item may have taken its index
                yield from (_test((*location[: depth + 1], name), value) for name, value in element.pairs)
        yield _test(location, _value(live, location))


def _test(location: _Location, value: Any) -> Operation:
    return {"op": "test", "path": _pointer(location), "value": value}


def _value(live: Any, location: _Location) -> Any:
    for token in location:
        live = live[token]
    return live


def _pointer(location: _Location) -> str:
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in location)


def _last_first(found: Iterable[_Location]) -> list[_Location]:
    """So that no removal moves what is still to be removed."""
    return sorted(found, key=lambda one: [(isinstance(token, int), token) for token in one], reverse=True)
