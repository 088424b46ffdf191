"""The schemas of Kubernetes' own kinds, as kubernetes.json.gz has them (``make schemas``)."""

from __future__ import annotations

import functools
import gzip
import json
from importlib import resources
from typing import Any

from kubectl_gitops.api.objects import group_of

Schema = dict[str, Any]

_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


@functools.cache
def _document() -> dict[str, Any]:
    packed = resources.files("kubectl_gitops.check").joinpath("kubernetes.json.gz").read_bytes()
    loaded: dict[str, Any] = json.loads(gzip.decompress(packed))
    return loaded


def version() -> str:
    """The version of Kubernetes whose kinds these are: ``1.37``."""
    return str(_document()["version"])


def find(api_version: str, kind: str) -> Schema | None:
    """The schema of a kind, in which unknown fields are forbidden; None where Kubernetes has no such kind."""
    name = _document()["kinds"].get(f"{api_version} {kind}")
    return None if name is None else _named(name)


def of_metadata() -> Schema:
    """The schema of ``metadata``, the same for all kinds."""
    return _named(_METADATA)


def is_own_group(api_version: str) -> bool:
    """Whether only Kubernetes itself has kinds in this group, so that one it does not have is a mistake."""
    group = group_of(api_version)
    return "." not in group or group in _groups()


def api_versions_of(kind: str) -> list[str]:
    """The API versions that have a kind, in order."""
    return sorted(known.partition(" ")[0] for known in _document()["kinds"] if known.partition(" ")[2] == kind)


@functools.cache
def _groups() -> frozenset[str]:
    return frozenset(group_of(known.partition(" ")[0]) for known in _document()["kinds"])


def _named(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}", "$defs": _document()["$defs"]}
