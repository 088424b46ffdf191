"""The one JSON Schema of GitSync: the CRD and the offline check both come from it."""

from __future__ import annotations

import copy
import functools
import json
import re
from importlib import resources
from typing import Any

from kubectl_gitops.api.finding import Position
from kubectl_gitops.api.names import API_VERSION, GROUP, KIND, PLURAL, VERSION
from kubectl_gitops.api.objects import Object

_COLUMNS = [
    {"name": "Revision", "type": "string", "jsonPath": ".status.synced.revision"},
    {"name": "Synced", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Synced")].status'},
    {"name": "Health", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Healthy")].reason'},
    {"name": "Drift", "type": "integer", "jsonPath": ".status.objects.drifted"},
    {"name": "Enforcement", "type": "string", "jsonPath": ".spec.enforcement.mode"},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]


@functools.cache
def schema() -> dict[str, Any]:
    """The schema as it stands in gitsync.schema.json. Not to be changed in place."""
    text = resources.files("kubectl_gitops.api").joinpath("gitsync.schema.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def custom_resource_definition() -> Object:
    """The CRD of GitSync."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": KIND, "plural": PLURAL, "singular": "gitsync", "shortNames": ["gs"]},
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _COLUMNS,
                    "schema": {"openAPIV3Schema": copy.deepcopy(schema())},
                }
            ],
        },
    }


def faults_of(obj: Any) -> list[str]:
    """What is wrong with a GitSync, each as ``path: what``; [] for a valid one.

    Stricter than the API server, which drops unknown fields in silence: here they are faults.
    """
    if not isinstance(obj, dict):
        return ["not an object"]
    return [f"{_path(position)}: {words}" for position, words in field_faults(obj)]


def field_faults(obj: Object) -> list[tuple[Position, str]]:
    """The same of a mapping, each with the keys and indexes that lead to it."""
    import jsonschema

    faults: list[tuple[Position, str]] = [
        ((name,), f"must be {wanted!r}, not {obj.get(name)!r}")
        for name, wanted in (("apiVersion", API_VERSION), ("kind", KIND))
        if obj.get(name) != wanted
    ]
    validator = jsonschema.Draft202012Validator(_strict(schema()))
    errors = sorted(validator.iter_errors(obj), key=lambda error: [str(part) for part in error.absolute_path])
    in_fields = [(tuple(error.absolute_path), _words(error)) for error in errors]
    return [*faults, *_name_faults(obj.get("metadata", {})), *in_fields]


# apimachinery's IsDNS1123Subdomain; the schema of a CRD may not say it.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def _name_faults(metadata: Any) -> list[tuple[Position, str]]:
    if not isinstance(metadata, dict):
        return []  # the schema says so
    if not metadata.get("name"):
        return [(("metadata", "name"), "is required")]
    named = {field: metadata[field] for field in ("name", "namespace") if metadata.get(field) is not None}
    return [
        (
            ("metadata", field),
            f"{value!r} is no name: lower case letters and digits, with '-' and '.' between them",
        )
        for field, value in named.items()
        if not isinstance(value, str) or not _NAME.fullmatch(value)
    ]


def with_defaults(obj: Object) -> Object:
    """A copy with the schema's defaults filled in, as the API server does on admission."""
    filled = copy.deepcopy(obj)
    _fill(filled, schema())
    return filled


def _fill(value: Any, node: dict[str, Any]) -> None:
    if not isinstance(value, dict):
        return
    for name, sub in node.get("properties", {}).items():
        if name not in value and "default" in sub:
            value[name] = copy.deepcopy(sub["default"])
        if name in value:
            _fill(value[name], sub)


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    strict = {name: _strict(sub) for name, sub in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") == "object":
        strict["additionalProperties"] = False
    return strict


def _path(position: Position) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in position)
    return path.lstrip(".") or "the object"


def _words(error: Any) -> str:
    if error.validator == "additionalProperties":
        known = ", ".join(sorted(error.schema["properties"]))
        unknown = ", ".join(sorted(error.instance.keys() - error.schema["properties"].keys()))
        return f"unknown field {unknown} (there is {known})"
    if error.validator == "required":
        return str(error.message).replace("is a required property", "is required")
    if error.validator == "anyOf":
        return "give " + " or ".join(one for choice in error.validator_value for one in choice["required"])
    if error.validator == "oneOf":
        return f"is not what belongs here: {error.schema['description']}"
    if error.validator == "pattern" and "description" in error.schema:
        return f"{error.instance!r} is not what belongs here: {error.schema['description'].rstrip('.')}"
    return str(error.message)
