"""The reference of a declared object: what the API server would make of it, were it created anew. Pure.

It is asked for under another name, in a dry-run, and tells what is filled in without anybody asking for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubectl_gitops.api.objects import Object, digest, group_of

_PREFIX = "gitops-reference-"
#: Kinds whose name must end with their own spec.group: it is the group that gets another name.
_NAMED_BY_GROUP = {
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
}
_METADATA = ("labels", "annotations", "finalizers")


@dataclass(frozen=True, slots=True)
class StandIn:
    """A copy of a declared object that can be created beside it; ``invented`` stands for ``original`` in its text."""

    object: Object
    invented: str
    original: str

    def reference(self, answer: Object) -> Object:
        """What the API server's answer says of the declared object itself, without what is each object's own."""
        metadata = {name: value for name, value in answer["metadata"].items() if name in _METADATA}
        rest = {name: value for name, value in answer.items() if name not in {"metadata", "status"}}
        reference: Object = self._renamed({**rest, "metadata": metadata})
        return reference

    def _renamed(self, value: Any) -> Any:
        if isinstance(value, str):
            return value.replace(self.invented, self.original)
        if isinstance(value, dict):
            return {name: self._renamed(sub) for name, sub in value.items()}
        return [self._renamed(item) for item in value] if isinstance(value, list) else value


def stand_in(declared: Object) -> StandIn:
    """The copy to create: with another name, and without addresses and ports that only one object can have."""
    invented = _PREFIX + digest(declared)[:16]
    metadata, name = declared["metadata"], str(declared["metadata"]["name"])
    copy = {**declared, "metadata": {**metadata, "name": invented}}
    if declared["kind"] == "Service" and declared["apiVersion"] == "v1":
        return StandIn({**copy, "spec": _unallocated(declared.get("spec"))}, invented, name)
    spec = declared.get("spec")
    if (group_of(declared["apiVersion"]), declared["kind"]) in _NAMED_BY_GROUP and isinstance(spec, dict):
        group = str(spec.get("group"))
        elsewhere = f"{invented}.{group}"
        named = {**metadata, "name": f"{name.removesuffix(group)}{elsewhere}"}
        return StandIn({**declared, "metadata": named, "spec": {**spec, "group": elsewhere}}, f"{invented}.", "")
    return StandIn(copy, invented, name)


def _unallocated(spec: Any) -> Any:
    """A Service's spec without its own IPs and node ports; a headless one stays headless."""
    if not isinstance(spec, dict):
        return spec
    allocated = {"healthCheckNodePort"}
    allocated |= set() if spec.get("clusterIP") == "None" else {"clusterIP", "clusterIPs"}
    kept = {name: value for name, value in spec.items() if name not in allocated}
    ports = kept.get("ports")
    if isinstance(ports, list):
        kept["ports"] = [
            {name: value for name, value in port.items() if name != "nodePort"} if isinstance(port, dict) else port
            for port in ports
        ]
    return kept
