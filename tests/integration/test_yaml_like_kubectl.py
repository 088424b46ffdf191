"""What YAML means to us it means to kubectl: each document is read by both, and must give the same JSON.

kubectl goes through a directory and reads each file by itself, so one call answers for hundreds of documents.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source.manifest import parse
from tests.conftest import Kubectl

WORDS = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "nan", "inf", ".nan", ".inf", "-.inf", "+.inf",
]  # fmt: skip
DIGITS = [
    "0", "7", "017", "0o17", "0x1F", "0b11", "08", "1_000", "1e3", "1E+2", "1.5", ".5", "5.", "12:30:45", "1e400",
    "0.1e1",
]  # fmt: skip
OTHERS = [
    "2001-01-01", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43", "=", "<<", "<", "-", "--", "---a", ".", "..",
    "...a", "1.2.3", "1Gi", "100m", "v1", "10.0.0.0/8", "app:v1", "a#b", "a #b", "a: b", "a:b", "- a", "!a",
    "!!str 1", "!!int '3'", "!!float 1", "!!bool yes", "!!null ~", "!!binary aGk=", "!!int x", "!!bool 1", "!local x",
    "! 12", "'1'", '"yes"', "''", '"a\\tb\\u00e4\\x41\\n"', "'a''b'", "@a", "`a", "%a", "&a x", "*a", "? a", "|", ">",
    "|\n    a\n    b", ">\n    a\n    b\n\n    c", "|-\n    a", "|+\n    a\n\n", ">2\n     a", "[a, b]", "[a, b,]",
    "{a: 1}", "{a: 1,}", "{a}", "[a: 1]", "{a: , b}", "[,]", "[]", "{}", "[[[]]]", "a\tb", "\ta", "a\n   b", "a,b",
    "a]", "a}", "[a]b", "'a'b", "ä", "日本", "\u00a0", "\u2028", "😀", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "18446744073709551615", "18446744073709551616", "0xFFFFFFFFFFFFFFFF",
    "1152921504606846976.0", "123456789012345678901234567890", "1e20", "1e21", "1e-7", "0.000001", "4.9e-324",
    "1.7976931348623157e308", "1e309", "100000000000000000000.5", "0.1", "3.14159265358979", "1e16",
    "9007199254740993",
]  # fmt: skip


def scalars() -> Iterator[str]:
    for word in WORDS:
        yield from (word, word.upper(), word.capitalize(), f"'{word}'")
    for sign, digits in itertools.product(("", "-", "+"), DIGITS):
        yield from (sign + digits, f"{sign}{digits}_", f"_{sign}{digits}")
    yield from OTHERS


def document(name: str, rest: str, *, newline: str = "\n") -> bytes:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{rest}"
    return text.replace("\n", newline).encode()


def texts() -> dict[str, bytes]:
    """Documents by their names."""
    values = list(dict.fromkeys(scalars()))
    whole = [
        "a: &x {b: 1}\nc: *x\n",
        "a: &x {b: 1}\nc:\n  <<: *x\n  b: 2\n",
        "a: &x {b: 1}\nc:\n  b: 2\n  <<: *x\n",
        "a: {<<: [{b: 1}, {b: 2, c: 3}]}\n",
        "a: {<<: 1}\n",
        "a: {'<<': {b: 1}}\n",
        "a: &x [1, 2]\nb: *x\n",
        "a: &x 1\nb: &x 2\nc: *x\n",
        "a: *unknown\n",
        "a: &x [*x]\n",
        "a:\n- b\n- c: 1\n  d: 2\n",
        "a:\n  - b\n",
        "a:\n- - b\n  - c\n",
        "a:\n\tb: 1\n",
        "a: 1\t# tab\n",
        "a:\tb\n",
        "a: b\n c: d\n",
        "a: 1\n b: 2\n",
        "? a\n: 1\n",
        "? [a]\n: 1\n",
        "a: 'x\n\n  y'\n",
        'a: "x\\\n  y"\n',
        "a: |\n  x\n y\n",
        "a: |\n\tx\n",
        "# only\na: 1 # c\n# end\n",
        "a: 1\n...\n",
        "a: 1\n--- # next\n",
        "a: 1\n---\n---\n",
        "a: 1\n---",
        "a: 1\r\nb: |\r\n  x\r\n  y\r\n",
        "a: x\x85y\n",
        "a: x\x01y\n",
        'a: "\\x01\\0"\n',
        "a: \ufeffx\n",
        "a: [1,\n2]\n",
        "a: {b: 1\n}\n",
        "a: 1 2\n",
        "a: b c: d\n",
        "\"a\": 1\n'b': 2\n",
        "a : 1\n",
        "a:1\n",
        "{a: 1}\n",
    ]
    found = {f"v{number}": document(f"v{number}", f"k: {value}\n") for number, value in enumerate(values)}
    found |= {
        f"k{number}": document(f"k{number}", f"m:\n  {value}: v\n")
        for number, value in enumerate(values)
        if "\n" not in value
    }
    found |= {
        f"f{number}": document(f"f{number}", f"k: [a, {value}]\n")
        for number, value in enumerate(values)
        if "\n" not in value
    }
    found |= {f"w{number}": document(f"w{number}", text) for number, text in enumerate(whole)}
    found |= {
        "bom": b"\xef\xbb\xbf" + document("bom", "a: 1\n"),
        "crlf": document("crlf", "a: 1\nb: |\n  x\n  y\nc: 'x\n  y'\n", newline="\r\n"),
        "first": b"---\n" + document("first", "a: 1\n"),
        "comment": b"# a\n---\n# b\n" + document("comment", "a: 1\n"),
        "spaces": b"---   \n" + document("spaces", "a: 1\n"),
        "json": b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"json"},"a":1.0,"b":1e3,"c":"\\u00e4"}',
        "flow": b"{apiVersion: v1, kind: ConfigMap, metadata: {name: flow}, a: yes}",
        "utf16": document("utf16", "a: x\n").decode().encode("utf-16"),
        "indented": b"  apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: indented}\n",
    }
    return found


def ours(text: bytes) -> Any:
    """The JSON of the one document, or None where it is refused."""
    try:
        documents = [one.object for one in parse(text, file="a.yaml")]
    except InvalidManifest:
        return None
    return documents[0] if len(documents) == 1 else None


def theirs(directory: Path, kubectl: Kubectl) -> dict[str, Any]:
    """What kubectl makes of each file that it can read, by name."""
    done = kubectl("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", str(directory), check=False)
    decoder, position, found = json.JSONDecoder(parse_int=_number), 0, {}
    while position < len(done.stdout):
        obj, position = decoder.raw_decode(done.stdout, position)
        for one in obj["items"] if obj["kind"] == "List" else [obj]:
            one["metadata"].pop("namespace", None)
            found[one["metadata"]["name"]] = one
        while done.stdout[position : position + 1].isspace():
            position += 1
    return found


def _number(digits: str) -> int | float:
    """As an API server reads it: Go writes a whole float without a point."""
    return int(digits) if -(2**63) <= int(digits) < 2**63 else float(digits)


#: What kubectl reads although part of it has no effect, or is lost: here that is a mistake, and told.
STRICTER = {
    "twice": document("twice", "a: 1\na: 2\n"),
    "twice-number": document("twice-number", "1: a\n'1': b\n"),
    "twice-json": b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"twice-json"},"a":1,"a":2}',
    "ended": document("ended", "a: 1\n...\nb: 2\n"),
    "directive": document("directive", "%YAML 1.1\n"),
    # No UTF-8: to kubectl, each byte is a replacement character.
    "latin": document("latin", "a: x\n").replace(b"x", b"\xe4"),
    "cut": document("cut", "a: x\n").replace(b"x", b"\xc3"),
    "overlong": document("overlong", "a: x\n").replace(b"x", b"\xc0\xaf"),
    "surrogate": document("surrogate", "a: x\n").replace(b"x", b"\xed\xa0\x80"),
}


def test_each_document_is_what_kubectl_makes_of_it(tmp_path: Path, kubectl: Kubectl) -> None:
    documents = texts()
    for name, text in documents.items():
        (tmp_path / f"{name}.yaml").write_bytes(text)
    answered = theirs(tmp_path, kubectl)
    assert len(answered) > 300  # so that the rest, which both refuse, is not all there is
    differing = {
        documents[name]: (mine, answered.get(name))
        for name in documents
        if as_json(mine := ours(documents[name])) != as_json(answered.get(name))
    }
    assert differing == {}


def test_what_has_no_effect_for_kubectl_is_refused(tmp_path: Path, kubectl: Kubectl) -> None:
    for name, text in STRICTER.items():
        (tmp_path / f"{name}.yaml").write_bytes(text)
    assert theirs(tmp_path, kubectl).keys() == STRICTER.keys()
    assert [name for name, text in STRICTER.items() if ours(text) is not None] == []


def as_json(value: Any) -> str:
    """Where 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True)
