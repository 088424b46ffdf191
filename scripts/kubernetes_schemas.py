"""`make schemas`: the schemas of Kubernetes' own kinds, for `kubectl gitops check`, in a form of a few kilobytes.

They come from the data of the package kubernetes-validate, which are Kubernetes' published OpenAPI documents with
unknown fields forbidden. That package has 108 MB on disk, of every version of Kubernetes with all descriptions; so it
is read here, and not when the check is run. Usage: python -m scripts.kubernetes_schemas DIRECTORY
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "kubectl_gitops" / "check" / "kubernetes.json.gz"

_KEPT = {"$ref", "additionalProperties", "enum", "items", "properties", "required", "type"}
_INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
#: Where the published document says less than the API server asks for; the pattern is apimachinery's own.
_REPLACED = {
    _INT_OR_STRING: {"type": ["integer", "string"]},
    _QUANTITY: {
        "type": ["string", "number"],
        "pattern": r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$",
        "description": "a quantity, such as 500m or 2Gi",
    },
}


def main(directory: Path) -> None:
    """Write TARGET from the newest version below ``directory``, where kubernetes-validate is installed."""
    strict = (directory / "kubernetes_validate" / "kubernetes-json-schema").glob("v*-local-strict")
    version, newest = max((_version(path), path) for path in strict)
    definitions = json.loads((newest / "_definitions.json").read_text())["$defs"]
    kinds = {gvk: name for name, node in definitions.items() for gvk in _gvks(node) if not gvk.endswith("List")}
    needed = _reachable(definitions, [*kinds.values(), "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"])
    content = {
        "version": ".".join(map(str, version)),
        "kinds": kinds,
        "$defs": {name: _REPLACED.get(name) or _node(definitions[name]) for name in needed},
    }
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    TARGET.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def _version(path: Path) -> tuple[int, int]:
    major, minor = re.findall(r"\d+", path.name)[:2]
    return int(major), int(minor)


def _gvks(node: dict[str, Any]) -> list[str]:
    """``apps/v1 Deployment``. What belongs to every group (DeleteOptions) is no object."""
    gvks = node.get("x-kubernetes-group-version-kind", [])
    if len(gvks) != 1 or "metadata" not in node.get("properties", {}):
        return []
    group, version, kind = (gvks[0][part] for part in ("group", "version", "kind"))
    return [f"{group}/{version} {kind}" if group else f"{version} {kind}"]


def _reachable(definitions: dict[str, Any], names: Iterable[str]) -> list[str]:
    found, pending = set[str](), list(names)
    while pending:
        if (name := pending.pop()) not in found:
            found.add(name)
            pending += re.findall(r'"#/\$defs/([^"]+)"', json.dumps(definitions[name]))
    return sorted(found)


def _node(node: Any) -> Any:
    """A schema without what says nothing about validity. Nulls are dropped before anything is checked."""
    if not isinstance(node, dict):
        return node
    kept = {key: value for key, value in node.items() if key in _KEPT}
    if isinstance(kept.get("type"), list):
        types = [one for one in kept["type"] if one != "null"]
        kept["type"] = types[0] if len(types) == 1 else types
    if "properties" in kept:
        kept["properties"] = {name: _node(sub) for name, sub in kept["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in kept:
            kept[key] = _node(kept[key])
    return kept


if __name__ == "__main__":
    main(Path(sys.argv[1]))
