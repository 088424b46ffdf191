"""Which line sets each field that we own, from what reading a manifest has noted anyway: for the lines in snapshots.

FileLines (fieldlines.py) knows more (values, JSON, YAML's merges), and reads the file once more for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubectl_gitops.api.objects import Written
from kubectl_gitops.diff.fieldset import path_element
from kubectl_gitops.diff.path import ItemKey, PathElement
from kubectl_gitops.diff.secrets import is_secret
from kubectl_gitops.source.fieldlines import follow

_FieldsV1 = dict[str, Any]


def lines_of_fields(fields_v1: _FieldsV1, written: Written, first: int) -> tuple[int | None, ...]:
    """For each path of a field set, in the order of FieldSet.paths, how many lines after ``first`` it is set.

    None where no line does that.
    """
    if is_secret(written.object) and "f:data" in fields_v1:
        fields = {**fields_v1, "f:stringData": fields_v1["f:data"]}
    else:
        fields = fields_v1
    found: dict[int, int] = {}
    _note(written.object, fields, written.lines, written.start, found)
    lines: list[int | None] = []
    _list(fields_v1, found, lines)
    return tuple(None if line is None else line + 1 - first for line in lines)


def _note(value: Any, fields: _FieldsV1 | None, lines: Any, index: int, found: dict[int, int]) -> int:
    """Put the line of each node of the field set that is in ``value`` into ``found``, by the node's id().

    ``index`` is where the lines of what is in ``value`` begin; returned is where those of what follows it do.
    """
    children: Iterable[tuple[Any, Any]]
    if value.__class__ is dict:
        prefix, children = "f:", value.items()
    else:
        prefix, children = "", enumerate(value)
        fields = _by_index(value, fields) if fields else None
    for key, child in children:
        node = fields.get(f"{prefix}{key}") if fields else None
        if node is not None:
            found[id(node)] = lines[index]
        index += 1
        if child.__class__ is dict or child.__class__ is list:
            index = _note(child, node, lines, index, found)
    return index


def _by_index(items: list[Any], fields: _FieldsV1) -> _FieldsV1:
    """What the field set has of the items of a list, by their indexes instead of their keys or values."""
    found = ((_index(items, path_element(name)), node) for name, node in fields.items() if name != ".")
    return {str(index): node for index, node in found if index is not None}


def _index(items: list[Any], element: PathElement) -> int | str | None:
    if isinstance(element, ItemKey) and len(element.pairs) == 1:  # as most keys
        ((name, value),) = element.pairs
        for index, item in enumerate(items):
            if isinstance(item, dict) and item.get(name) == value:
                return index
    return next(iter(follow(items, (element,))), None)  # a part of the key may be left out


def _list(fields: _FieldsV1, found: dict[int, int], lines: list[int | None]) -> None:
    for name, node in fields.items():
        if name != ".":
            lines.append(found.get(id(node)))
            if node:
                _list(node, found, lines)
