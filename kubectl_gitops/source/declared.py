"""Documents become declared objects: checked for what every object needs, Lists taken apart, each with its origin."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from kubectl_gitops.api.names import HOOK_ANNOTATIONS
from kubectl_gitops.api.objects import Declared, Origin, ResourceKey, Written
from kubectl_gitops.diff.secrets import is_secret
from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source.document import ParsedDocument
from kubectl_gitops.source.encrypted import EncryptedManifest, is_encrypted, refuse_encrypted
from kubectl_gitops.source.manifest import parse
from kubectl_gitops.source.variables import Variables

#: What becomes of a file or an object that cannot be taken: an error, unless somebody collects them and goes on.
Refuse = Callable[[InvalidManifest], None]


def stop(error: InvalidManifest) -> None:
    """Go no further: whoever applies what is declared must have all of it."""
    raise error


class Duplicate(InvalidManifest):
    """Two declarations of one object."""


_JSON_TYPES = {bool: "boolean", int: "number", float: "number", list: "list", dict: "mapping"}


def declare(text: bytes, *, file: str, variables: Variables | None = None, refuse: Refuse = stop) -> list[Declared]:
    """The objects that one file declares, in order. Empty documents count for nothing.

    ``refuse`` is told what cannot be taken: the whole file where it cannot be read, else each object by itself.
    """
    try:
        documents = list(parse(text, file=file, substitute=variables.substitute if variables else None))
    except InvalidManifest as exc:
        refuse(exc)
        return []
    return [declared for document in documents for declared in expand(document, file, variables, refuse)]


def check(obj: Any, origin: Origin, written: Written | None = None, variables: Variables | None = None) -> Declared:
    """``obj`` as a declared object; InvalidManifest if it is not one, or could not be kept in sync."""
    if variables is not None:
        obj = variables.unsealed(obj, origin)
    if not isinstance(obj, dict):
        raise _invalid(origin, f"a Kubernetes object is a mapping, not {_described(obj)}")
    refuse_encrypted(obj, origin)
    if not obj.get("apiVersion") and not obj.get("kind"):
        raise _invalid(origin, "this is no Kubernetes object: it has neither apiVersion nor kind")
    for field in ("apiVersion", "kind"):
        _require_string(obj, field, field, origin)
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        raise _invalid(origin, f"{obj['kind']}: metadata must be a mapping with a name, not {_described(metadata)}")
    _check_metadata(obj["kind"], metadata, origin)
    if is_secret(obj):
        _check_secret(obj, origin)
    return Declared(object=obj, origin=origin, written=written)


def refuse_duplicates(declared: Iterable[Declared], refuse: Refuse = stop) -> list[Declared]:
    """All of ``declared``; InvalidManifest, naming both places, if two of them are one object."""
    seen: dict[ResourceKey, Declared] = {}
    for one in declared:
        if (first := seen.setdefault(one.key, one)) is not one:
            refuse(_duplicate(one, first))
    return list(seen.values())


def expand(
    document: ParsedDocument, file: str, variables: Variables | None = None, refuse: Refuse = stop
) -> Iterator[Declared]:
    """The objects of one document: itself, or the items of a List."""
    if not is_list(document.object):
        written = Written(document.object, document.lines) if document.lines else None
        yield from taken(document.object, Origin(file, document.line), written, variables, refuse)
        return
    refuse_encrypted(document.object, Origin(file, document.line))
    items = document.object["items"]
    lines = document.item_lines or (document.line,) * len(items)
    starts = (document.item_starts if document.lines else ()) or (None,) * len(items)
    for item, line, start in zip(items, lines, starts, strict=True):
        typed = _with_type(item, document.object)
        if is_list(typed):
            yield from expand(ParsedDocument(object=typed, line=line), file, variables, refuse)
        else:
            written = Written(item, document.lines, start) if start is not None else None
            yield from taken(typed, Origin(file, line), written, variables, refuse)


def taken(
    obj: Any, origin: Origin, written: Written | None, variables: Variables | None, refuse: Refuse
) -> list[Declared]:
    """``obj`` as a declared object; none if ``refuse`` went on."""
    try:
        return [check(obj, origin, written, variables)]
    except InvalidManifest as exc:
        refuse(exc)
        return []


def is_list(obj: Any) -> bool:
    """Whether ``obj`` stands for its items: a List, or one of a kind (ConfigMapList)."""
    return isinstance(obj, dict) and str(obj.get("kind")).endswith("List") and isinstance(obj.get("items"), list)


def _with_type(item: Any, parent: dict[str, Any]) -> Any:
    """The items of a typed list (ConfigMapList) may leave their type out; apimachinery fills it in alike."""
    kind = str(parent["kind"]).removesuffix("List")
    if not kind or not isinstance(item, dict) or item.get("kind"):
        return item
    return {**item, "apiVersion": item.get("apiVersion") or parent.get("apiVersion"), "kind": kind}


def _check_metadata(kind: str, metadata: dict[str, Any], origin: Origin) -> None:
    if metadata.get("generateName") and not metadata.get("name"):
        annotations = metadata.get("annotations")
        if not isinstance(annotations, dict) or annotations.keys().isdisjoint(HOOK_ANNOTATIONS):
            raise _invalid(
                origin, f"{kind}: metadata.generateName: an object without a fixed name cannot be kept in sync"
            )
        _require_string(metadata, "generateName", "metadata.generateName", origin)
    else:
        _require_string(metadata, "name", "metadata.name", origin)
    if metadata.get("namespace") is not None:
        _require_string(metadata, "namespace", "metadata.namespace", origin)
    for field in ("name", "generateName", "namespace"):
        # apimachinery's IsValidPathSegmentName: names become parts of URLs.
        if (value := metadata.get(field)) and (value in {".", ".."} or "/" in value or "%" in value):
            raise _invalid(origin, f"metadata.{field} {value!r} must not be '.' or '..', nor contain '/' or '%'")
    for field in ("labels", "annotations"):
        _check_strings(metadata.get(field), f"metadata.{field}", origin)


def _check_strings(mapping: Any, path: str, origin: Origin) -> None:
    if mapping is None:
        return
    if not isinstance(mapping, dict):
        raise _invalid(origin, f"{path} must be a mapping, not {_described(mapping)}")
    for key, value in mapping.items():
        if not isinstance(value, str):
            raise _invalid(origin, f"{path}.{key} must be a string, not {_described(value)}{_advice(value)}")


def _check_secret(secret: dict[str, Any], origin: Origin) -> None:
    """What the API server would refuse, because it would repeat the value, and we never do."""
    name = f"Secret/{secret['metadata'].get('name') or secret['metadata']['generateName']}"
    for field in ("data", "stringData"):
        values = secret.get(field)
        if values is not None and not isinstance(values, dict):
            raise _invalid(origin, f"{name}: {field} must be a mapping")
        for key, value in (values or {}).items():
            if value is not None and not isinstance(value, str):
                raise _invalid(origin, f"{name}: {field}.{key} must be a string{_advice(value)}")
            if value and is_encrypted(value):
                raise EncryptedManifest(f"{name}: {field}.{key}", file=origin.path, line=origin.line)
            if field == "data" and value:
                _check_data(f"{name}: data.{key}", value, origin)
    if not isinstance(secret.get("type", ""), str | None):
        raise _invalid(origin, f"{name}: type must be a string")


def _check_data(where: str, text: str, origin: Origin) -> None:
    try:
        # As Go's decoder has it, which passes over line breaks.
        content = base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except ValueError as exc:
        raise _invalid(origin, f"{where} is not base64; plain text goes into stringData") from exc
    if is_encrypted(content.decode(errors="replace")):
        raise EncryptedManifest(where, file=origin.path, line=origin.line)


def _require_string(mapping: dict[str, Any], field: str, path: str, origin: Origin) -> None:
    value = mapping.get(field)
    if value is None or value == "":
        raise _invalid(origin, f"{path} is missing")
    if not isinstance(value, str):
        raise _invalid(origin, f"{path} must be a string, not {_described(value)}{_advice(value)}")


def _described(value: Any) -> str:
    """``the number 1``; only the type of what may be long."""
    match value:
        case None:
            return "null"
        case str():
            return "a string"
        case list() | dict():
            return f"a {_JSON_TYPES[type(value)]}"
    return f"the {_JSON_TYPES[type(value)]} {orjson.dumps(value).decode()}"


def _advice(value: Any) -> str:
    return "; quote it" if isinstance(value, bool | int | float) else ""


def _duplicate(one: Declared, first: Declared) -> Duplicate:
    message = f"{one.key.described} is declared already, at {first.origin}"
    return Duplicate(message, file=one.origin.path, line=one.origin.line)


def _invalid(origin: Origin, message: str) -> InvalidManifest:
    return InvalidManifest(message, file=origin.path, line=origin.line)
