"""Custom resources are checked as the API server checks them by their CRD."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.check.schemas import Schemas
from kubectl_gitops.diff.path import format_path

STRING, INTEGER = {"type": "string"}, {"type": "integer"}


def mapping(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def definition(spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": mapping(spec=spec)}}
            ],
        },
    }


def faults(spec_schema: Any, spec: Any, **others: Any) -> list[str]:
    schemas = Schemas([definition(spec_schema)])
    assert schemas.has("example.com/v1", "Widget")
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec, **others}
    return [f"{format_path(one.position)}: {one.message}" for one in schemas.faults(widget)]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (mapping(a=STRING), {"a": "x"}),
        (mapping(a={"x-kubernetes-int-or-string": True}), {"a": 1}),
        (mapping(a={"x-kubernetes-int-or-string": True}), {"a": "50%"}),
        (mapping(a=STRING | {"nullable": True}), {"a": None}),
        (mapping(a=STRING | {"default": "x"}) | {"required": ["a"]}, {}),
        (mapping(a=STRING | {"default": "x"}) | {"required": ["a"]}, {"a": None}),
        (mapping(a=mapping(b=INTEGER | {"default": 1}) | {"default": {}, "required": ["b"]}), {}),
        ({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, {"a": {"b": 1}}),
        (mapping(a=STRING) | {"x-kubernetes-preserve-unknown-fields": True}, {"b": 1}),
        ({"type": "object", "additionalProperties": INTEGER}, {"b": 1}),
        ({"type": "object", "additionalProperties": True}, {"b": "x"}),
        ({"x-kubernetes-preserve-unknown-fields": True}, [1, "a"]),
        (
            {"type": "object", "x-kubernetes-embedded-resource": True} | mapping(spec=mapping(x=INTEGER)),
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {}}, "spec": {"x": 1}},
        ),
        (mapping(a=INTEGER, b=INTEGER) | {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"b": 1}),
        (mapping(a=INTEGER | {"maximum": 3, "exclusiveMaximum": False}), {"a": 3}),
    ],
)
def test_what_the_api_server_takes_is_fine(schema: Any, value: Any) -> None:
    assert faults(schema, value) == []


@pytest.mark.parametrize(
    ("schema", "value", "fault"),
    [
        (mapping(size=STRING), {"sise": "x"}, "spec.sise: unknown field; did you mean size?"),
        (mapping(a={"type": "array", "items": mapping(b=STRING)}), {"a": [{}, {"c": 1}]}, "spec.a[1].c: unknown field"),
        (mapping(), {"a": 1}, "spec.a: unknown field"),
        (mapping(a=STRING), {"a": True}, "spec.a: must be a string, not true; quote it"),
        (mapping(a=STRING), {"a": [1]}, "spec.a: must be a string, not a list"),
        (mapping(a=INTEGER) | {"required": ["a"]}, {}, "spec: a is missing"),
        # Only a default stands in for a null.
        (mapping(a=INTEGER) | {"required": ["a"]}, {"a": None}, "spec.a: must be an integer, not null"),
        (mapping(a=STRING | {"nullable": True, "enum": ["x"]}), {"a": None}, "spec.a: must be one of x, not null"),
        (mapping(a={"x-kubernetes-int-or-string": True}), {"a": True}, "spec.a: must be an integer or a string"),
        (mapping(a=STRING | {"enum": ["x", "y"]}), {"a": "z"}, "spec.a: must be one of x, y, not 'z'"),
        (mapping(a=STRING | {"pattern": "^a+$"}), {"a": "b"}, "spec.a: must be what ^a+$ describes, not 'b'"),
        (mapping(a=STRING | {"minLength": 2}), {"a": "b"}, "spec.a: must have at least 2 characters"),
        (mapping(a=INTEGER | {"maximum": 3}), {"a": 4}, "spec.a: must be at most 3"),
        (mapping(a=INTEGER | {"maximum": 3, "exclusiveMaximum": True}), {"a": 3}, "spec.a: must be less than 3"),
        (
            mapping(a=INTEGER, b=INTEGER) | {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {},
            "spec: has none of the forms that the schema allows",
        ),
    ],
)
def test_what_it_refuses_is_a_fault_with_its_path(schema: Any, value: Any, fault: str) -> None:
    (found,) = faults(schema, value)
    assert found.startswith(fault)


def test_a_status_does_not_count_because_it_is_never_applied() -> None:
    assert faults(mapping(), {}, status={"phase": 1}) == []


def test_a_crd_that_is_itself_wrong_is_not_checked_by() -> None:
    broken = definition(mapping(a={"type": 7}))
    schemas = Schemas([broken])
    assert not schemas.has("example.com/v1", "Widget")
    assert schemas.faults(broken) != []


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "strange"},
        {"type": "integer", "multipleOf": 0},
        {"$ref": "https://elsewhere.example/schema"},
        {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}},
        {"type": "string", "pattern": "("},
        {"items": 7, "additionalProperties": "x"},
        {"enum": []},
        {"anyOf": [{"not": {"type": "x"}}]},
    ],
)
def test_no_schema_can_do_harm(odd: Any) -> None:
    for value in ({"a": 1}, 1, "x", [1], None):
        faults(odd, value)


def test_a_pattern_that_would_take_for_ever_is_given_up() -> None:
    schemas = Schemas([definition(mapping(a=STRING | {"pattern": "^(a+)+$"}))])
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    assert schemas.faults({**widget, "spec": {"a": "a" * 60 + "!"}}) == []
    assert schemas.patterns.given_up == {"^(a+)+$"}


def test_fields_are_checked_as_deep_as_manifests_may_nest() -> None:
    schema: Any = STRING
    value: Any = 1
    for _ in range(55):  # a level of a schema is two of its manifest, which may have 128
        schema, value = mapping(a=schema), {"a": value}
    assert faults(schema, value) == [f"spec{'.a' * 55}: must be a string, not 1; quote it"]
