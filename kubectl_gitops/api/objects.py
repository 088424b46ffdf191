"""What Kubernetes objects are here: plain dicts, a key to find them by, and where Git declares them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

#: A Kubernetes object as JSON gives it. Never wrapped, never a model.
Object = dict[str, Any]


class ResourceKey(NamedTuple):
    """One object of the cluster, whatever the version it is served in; ``namespace`` is "" for cluster scope."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """``Deployment/web`` with the group only where it is not a built-in one, as people write it."""
        kind = f"{self.kind}.{self.group}" if "." in self.group and not self.group.endswith(".k8s.io") else self.kind
        return f"{kind}/{self.name}"

    @property
    def described(self) -> str:
        """``Deployment/web in namespace shop``, for messages."""
        return f"{self} in namespace {self.namespace}" if self.namespace else str(self)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an object is declared: a path relative to the repository's root, and a line from 1."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Written(NamedTuple):
    """An object as its file has it, with nothing filled in yet, and where that stands.

    ``lines`` are, from index ``start`` on, those of all keys and list items, counted from 0, in the order in which
    one comes upon them in ``object``. To note no more than these costs a reader of manifests next to nothing.
    """

    object: Object
    lines: Sequence[int]
    start: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One object as Git declares it, ready to be applied, and where it says so.

    ``written`` tells the line of each field; None where only the object's own is known.
    """

    object: Object
    origin: Origin
    written: Written | None = field(default=None, repr=False, compare=False)

    @property
    def api_version(self) -> str:
        return str(self.object["apiVersion"])

    @property
    def kind(self) -> str:
        return str(self.object["kind"])

    @property
    def name(self) -> str:
        """The name; of a hook that has none yet, what it is generated from."""
        metadata = self.object["metadata"]
        return str(metadata.get("name") or metadata.get("generateName") or "")

    @property
    def namespace(self) -> str:
        return str(self.object["metadata"].get("namespace") or "")

    @property
    def key(self) -> ResourceKey:
        return key_of(self.object)


def group_of(api_version: str) -> str:
    """``apps/v1`` -> ``apps``; ``v1`` -> ``""``."""
    group, slash, _ = api_version.partition("/")
    return group if slash else ""


def key_of(obj: Object) -> ResourceKey:
    """The key of an object that has apiVersion, kind and a name (or a hook's generateName, in place of one)."""
    metadata = obj["metadata"]
    return ResourceKey(
        group_of(obj["apiVersion"]),
        obj["kind"],
        metadata.get("namespace") or "",
        metadata.get("name") or metadata.get("generateName") or "",
    )


def digest(value: Any) -> str:
    """A short stable hash (128 bits, hex) of any JSON value."""
    return hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
