"""Values of Secrets on their way from Git to the API server, and to whoever looks on."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kubectl_gitops.api.objects import Declared, Origin
from kubectl_gitops.sync.prepare import prepare
from kubectl_gitops.sync.showing import shown

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def secret(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "credentials"}, **fields}


def prepared(**fields: Any) -> Any:
    declared = Declared(object=secret(**fields), origin=Origin("secret.yaml", 1))
    (ready,) = prepare([declared], is_namespaced=lambda *_: True, namespace="shop", label=None)
    return ready.object


def test_string_data_becomes_data_and_wins() -> None:
    made = prepared(data={"a": "eA==", "b": "eA=="}, stringData={"b": "ü", "c": ""})
    assert made["data"] == {"a": "eA==", "b": base64.b64encode("ü".encode()).decode(), "c": ""}
    assert "stringData" not in made


def test_null_is_no_value() -> None:
    assert prepared(stringData={"a": None, "b": "x"})["data"] == {"b": "eA=="}
    assert prepared(data={"a": None, "b": "eA=="})["data"] == {"b": "eA=="}


@pytest.mark.parametrize("field", ["data", "stringData", "stringdata", "binaryData"])
@pytest.mark.parametrize(
    ("value", "masked"), [({"k": "v3ry"}, {"k": "***"}), ("v3ry", "***"), (["v3ry"], "***"), (None, None)]
)
def test_no_field_that_can_hold_values_is_shown(field: str, value: Any, masked: Any) -> None:
    obj = secret(**{field: value}, type="Opaque", immutable=True)
    assert shown(obj) == {**obj, field: masked}


def test_the_copy_that_kubectl_apply_leaves_is_masked_and_nothing_else_of_the_metadata() -> None:
    obj = secret()
    obj["metadata"]["annotations"] = {LAST_APPLIED: '{"data":{"k":"djNyeQ=="}}', "team": "shop"}
    assert shown(obj)["metadata"] == {"name": "credentials", "annotations": {LAST_APPLIED: "***", "team": "shop"}}
    assert "djNyeQ==" in obj["metadata"]["annotations"][LAST_APPLIED]


def test_other_kinds_are_shown_as_they_are() -> None:
    obj = {**secret(data={"k": "v"}), "kind": "ConfigMap"}
    assert shown(obj) is obj
