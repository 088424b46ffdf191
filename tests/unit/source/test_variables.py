"""What ``${NAME}`` in manifests becomes, and what it cannot become."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source.declared import declare
from kubectl_gitops.source.manifest import parse
from kubectl_gitops.source.variables import Variables

VALUES = {"N": "3", "NAME": "web", "EMPTY": "", "EVIL": "a\nb: [c] # }", "YES": "yes", "AGAIN": "${N}"}


def read(text: str, values: dict[str, str] | None = None) -> Any:
    variables = Variables(values=VALUES if values is None else values)
    (document,) = parse(text.encode(), file="a.yaml", substitute=variables.substitute)
    return document.object


def value(text: str) -> Any:
    return read(f"k: {text}")["k"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${N}", 3),
        ('"${N}"', "3"),
        ("${YES}", True),
        ("'${YES}'", "yes"),
        ("${EMPTY}", None),
        ("app:${NAME}-${N}", "app:web-3"),
        ("${EVIL}", "a\nb: [c] # }"),
        ("${AGAIN}", "${N}"),
        ("$${N}", "${N}"),
        ("$${N} ${N}", "${N} 3"),
        ("$NAME $(N) $ $$", "$NAME $(N) $ $$"),
        ("${X:-5}", 5),
        ("${X:=a b}", "a b"),
        ("${N:-5}", 3),
        ("!!str ${N}", "3"),
        ("|\n  a ${NAME}\n", "a web\n"),
        ("[a, '${N}']", ["a", "3"]),
    ],
)
def test_a_scalar_is_replaced_before_it_has_a_type(text: str, expected: object) -> None:
    assert value(text) == expected


def test_keys_are_replaced_too_also_those_with_an_anchor() -> None:
    assert read("{&a '${NAME}': 1, '$${N}': *a}") == {"web": 1, "${N}": "web"}


def test_a_comment_is_not_looked_at() -> None:
    assert read("a: 1 # ${NOWHERE}\n") == {"a": 1}


def test_json_has_strings_only() -> None:
    assert read('{"a": "${N}", "${NAME}": ["$${N}", 1]}') == {"a": "3", "web": ["${N}", 1]}


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\nb: ${NOWHERE}\n", 2, "the variable NOWHERE is not defined"),
        ("a: |\n  one\n  two ${NOWHERE}\n", 3, "the variable NOWHERE is not defined"),
        ("a: ${N\n", 1, "'${N' is no variable: write ${NAME}, or $${ for what is none"),
        ("a: '${a.b}'\n", 1, "'${a.b}' is no variable: write ${NAME}, or $${ for what is none"),
        ('\n{"a": "${NOWHERE}"}', 2, "the variable NOWHERE is not defined"),
    ],
)
def test_what_is_not_defined_is_an_error_with_its_place(text: str, line: int, reason: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        read(text)
    assert (caught.value.reason, caught.value.file, caught.value.line) == (reason, "a.yaml", line)
    assert "$${" in caught.value.hint


def test_nothing_is_replaced_unless_asked_for() -> None:
    (document,) = parse(b"a: ${N}", file="a.yaml")
    assert document.object == {"a": "${N}"}


SECRET = Variables(values={"PASSWORD": "12345", "NAME": "web"}, secret=frozenset({"PASSWORD"}))


def declared(text: str) -> Any:
    (one,) = declare(text.encode(), file="a.yaml", variables=SECRET)
    return one.object


def test_a_secret_s_value_is_a_string_in_the_data_of_a_secret() -> None:
    text = (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: '${NAME}'}\nstringData:\n  a: ${PASSWORD}\n  b: x-${PASSWORD}\n"
    )
    obj = declared(text)
    assert obj["stringData"] == {"a": "12345", "b": "x-12345"}
    assert {type(one) for one in obj["stringData"].values()} == {str}
    assert obj["metadata"] == {"name": "web"}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("kind: ConfigMap\nmetadata: {name: a}\ndata: {a: '${PASSWORD}'}", "data.a"),
        ("kind: Secret\nmetadata: {name: a, labels: {a: '${PASSWORD}'}}", "metadata.labels.a"),
        ("kind: Secret\nmetadata: {name: 'x/${PASSWORD}'}", "metadata.name"),
        (
            "kind: Pod\nmetadata: {name: a}\nspec: {containers: [{args: [a, '${PASSWORD}']}]}",
            "spec.containers.0.args.1",
        ),
        ("kind: '${PASSWORD}'\nmetadata: {name: a}", "kind"),
        ("kind: Secret\nmetadata: {name: a}\ndata: '${PASSWORD}'", "data"),
        ("kind: Secret\nmetadata: {name: a}\ndata: {a: ['${PASSWORD}']}", "data.a.0"),
    ],
)
def test_a_secret_s_value_may_stand_nowhere_else(text: str, where: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        declared(f"apiVersion: v1\n{text}\n")
    assert caught.value.reason.startswith(f"{where}: the variable PASSWORD comes from a Secret, ")
    assert "12345" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize("text", ["a: {'${PASSWORD}': 1, '${PASSWORD}': 2}", '{"a": {"${PASSWORD}": 1}}'])
def test_a_secret_s_value_is_no_key(text: str) -> None:
    with pytest.raises(InvalidManifest, match="comes from a Secret: it is no key") as caught:
        declared(text)
    assert "12345" not in str(caught.value)


def test_values_are_not_in_what_is_printed_of_variables() -> None:
    assert "12345" not in repr(SECRET)
