"""Kinds of Kubernetes, and of CRDs: what is valid passes, and what has one field too many does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_gitops.check.schemas import Schemas
from tests.oracle.builtin import BUILTIN
from tests.oracle.custom import CRDS, CUSTOM
from tests.oracle.kinds import Kind

SCHEMAS = Schemas(CRDS)


def made(kind: Kind, body: Any) -> dict[str, Any]:
    identity = kind.identity("shop", "x")
    metadata = {**identity["metadata"], **(body.get("metadata") or {})}
    return {**identity, **body, "metadata": metadata}


@pytest.mark.parametrize("kind", [*BUILTIN, *CUSTOM], ids=lambda kind: kind.name)
def test_each_kind_is_known_and_what_the_api_server_takes_is_fine(kind: Kind) -> None:
    @settings(max_examples=25)
    @given(kind.body, st.booleans())
    def holds(body: Any, misspelt: bool) -> None:
        obj = made(kind, body)
        assert SCHEMAS.has(obj["apiVersion"], obj["kind"])
        assert SCHEMAS.faults(obj) == []
        if misspelt:
            (fault,) = SCHEMAS.faults({**obj, "spek": {}})
            assert fault.position == ("spek",)

    holds()


@pytest.mark.parametrize(
    ("quantity", "is_one"),
    [("500m", True), ("2Gi", True), (1, True), (0.5, True), ("1e3", True), ("1 core", False), ("", False), ([], False)],
)
def test_quantities_are_what_the_api_server_takes_for_them(quantity: Any, is_one: bool) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q"},
        "spec": {"hard": {"cpu": quantity}},
    }
    assert (SCHEMAS.faults(quota) == []) is is_one


def test_a_null_is_as_if_left_out() -> None:
    settings_ = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": None}, "data": None}
    assert SCHEMAS.faults(settings_) == []
