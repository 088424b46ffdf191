"""Every expectation here is what sigs.k8s.io/yaml v1.6.0 over go.yaml.in/yaml v2.4.3 answered, as int64 or float64."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source.manifest import parse

TRUE = ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"]
FALSE = ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"]
NULL = ["", "null", "Null", "NULL", "~"]
STRINGS = """
    yEs tRUE nULL 0b 0b2 0x 0xg _1 + 12e -0xFFFFFFFFFFFFFFFF ._5 .7_ 1e400 -1e400 1..2 . .. 1e 0x1p3 1.2.3 22:22 1:30
    190:20:30 2024-01-01 2024-01-01T00:00:00Z 2001-12-14t21:59:43.10-05:00 = << inf Infinity NaN 1Gi 100m v1 1.2.3.4
    10.0.0.0/8 app:v1 a_b 1e3x
"""
NUMBERS = {
    "0": 0,
    "-0": 0,
    "+0": 0,
    "7": 7,
    "007": 7,
    "0777": 511,
    "0o17": 15,
    "0O17": 15,
    "08": 8,
    "0089": 89,
    "0_7": 7,
    "-017": -15,
    "+017": 15,
    "0b101": 5,
    "-0b11": -3,
    "0B11": 3,
    "0b-1": -1,
    "0x1F": 31,
    "0X1f": 31,
    "-0x1": -1,
    "+0x1F": 31,
    "1_000": 1000,
    "1__2": 12,
    "1_": 1,
    "+5": 5,
    "-5": -5,
    "9223372036854775807": 9223372036854775807,
    "9223372036854775808": 9.223372036854776e18,
    "-9223372036854775808": -9223372036854775808,
    "-9223372036854775809": -9.223372036854776e18,
    "18446744073709551615": 1.8446744073709552e19,
    "18446744073709551616": 1.8446744073709552e19,
    "0xFFFFFFFFFFFFFFFF": 1.8446744073709552e19,
    "0777777777777777777777777": 7.777777777777778e23,
    "1.0": 1,
    "-0.0": 0,
    "1.5": 1.5,
    "1e3": 1000,
    "1E5": 100000,
    "1e+3": 1000,
    "1.e2": 100,
    "5.": 5,
    ".5": 0.5,
    "-.5": -0.5,
    "+.5": 0.5,
    ".5e3": 500,
    ".7_9": 0.79,
    "1_0.5_5": 10.55,
    "1e6": 1000000,
    "1e20": 1e20,
    "1e21": 1e21,
    "1e-400": 0,
    "1152921504606846976.0": 1152921504606847000,
}
QUOTED_OR_TAGGED = {
    "''": "",
    "'1'": "1",
    '"yes"': "yes",
    "!!str 1": "1",
    "!!str yes": "yes",
    "!!int '3'": 3,
    "!!float 1": 1,
    "!!bool yes": True,
    "!!null ~": None,
    "!!binary aGVsbG8=": "hello",
    "!vault secret": "secret",
    "! '12'": "12",
}
REFUSED = [".inf", "-.Inf", ".nan", "!!int x", "!!int 1.5", "!!bool 1", "!!null x", "!!float y", "!!binary '!'"]
KEYS = {
    "a": "a",
    "1": "1",
    "0777": "511",
    "1e3": "1000",
    "1e6": "1e+06",
    "1.5": "1.5",
    "0.1": "0.1",
    "123456789.5": "1.2345679e+08",
    "0.0001": "0.0001",
    "0.00001": "1e-05",
    "1e39": ".inf",
    "4.9e-324": "0",
    "-0.0": "-0",
    ".5": "0.5",
    "yes": "true",
    "n": "false",
    "2001-01-01": "2001-01-01",
    "22:22": "22:22",
    "'1'": "1",
    "!!str 1": "1",
    "1_000": "1000",
    "9223372036854775807": "9223372036854775807",
}
REFUSED_KEYS = ["~", "18446744073709551615", "[a]", "{a: b}"]
MERGES = {
    "{<<: {a: 1}, a: 2}": {"a": 2},
    "{a: 2, <<: {a: 1}}": {"a": 1},
    "{x: &x {a: 1, b: 2}, z: {<<: *x, b: 3}}": {"x": {"a": 1, "b": 2}, "z": {"a": 1, "b": 3}},
    "{<<: [{a: 1}, {a: 2, b: 2}]}": {"a": 1, "b": 2},
    "{<<: {a: 1}, <<: {b: 2}}": {"a": 1, "b": 2},
    "{'<<': {a: 1}}": {"<<": {"a": 1}},
    "{!!merge x: {a: 1}, b: 2}": {"x": {"a": 1}, "b": 2},
    "{a: &x 1, b: &x 2, c: *x}": {"a": 1, "b": 2, "c": 2},
}
REFUSED_MERGES = ["{<<: 1}", "{<<: [1]}", "{x: &x [1], z: {<<: *x}}", "{x: *x}", "{x: &x {z: *x}}"]


def read(text: str) -> Any:
    (document,) = parse(text.encode(), file="a.yaml")
    return document.object


def value(text: str) -> Any:
    # YAML, because JSON would not be YAML's business.
    return read(f"k: {text}")["k"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, True) for text in TRUE),
        *((text, False) for text in FALSE),
        *((text, None) for text in NULL),
        *((text, text) for text in STRINGS.split()),
        *NUMBERS.items(),
        *QUOTED_OR_TAGGED.items(),
    ],
)
def test_a_scalar_has_the_value_that_kubectl_sends(text: str, expected: object) -> None:
    # As JSON, where 1 and 1.0 and true differ.
    assert orjson.dumps(value(text)) == orjson.dumps(expected)


@pytest.mark.parametrize("text", REFUSED)
def test_a_scalar_without_a_json_value_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        value(text)
    assert (caught.value.line, caught.value.column) == (1, 4)


@pytest.mark.parametrize(("text", "expected"), KEYS.items())
def test_a_key_becomes_the_string_that_kubectl_makes_of_it(text: str, expected: str) -> None:
    assert read(f"{text}: v") == {expected: "v"}


@pytest.mark.parametrize("text", REFUSED_KEYS)
def test_a_key_without_a_string_is_refused(text: str) -> None:
    with pytest.raises(InvalidManifest):
        read(f"{text}: v")


@pytest.mark.parametrize(("text", "expected"), MERGES.items())
def test_merge_keys_and_anchors(text: str, expected: object) -> None:
    assert value(text) == expected


@pytest.mark.parametrize("text", REFUSED_MERGES)
def test_merge_keys_and_aliases_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidManifest):
        value(text)
