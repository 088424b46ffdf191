"""What SOPS has encrypted is refused with its place, and never applied as it is."""

from __future__ import annotations

import base64

import pytest

from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source.declared import declare
from kubectl_gitops.source.encrypted import is_encrypted, refuse_encrypted_files

# The form of what sops 3.13 writes; nobody has a key for it.
CIPHERTEXT = "cGxlYXNl"
VALUE = f"ENC[AES256_GCM,data:{CIPHERTEXT},iv:bm90aGluZyB0byBzZWUgaGVyZSE=,tag:bm90aGluZyB0byBz,type:str]"
BLOCK = f"""\
sops:
    age:
        - recipient: age1nobody
          enc: |
            -----BEGIN AGE ENCRYPTED FILE-----
            bm90aGluZw==
            -----END AGE ENCRYPTED FILE-----
    lastmodified: "2026-11-23T18:00:46Z"
    mac: {VALUE}
    encrypted_regex: ^(data|stringData)$
    version: 3.13.1
"""
SECRET = f"# first\napiVersion: v1\nkind: Secret\nmetadata: {{name: db}}\ndata: {{password: '{VALUE}'}}\n"
FILES = {
    "yaml": f"password: {VALUE}\n{BLOCK}",
    "json": f'{{"password":"{VALUE}","sops":{{"mac":"{VALUE}","version":"3.13.1"}}}}',
    "json, indented": f'{{\n\t"password": "{VALUE}",\n\t"sops": {{\n\t\t"mac": "{VALUE}"\n\t}}\n}}\n',
    "env": f"PASSWORD={VALUE}\nsops_mac={VALUE}\nsops_version=3.13.1\n",
    "ini": f"[db]\npassword = {VALUE}\n\n[sops]\nmac = {VALUE}\n",
}
REASON = "is encrypted with SOPS, and there is no key for it"


def refused(text: str) -> InvalidManifest:
    with pytest.raises(InvalidManifest) as caught:
        declare(text.encode(), file="db.yaml")
    assert CIPHERTEXT not in f"{caught.value} {caught.value.hint}"
    return caught.value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (SECRET + BLOCK, 2),
        (f"apiVersion: {VALUE}\nkind: {VALUE}\nmetadata: {{name: {VALUE!r}}}\n{BLOCK}", 1),
        (FILES["yaml"], 1),
        (FILES["json"], 1),
        (f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\n---\n{SECRET}{BLOCK}", 6),
        (f"# all\napiVersion: v1\nkind: PodList\nitems: [{{metadata: {{name: a}}}}]\n{BLOCK}", 2),
    ],
    ids=["a Secret", "all of an object", "no object", "JSON", "the second document", "a List"],
)
def test_an_encrypted_file_is_refused_with_its_place(text: str, line: int) -> None:
    error = refused(text)
    assert (error.reason, error.file, error.line) == (f"this {REASON}", "db.yaml", line)
    assert ".gitopsignore" in error.hint


@pytest.mark.parametrize("content", [VALUE, f"{VALUE}\n", *FILES.values()])
def test_a_secret_does_not_take_what_is_encrypted_for_its_value(content: str) -> None:
    encoded = base64.b64encode(content.encode()).decode()
    head = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\n"
    assert refused(f"{head}data: {{k: {encoded}}}\n").reason == f"Secret/db: data.k {REASON}"
    literal = content.replace("\n", "\n    ").replace("\t", "  ")
    assert refused(f"{head}stringData:\n  k: |\n    {literal}\n").reason == f"Secret/db: stringData.k {REASON}"
    # As it is there when only the block was taken away.
    if content == VALUE:
        assert refused(f"{head}data: {{k: '{content}'}}\n").reason == f"Secret/db: data.k {REASON}"


@pytest.mark.parametrize(
    "text",
    [
        # An operator in the cluster decrypts it, and wants the block.
        f"apiVersion: isindir.github.com/v1alpha3\nkind: SopsSecret\nmetadata: {{name: db}}\na: '{VALUE}'\n{BLOCK}",
        # Whatever reads it may decrypt it itself.
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: db}}\ndata: {{k: '{VALUE}'}}\n",
        "apiVersion: example.com/v1\nkind: Tool\nmetadata: {name: sops}\nsops: '3.13'\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {how: 'it looks like ENC[AES256_GCM,...]'}\n",
    ],
    ids=["SopsSecret", "ConfigMap", "another field of that name", "words about it"],
)
def test_what_is_meant_to_be_so_is_taken(text: str) -> None:
    assert len(declare(text.encode(), file="db.yaml")) == 1


def test_files_of_any_format_are_told_by_the_line_of_the_block() -> None:
    lines = {}
    for name, text in FILES.items():
        with pytest.raises(InvalidManifest, match=REASON) as caught:
            refuse_encrypted_files({"plain.yaml": b"sops: {mac: x}\n", name: text.encode()})
        assert caught.value.file == name
        lines[name] = caught.value.line
    assert lines == {"yaml": 2, "json": 1, "json, indented": 3, "env": 2, "ini": 4}


def test_two_values_are_not_one() -> None:
    assert is_encrypted(f" {VALUE}\n")
    assert not is_encrypted(f"{VALUE} and {VALUE}")
