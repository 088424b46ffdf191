"""A CRD's structural schema as JSON Schema, and what the API server does to an object before it applies it.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
Only keywords named here are taken over, so that no schema can refer to another document.
"""

from __future__ import annotations

import copy
from typing import Any

Schema = dict[str, Any]

#: With the same meaning in both.
_TAKEN = (
    "enum", "maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties", "pattern",
)  # fmt: skip
_TYPES = frozenset({"array", "boolean", "integer", "number", "object", "string"})
_BOUNDS = {"maximum": "exclusiveMaximum", "minimum": "exclusiveMinimum"}
_COMBINED = ("allOf", "anyOf", "oneOf")
_PRESERVED = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING = "x-kubernetes-int-or-string"
_EMBEDDED = "x-kubernetes-embedded-resource"


def strict(node: Any) -> Schema:
    """The JSON Schema in which a field that ``node`` does not know is an error, as with strict field validation."""
    if not isinstance(node, dict):
        return {}
    schema = _values(node)
    properties = {name: strict(sub) for name, sub in _properties(node).items()}
    if node.get(_EMBEDDED):
        properties = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, **properties, "metadata": {}}
    if properties:
        schema["properties"] = properties
    if "items" in node:
        schema["items"] = strict(node["items"])
    if isinstance(node.get("additionalProperties"), dict):
        schema["additionalProperties"] = strict(node["additionalProperties"])
    elif node.get("type") == "object" and not node.get(_PRESERVED) and node.get("additionalProperties") is not True:
        schema["additionalProperties"] = False
    return schema


def of_custom_resource(node: Any) -> Schema:
    """The same for a whole object, whose type and metadata are not the CRD's business."""
    if not isinstance(node, dict):
        return {}
    schema = strict({"type": "object", **node})
    schema["properties"] = {**schema.get("properties", {}), "apiVersion": {}, "kind": {}, "metadata": {}}
    return schema


def completed(value: Any, node: Any) -> Any:
    """A copy of ``value`` with defaults filled in, as the API server does it, in the place of nulls too.

    Items of lists stay where they are.
    """
    if not isinstance(node, dict):
        return value
    if isinstance(value, list):
        return [completed(item, node.get("items")) for item in value]
    if not isinstance(value, dict):
        return value
    properties, others = _properties(node), node.get("additionalProperties")
    found = {}
    for name, one in value.items():
        sub = properties.get(name, others)
        if one is not None or not _replaces_null(sub):
            found[name] = completed(one, sub)
    for name, sub in properties.items():
        if name not in found and isinstance(sub, dict) and "default" in sub:
            found[name] = completed(copy.deepcopy(sub["default"]), sub)
    return found


def _replaces_null(sub: Any) -> bool:
    return isinstance(sub, dict) and "default" in sub and not sub.get("nullable")


def _properties(node: Schema) -> dict[str, Any]:
    properties = node.get("properties")
    return properties if isinstance(properties, dict) else {}


def _values(node: Schema) -> Schema:
    """What a node says of values, without what it says of unknown fields."""
    schema = {key: node[key] for key in _TAKEN if key in node}
    for bound, exclusive in _BOUNDS.items():
        if bound in node:
            schema[exclusive if node.get(exclusive) is True else bound] = node[bound]
    types = ["integer", "string"] if node.get(_INT_OR_STRING) else [node["type"]] if node.get("type") in _TYPES else []
    if isinstance(factor := node.get("multipleOf"), int | float) and factor > 0:
        schema["multipleOf"] = factor
    if types:
        schema["type"] = [*types, "null"] if node.get("nullable") else types
    if isinstance(node.get("required"), list):
        schema["required"] = node["required"]
    for key in _COMBINED:
        if isinstance(node.get(key), list):
            schema[key] = [_only_values(sub) for sub in node[key]]
    if isinstance(node.get("not"), dict):
        schema["not"] = _only_values(node["not"])
    return schema


def _only_values(node: Any) -> Schema:
    """A branch of allOf, anyOf, oneOf or not: there nothing is said of what fields there are."""
    if not isinstance(node, dict):
        return {}
    schema = _values(node)
    if properties := _properties(node):
        schema["properties"] = {name: _only_values(sub) for name, sub in properties.items()}
    if "items" in node:
        schema["items"] = _only_values(node["items"])
    if isinstance(node.get("additionalProperties"), dict):
        schema["additionalProperties"] = _only_values(node["additionalProperties"])
    return schema
