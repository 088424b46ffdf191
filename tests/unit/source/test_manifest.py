from __future__ import annotations

import gc
import json
import subprocess
import sys
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source.manifest import ParsedDocument, parse
from kubectl_gitops.source.yaml_text import MAX_ALIASED_VALUES, MAX_DEPTH


def read(text: str | bytes) -> list[ParsedDocument]:
    return list(parse(text if isinstance(text, bytes) else text.encode(), file="a.yaml"))


def refused(text: str | bytes) -> InvalidManifest:
    with pytest.raises(InvalidManifest) as caught:
        read(text)
    assert caught.value.file == "a.yaml"
    return caught.value


def test_each_document_has_the_line_of_its_content() -> None:
    documents = read("# a comment\n\na: 1\n---\n---\n# nothing here\n---\n\n# more\nb: 2\n--- # a comment\nc: 3\n...\n")
    assert [(one.object, one.line) for one in documents] == [({"a": 1}, 3), ({"b": 2}, 10), ({"c": 3}, 12)]


def test_each_item_of_a_list_has_its_line() -> None:
    (document,) = read("kind: List\nother: [1]\nitems:\n- a: [1, 2]\n\n- items: [3]\n-\n  c: 1\n")
    assert document.item_lines == (4, 6, 8)


@pytest.mark.parametrize("indent", [None, 2])
def test_each_item_of_a_list_in_json_has_its_line(indent: int | None) -> None:
    items = [{"kind": "A", "items": ["\n", {"a": 1}]}, {}, {"b": [2, {"c": "}"}]}]
    text = json.dumps({"kind": "List", "metadata": {"items": [1]}, "items": items, "z": {}}, indent=indent)
    (document,) = read("\n" + text)
    expected = [number for number, line in enumerate(text.splitlines(), 2) if line.startswith("    {")]
    assert document.item_lines == tuple(expected or [2, 2, 2])
    assert read('{"items": []}')[0].item_lines == ()
    assert read('{"items": 1}')[0].item_lines == ()


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\r"])
def test_lines_are_counted_as_git_counts_them(character: str) -> None:
    text = f'a: "x{character} y"\nitems:\n- 1\n---\nb: [1,\nc: 2\n'
    documents = read(text.partition("b")[0] + "b: 1\n")
    assert [(one.line, one.item_lines) for one in documents] == [(1, (3,)), (5, ())]
    assert (refused(text).line, refused(text).reason.count("line 5")) == (7, 1)


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n---\n", "null", "---\n~\n"])
def test_nothing_is_no_document(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize("text", ["a: {{ .Values.a }}\n", "{{- if .Values.a }}\na: 1\n{{- end }}\n"])
def test_a_template_is_told_apart(text: str) -> None:
    assert refused(text).hint == "this looks like a template, which has to be rendered first"


def test_anchors_end_with_their_document() -> None:
    assert refused("a: &x 1\n---\nb: *x\n").line == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(encoding: str) -> None:
    assert read("a: ä€😀\n".encode(encoding))[0].object == {"a": "ä€😀"}


def test_bytes_that_are_no_text_are_refused_with_their_line() -> None:
    error = refused(b"a: 1\nb: \xff\n")
    assert error.line == 2
    assert "UTF-8" in error.reason


def test_control_characters_are_refused_with_their_line() -> None:
    error = refused("a: ä\nb: \x01\n")
    assert (error.line, error.reason) == (2, "control characters are not allowed (#x0001)")


def test_errors_have_the_words_and_the_place_of_the_parser() -> None:
    error = refused("a: 1\nb: [1,\nc: 2\n")
    assert str(error) == "a.yaml:4:1: while parsing a flow sequence from line 2 on: did not find expected ',' or ']'"


def test_a_key_that_is_set_twice_is_refused_with_both_lines() -> None:
    error = refused("metadata:\n  name: a\n  labels: {}\n  name: b\n")
    assert (error.line, error.column) == (4, 3)
    assert error.reason == "the key 'name' is already set in line 2"


def test_keys_that_only_become_equal_as_strings_are_refused() -> None:
    assert "already set in line 1" in refused("1: a\n'1': b\n").reason


def test_a_key_may_be_set_by_a_merge_and_then_anew() -> None:
    assert read("a: &a {x: 1}\nb:\n  <<: *a\n  x: 2\n")[0].object["b"] == {"x": 2}


def test_what_kubectl_would_ignore_is_refused() -> None:
    assert refused("a: 1\n...\nb: 2\n").line == 3


def test_aliases_are_copies() -> None:
    (document,) = read("labels: &l {app: web}\nselector: *l\nmore:\n  <<: *l\n")
    document.object["labels"]["managed"] = "yes"
    assert document.object["selector"] == document.object["more"] == {"app": "web"}


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert f"{MAX_ALIASED_VALUES:,}" in refused("\n".join(lines)).reason


def test_aliases_do_not_nest_deeper_than_the_limit() -> None:
    text = "a0: &a0 " + "[" * 60 + "]" * 60 + "\n"
    text += "".join(f"a{n}: &a{n} {'[' * 60}*a{n - 1}{']' * 60}\n" for n in range(1, 4))
    assert "levels deep" in refused(text).reason


NESTED = {
    "flow sequences": "[" * 100_000,
    "flow mappings": "{a: " * 100_000,
    "flow with closing brackets in strings": '["]", ' * 100_000,
    "compact sequences": "- " * 100_000,
    "explicit keys": "? " * 100_000,
    "block mappings": "".join(f"{' ' * n}a:\n" for n in range(2_000)),
    "json": '{"a":' * 100_000,
    "complete json": '{"a":' * 500 + "1" + "}" * 500,
}


@pytest.mark.parametrize("kind", NESTED)
def test_deep_nesting_is_refused(kind: str) -> None:
    assert refused(NESTED[kind]).reason


def test_deep_nesting_does_not_crash_a_thread_with_a_small_stack() -> None:
    program = (
        "import threading\n"
        "from kubectl_gitops.errors import InvalidManifest\n"
        "from kubectl_gitops.source.manifest import parse\n"
        "def run():\n"
        "    for text in (b'[' * 100_000, b'- ' * 100_000):\n"
        "        try: list(parse(text, file='a'))\n"
        "        except InvalidManifest as exc: print(exc.reason)\n"
        "threading.stack_size(256 * 1024)\n"
        "thread = threading.Thread(target=run); thread.start(); thread.join()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"nested more than {MAX_DEPTH} levels deep"] * 2


def test_nesting_up_to_the_limit_is_read() -> None:
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert "levels deep" in refused("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)).reason


def test_json_is_read_by_its_own_rules() -> None:
    text = '\n{"a": "\\ud83d\\ude00 \\/", "n": 1.0, "big": 18446744073709551615, "y": "y"}\n{"b": null}'
    documents = read(text)
    assert [one.object for one in documents] == [
        {"a": "😀 /", "n": 1, "big": 18446744073709551615.0, "y": "y"},
        {"b": None},
    ]
    assert isinstance(documents[0].object["n"], int)
    assert [one.line for one in documents] == [2, 3]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1,\n "a": 2}', "the key 'a' is set twice in one object"),
        ('{"a": 1e999}', "1e999 is beyond the range of numbers"),
        ('{"a": "\\ud83d"}', "str is not valid UTF-8: surrogates not allowed"),
    ],
)
def test_json_that_is_refused(text: str, reason: str) -> None:
    assert refused(text).reason == reason


def test_flow_style_yaml_is_not_taken_for_json() -> None:
    assert read("{a: yes, b: [1, 2,], }\n---\n{c: 3}\n")[1].object == {"c": 3}


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collection_is_as_it_was_even_after_an_error(enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()
    try:
        refused("[")
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    # Whole floats beyond 2**53 lose digits on Go's way through JSON, see test_scalars.py.
    | st.floats(-1e15, 1e15)
    | TEXT
    | st.sampled_from(["yes", "0777", "1e3", "22:22", "=", "<<", "~", "2024-01-01", ".inf", "- a", "a: b", "#", "y"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON, st.sampled_from([yaml.SafeDumper, yaml.CSafeDumper]), st.sampled_from([True, False, None]))
def test_what_is_dumped_as_yaml_is_read_back(obj: Any, dumper: type[yaml.SafeDumper], flow: bool | None) -> None:
    class Quoting(dumper):  # type: ignore[misc, valid-type]
        """Quotes all strings: a dumper cannot know that kubectl takes a plain y for true."""

    Quoting.add_representer(str, lambda self, text: self.represent_scalar("tag:yaml.org,2002:str", text, style='"'))
    text = yaml.dump({"k": obj}, Dumper=Quoting, default_flow_style=flow, allow_unicode=False)
    assert read("---\n" + text)[0].object == {"k": obj}
