"""The line of each field that we own, from reading a manifest once: what FileLines says, at next to no cost."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.api.objects import Declared
from kubectl_gitops.diff.compare import without_identity
from kubectl_gitops.diff.fieldset import FieldSet
from kubectl_gitops.diff.path import format_path
from kubectl_gitops.source.declared import declare
from kubectl_gitops.source.fieldlines import FileLines
from kubectl_gitops.source.written import lines_of_fields
from tests.unit.source.test_fieldlines import DEPLOYMENT
from tests.unit.webhook.cases import fields_v1


def lines(one: Declared, fields: dict[str, Any]) -> dict[str, int | None]:
    assert one.written is not None
    found = lines_of_fields(fields, one.written, one.origin.line)
    paths = [format_path(path) for path in FieldSet.parse(fields).paths()]
    assert len(found) == len(paths)
    return {path: None if line is None else one.origin.line + line for path, line in zip(paths, found, strict=True)}


def declared(text: str) -> list[Declared]:
    return declare(text.encode(), file="a.yaml")


def with_defaults(obj: dict[str, Any]) -> dict[str, Any]:
    for container in obj["spec"]["template"]["spec"]["containers"]:
        for port in container.get("ports", ()):
            port.setdefault("protocol", "TCP")
    return obj


@pytest.mark.parametrize(
    "before", ["", "---\n", "a: [&x {b: 1}, *x]\napiVersion: v1\nkind: A\nmetadata: {name: a}\n---\n"]
)
def test_they_are_those_of_one_who_reads_the_file_for_it(before: str) -> None:
    text = before + DEPLOYMENT
    one = declared(text)[-1]
    fields = fields_v1(without_identity(with_defaults(declared(text)[-1].object)))
    known = FileLines(text.encode(), file="a.yaml").at(one.origin.line)
    expected = {format_path(path): known.line_of(path) for path in FieldSet.parse(fields).paths()}
    assert lines(one, fields) == expected
    assert expected["spec.template.spec.containers[name=proxy].image"] == 25 + before.count("\n")


ALIASED = """\
apiVersion: v1
kind: Service
metadata:
  name: web
  labels: &labels
    app: web
    list: [a]
spec:
  selector: *labels
  type: ClusterIP
"""


def test_what_an_alias_stands_for_is_where_it_is_written() -> None:
    (one,) = declared(ALIASED.replace("    list: [a]\n", ""))
    assert lines(one, {"f:spec": {"f:selector": {"f:app": {}}, "f:type": {}, "f:other": {}}}) == {
        "spec": 7,
        "spec.selector": 8,
        "spec.selector.app": 6,
        "spec.type": 9,
        "spec.other": None,
    }


def test_each_item_of_a_list_has_its_own() -> None:
    item = "- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: %s}\n  data:\n    key: value\n"
    text = "apiVersion: v1\nkind: List\nitems:\n" + item % "one" + item % "two"
    fields: dict[str, Any] = {"f:data": {"f:key": {}}}
    assert [lines(one, fields)["data.key"] for one in declared(text)] == [8, 13]
    items = "- metadata: {name: one}\n- metadata: {name: two}\n  data: {key: value}\n"
    typed = f"apiVersion: v1\nkind: ConfigMapList\nitems:\n{items}"
    assert [lines(one, fields)["data.key"] for one in declared(typed)] == [None, 6]


def test_a_secrets_data_may_be_written_as_strings() -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  token: x\ndata:\n  key: eA==\n"
    assert lines(declared(text)[0], {"f:data": {"f:token": {}, "f:key": {}}}) == {
        "data": 6,
        "data.token": 5,
        "data.key": 7,
    }


ITEM = "{apiVersion: v1, kind: A, metadata: {name: a}}"


@pytest.mark.parametrize(
    "text",
    [
        '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}',
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  <<: {a: b}\n  c: d\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: '\x85'\n",
        f"apiVersion: v1\nkind: List\nitems: [{{apiVersion: v1, kind: List, items: [{ITEM}]}}]",
        f"x: &x [{ITEM}]\napiVersion: v1\nkind: List\nitems: *x\n",
    ],
    ids=["JSON", "merges", "other line breaks", "a list in a list", "a list by an alias"],
)
def test_where_they_would_cost_more_they_are_not_known(text: str) -> None:
    assert declared(text)[0].written is None
