from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kubectl_gitops.diff.path import ABSENT, FieldPath, ItemKey, SetMember
from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source.declared import declare
from kubectl_gitops.source.fieldlines import FieldLines, FileLines, field_lines
from kubectl_gitops.source.yaml_text import MAX_DEPTH

DEPLOYMENT = """\
# The shop.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web,
           "tier": front}
spec:
  template:
    spec:
      containers:
      - name: web
        image:
          shop/web:1
        ports:
        - containerPort: 53
        - protocol: UDP
          containerPort: 53
        -
          containerPort: 80
          protocol: TCP
        args: ["-v",
          "--all"]
      - &sidecar
        image: proxy:1
        name: proxy
"""


def lines(text: str, line: int = 1) -> FieldLines:
    return field_lines(text.encode(), file="a.yaml", line=line)


def key(**pairs: str | int) -> ItemKey:
    return ItemKey(tuple(sorted(pairs.items())))


def pod(*path: str | int | ItemKey | SetMember) -> FieldPath:
    return ("spec", "template", "spec", "containers", *path)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 2),
        (("metadata",), 4),
        (("metadata", "labels", "app"), 6),
        (("metadata", "labels", "tier"), 7),
        (pod(), 11),
        (pod(key(name="web")), 12),
        (pod(key(name="web"), "image"), 13),
        (pod(key(name="web"), "ports", key(containerPort=53, protocol="TCP")), 16),
        (pod(key(name="web"), "ports", key(containerPort=53, protocol="UDP")), 17),
        (pod(key(name="web"), "ports", key(containerPort=53, protocol="UDP"), "containerPort"), 18),
        (pod(key(name="web"), "ports", key(containerPort=80, protocol="TCP"), "protocol"), 21),
        (pod(key(name="web"), "args", SetMember("--all")), 23),
        (pod(key(name="web"), "args", 0), 22),
        (pod(key(name="proxy")), 24),
        (pod(key(name="proxy"), "image"), 25),
        (pod(1, "image"), 25),
    ],
)
def test_the_line_of_a_field_is_that_of_its_key_or_item(path: FieldPath, line: int) -> None:
    for text in (DEPLOYMENT, DEPLOYMENT.replace("\n", "\r\n")):
        found = lines(text, 2).find(path)
        assert (found.line, found.depth, found.exact) == (line, len(path), True)


@pytest.mark.parametrize(
    ("path", "line", "depth"),
    [
        (("status",), 2, 0),
        (("spec", "replicas"), 8, 1),
        (("metadata", "labels", "app", "x"), 6, 3),
        (("metadata", 0), 4, 1),
        (("metadata", key(name="web")), 4, 1),
        (("metadata", SetMember("web")), 4, 1),
        (pod(2), 11, 4),
        (pod(-1), 11, 4),
        (pod(key(name="gone"), "image"), 11, 4),
        (pod(key(image="shop/web:1", name="proxy")), 11, 4),
        (pod(key(name="web"), "ports", key(containerPort=80, protocol="UDP"), "name"), 15, 6),
        (pod(key(name="web"), "ports", key(containerPort=8080, protocol="TCP"), "name"), 15, 6),
        (pod(key(name="web"), "args", SetMember("-x")), 22, 6),
        (pod(key(name="web"), "args", key(name="-v")), 22, 6),
    ],
)
def test_of_what_is_not_there_the_nearest_ancestor_is_found(path: FieldPath, line: int, depth: int) -> None:
    found = lines(DEPLOYMENT, 2).find(path)
    assert (found.line, found.depth, found.exact, found.value) == (line, depth, False, ABSENT)
    assert found.lines == {line}
    assert lines(DEPLOYMENT, 2).line_of(path) is None


def test_a_default_that_is_left_out_is_not_taken_for_another_value() -> None:
    found = lines("ports:\n- port: 53\n")
    assert found.line_of(("ports", key(port=53, protocol="TCP"))) == 2
    assert found.line_of(("ports", key(port=53, protocol="UDP"))) is None
    # What a CRD has filled in nobody here can know.
    assert lines("items:\n- a: 1\n").line_of(("items", key(a=1, b=2))) == 2
    assert lines("items:\n- {}\n- c: 1\n").line_of(("items", key(a=1, b=2))) is None


def test_keys_are_compared_as_kubectl_reads_them() -> None:
    found = lines("a:\n- on: 0x50\n- on: yes\n- on: '1'\n- {on: 1}\n")
    assert [found.line_of(("a", ItemKey((("true", value),)))) for value in (80, True, "1", 1)] == [2, 3, 4, 5]


def test_the_lines_of_a_field_are_those_of_its_value_too() -> None:
    text = "a: |\n  x\n\n  # y\n\n\n# c\nb:\n  c: 1\n  # d\n  d: [2,\n    3]\ne: 'x\n  y'\nf:\n"
    found = lines(text)
    assert {name: sorted(found.find((name,)).lines) for name in "abef"} == {
        "a": [1, 2, 3, 4],
        "b": [8, 9, 11, 12],
        "e": [13, 14],
        "f": [15],
    }
    assert lines(text.replace("\n", "\r\n")).find(("a",)).lines == {1, 2, 3, 4}
    assert found.find(("b", "d")).value == [2, 3]
    assert "3" not in repr(found.find(("b", "d")))


ALIASES = """\
a: &labels
  app: web
b: *labels
c:
  tier: front
  <<: *labels
d:
  <<: [{x: 1}, *labels]
  app: other
e: [&v 1,
  *v]
"""


@pytest.mark.parametrize(
    ("path", "line", "all_lines"),
    [
        (("a", "app"), 2, {2}),
        (("b",), 3, {2, 3}),
        (("b", "app"), 2, {2}),
        (("c", "app"), 2, {2}),
        (("c", "tier"), 5, {5}),
        (("d", "x"), 8, {8}),
        (("d", "app"), 9, {9}),
        (("e", 1), 11, {10, 11}),
    ],
)
def test_what_is_shared_is_set_where_it_is_written(path: FieldPath, line: int, all_lines: set[int]) -> None:
    found = lines(ALIASES).find(path)
    assert (found.line, set(found.lines), found.exact) == (line, all_lines, True)


def test_a_merge_overrides_what_is_before_it() -> None:
    found = lines("a: &a {x: 1}\nb:\n  x: 2\n  <<: *a\nc:\n  <<: *a\n  x: 3\n")
    assert [found.line_of(path) for path in (("b", "x"), ("c", "x"))] == [1, 7]


def test_bombs_cost_nothing() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
    found = lines(bomb).find(("a29",))
    assert (found.line, set(found.lines)) == (30, set(range(1, 31)))
    with pytest.raises(InvalidManifest):
        lines("a: &a {" + ", ".join(f"k{n}: 1" for n in range(1000)) + "}\nb: {<<: [" + "*a, " * 1000 + "]}")


@pytest.mark.parametrize("text", ["[" * (MAX_DEPTH + 1), "a: *x", "a: &a [*a]", "a: [", "a: .nan", "{", "\xff\x00"])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidManifest, match=r"^a\.yaml"):
        lines(text)


# --- several objects ---


def test_of_several_documents_the_right_one_is_taken() -> None:
    text = "# first\na: 1\n---\n# empty\n---\na: 2\n--- # third\n\na: 3\n...\n"
    file = FileLines(text.encode(), file="a.yaml")
    assert [file.at(line).line_of(("a",)) for line in (2, 6, 9)] == [2, 6, 9]
    found = file.at(5).find(("a",))
    assert (found.line, found.depth, found.exact) == (5, 0, False)
    assert file.count == 10


LIST = """\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: a}
  data: {x: "1"}
-
  apiVersion: v1
  kind: List
  items:
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: b}, data: {x: "1",
      y: "2"}}
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: c},
      data: {z: "1"}}
- &d {apiVersion: v1, kind: ConfigMap, metadata: {name: d},
  data: {x: "1"}}
"""


def test_objects_in_lists_have_their_fields() -> None:
    origins = {one.name: one.origin.line for one in declare(LIST.encode(), file="a.yaml")}
    file = FileLines(LIST.encode(), file="a.yaml")
    assert origins == {"a": 4, "b": 9, "c": 9, "d": 16}
    assert [file.at(origins[name]).line_of(("data", "x")) for name in "abd"] == [7, 12, 17]
    # Two objects of a List in a List are at one line: whichever has the field is taken.
    assert file.at(9).line_of(("data", "z")) == 15


@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_in_json_is_taken_apart_too(indent: int | None) -> None:
    items = [{"apiVersion": "v1", "kind": "A", "metadata": {"name": name}, "x": {name: ":"}} for name in "ab"]
    text = json.dumps({"kind": "List", "items": items}, indent=indent)
    file = FileLines(text.encode(), file="a.json")
    for one in declare(text.encode(), file="a.json"):
        line = file.at(one.origin.line).line_of(("x", one.name))
        assert line is not None
        assert f'"{one.name}": ":"' in text.splitlines()[line - 1]


def test_json_documents_follow_each_other() -> None:
    text = '{"a": {"\\u0062": "\\ud83d\\ude00 \\" {"}}\n\n{\t"a":\n1.0, "c": [[], {}, "x,",\n-1]\r\n}\n'
    file = FileLines(text.encode(), file="a.json")
    assert file.at(1).find(("a", "b")).value == '😀 " {'
    assert file.at(3).find(("a",)).value == 1
    assert file.at(3).find(("a",)).lines == {3, 4}
    assert file.at(3).find(("c", 3)).line == 5


def test_a_secret_may_say_its_data_as_strings() -> None:
    secret = "apiVersion: v1\nkind: Secret\nstringData:\n  a: x\n  b: x\ndata:\n  b: eA==\n  c: eA==\n"
    found = lines(secret)
    assert {name: found.line_of(("data", name)) for name in "abcd"} == {"a": 4, "b": 5, "c": 8, "d": None}
    assert (found.line_of(("data",)), found.line_of(("stringData", "a"))) == (6, 4)
    without_data = lines(secret.partition("data:\n  b")[0])
    assert (without_data.line_of(("data",)), without_data.find(("data", "d")).line) == (3, 3)
    config_map = lines("apiVersion: v1\nkind: ConfigMap\nstringData: {a: x}\n")
    assert config_map.line_of(("data", "a")) is None


def test_a_character_that_only_yaml_takes_for_a_line_break_does_not_count() -> None:
    text = 'a: "\u2028"\n# \x85\nb: "\r"\nc: [1,\n 2]\n---\nd: 1\n'
    file = FileLines(text.encode(), file="a.yaml")
    assert [file.at(1).line_of(path) for path in (("a",), ("b",), ("c", 1))] == [1, 3, 5]
    assert file.at(7).line_of(("d",)) == 7


# --- any objects ---

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.sampled_from("\n\t :#-{}[]'\"&*<"))
# Never a word or a number that YAML would read as another key.
KEYS = TEXT.map("k".__add__)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT


def trees(keys: st.SearchStrategy[str], scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    values = st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
    )
    return st.dictionaries(keys, values, min_size=1, max_size=4)


def leaves(value: Any, path: FieldPath = ()) -> list[FieldPath]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [leaf for name, child in children for leaf in leaves(child, (*path, name))]
    return found or [path]


WORDS = st.from_regex(r"[a-z]{3}[a-z0-9.-]{0,5}[a-z]", fullmatch=True).filter(
    lambda word: word not in {"null", "true", "false"}
)


@given(trees(WORDS, st.integers()), st.booleans(), st.integers(0, 3))
def test_the_line_of_each_leaf_holds_its_key(tree: dict[str, Any], sort: bool, comments: int) -> None:
    text = "".join("# comment\n" * comments) + yaml.safe_dump(tree, sort_keys=sort, default_flow_style=False)
    written, found = text.splitlines(), lines(text, comments + 1)
    for path in leaves(tree):
        line = found.line_of(path)
        assert line is not None
        content = yaml.safe_load(written[line - 1].lstrip(" -"))
        if isinstance(path[-1], str):
            assert path[-1] in content


@settings(max_examples=50)
@given(
    trees(KEYS, SCALARS),
    st.sampled_from([True, False, None]),
    st.sampled_from([None, "'", '"', "|", ">"]),
    st.integers(10, 80),
    st.sampled_from(["\n", "\r\n"]),
)
def test_lines_are_those_of_another_parser(
    tree: dict[str, Any], flow: bool | None, style: str | None, width: int, line_break: str
) -> None:
    text = yaml.dump(
        tree, default_flow_style=flow, default_style=style, width=width, line_break=line_break, allow_unicode=True
    )
    # To that parser these are line breaks; what they are here is tested above.
    assume(not {"\x85", "\u2028", "\u2029"} & set(text))
    assert_as_composed(text)


@settings(max_examples=50)
@given(trees(KEYS, SCALARS), st.sampled_from([None, 0, 2]))
def test_lines_of_json_are_found_too(tree: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(tree, indent=indent, ensure_ascii=False)
    assume(not {"\x85", "\u2028", "\u2029"} & set(text) and all(len(line) < 1000 for line in text.splitlines()))
    assert_as_composed(text)


def assert_as_composed(text: str) -> None:
    found = lines(text)
    # A key is only told by its node here, so that null and "null" do not matter.
    for path, line, _ in composed(yaml.compose(text, Loader=yaml.SafeLoader), ()):
        assert found.line_of(path) == line


def composed(node: yaml.Node | None, path: FieldPath) -> list[tuple[FieldPath, int, yaml.Node]]:
    result: list[tuple[FieldPath, int, yaml.Node]] = []
    if isinstance(node, yaml.MappingNode):
        for name, child in node.value:
            result += [((*path, name.value), name.start_mark.line + 1, child)]
            result += composed(child, (*path, name.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            result += [((*path, index), child.start_mark.line + 1, child)]
            result += composed(child, (*path, index))
    return result


@given(
    st.dictionaries(WORDS, st.fixed_dictionaries({}, optional={"value": SCALARS, "port": st.integers()}), min_size=1),
    st.randoms(),
)
def test_items_are_found_by_their_key_in_any_order(items: dict[str, dict[str, Any]], random: Any) -> None:
    entries = [{**rest, "name": name} for name, rest in items.items()]
    random.shuffle(entries)
    text = yaml.safe_dump({"env": entries}, sort_keys=False)
    found = lines(text)
    for name in items:
        line = found.line_of(("env", key(name=name), "name"))
        assert line is not None
        assert yaml.safe_load(text.splitlines()[line - 1].lstrip(" -")) == {"name": name}
