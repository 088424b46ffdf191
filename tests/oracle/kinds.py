"""What a kind is to the oracle: where it is served, and what random objects of it look like."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.oracle.managedfields import Object
from tests.oracle.values import Strategy


@dataclass(frozen=True, kw_only=True)
class Kind:
    """``name`` tells apart what is tested; ``kind`` is given where that is another. ``body`` makes all but
    apiVersion, kind and metadata.

    ``fixed`` are the fields that the API server lets nobody change, and that are the same in all objects of one walk.
    ``status`` is what a controller writes to the subresource. ``also_served`` is another version of the same objects.
    """

    name: str
    api_version: str
    plural: str
    body: Strategy = field(repr=False)
    kind: str = ""
    namespaced: bool = True
    fixed: tuple[tuple[str, ...], ...] = ()
    status: Object | None = None
    also_served: str = ""

    def identity(self, namespace: str, name: str) -> Object:
        """What makes an object this one, and nothing else."""
        metadata = {"name": name, **({"namespace": namespace} if self.namespaced else {})}
        return {"apiVersion": self.api_version, "kind": self.kind or self.name, "metadata": metadata}

    def path(self, namespace: str, name: str = "", *, api_version: str = "") -> str:
        version = api_version or self.api_version
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        place = [f"namespaces/{namespace}"] if self.namespaced else []
        return "/".join([root, *place, self.plural, *([name] if name else [])])


def with_fixed(kind: Kind, first: Object, other: Object) -> Object:
    """``other`` with the fields of ``first`` that nobody may change."""
    result = other
    for path in kind.fixed:
        result = _put(result, path, _take(first, path))
    return result


def _take(obj: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        obj = obj.get(name) if isinstance(obj, dict) else None
    return obj


def _put(obj: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    rest = dict(obj) if isinstance(obj, dict) else {}
    if path[1:] or value is not None:
        rest[path[0]] = _put(rest.get(path[0]), path[1:], value)
    else:
        rest.pop(path[0], None)
    return rest
