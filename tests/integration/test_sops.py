"""What the real sops has encrypted is decrypted as sops itself does it, and whatever was changed is refused."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubectl_gitops.errors import InvalidInput, InvalidManifest
from kubectl_gitops.source.age_keys import AgeKeys
from kubectl_gitops.source.desired import from_directory, from_mirror, from_stream
from kubectl_gitops.source.manifest import parse
from kubectl_gitops.source.mirror import Mirror
from kubectl_gitops.source.render import Rendering, render
from kubectl_gitops.source.sops import Decryptor
from kubectl_gitops.source.variables import Variables
from tests.testbed.assets import assets
from tests.testbed.encrypting import Sops
from tests.unit.source.memoryfiles import MemoryFiles
from tests.unit.source.repository import Repository

PASSWORD = "correct horse battery"
SECRET = f"""\
# who may know this
apiVersion: v1
kind: Secret
metadata:
  name: db  # the database
stringData:
  # the password
  password: {PASSWORD}
  empty: ""
"""
TRICKY = r"""
a: "p:a#ss\n☃ \x07 \\ \" \U0001F600"
"yes": on
empty: ""
numbers: [5, -1, 0x1F, 0777, 0o17, 1_000, 1.50, 1e3, 6.02e23, .5, 1e-7]
words: [yes, no, on, y, "true", true, False, null, ~, "null", =]
times: [2001-01-01, 2001-12-14t21:59:43.10-05:00, "2001-01-01", 12:30:45, 2001-1-2 3:4:5.600]
list:
  # between
  - a
  # more
  - - b
    - {c: d, e: [f, # inline
       g]}
folded: >
  one
  two

literal: |
  one
    two
nested: {x: {"y z": 1, w: "ENC"}}
base: &base {k: v}
merged: *base
"""


@pytest.fixture
def tool(sops: Path, tmp_path: Path) -> Sops:
    return Sops(sops, tmp_path / "sops")


@pytest.fixture
def new_tool(sops: Path, tmp_path: Path) -> Callable[[], Sops]:
    return lambda: Sops(sops, tmp_path / "other")


def values(text: bytes) -> list[Any]:
    return [one.object for one in parse(text, file="x")]


def variables(text: bytes) -> list[bytes]:
    return [line for line in text.split(b"\n") if line[:1] not in {b"#", b""}]


def opened(tool: Sops, name: str, encrypted: str) -> bytes:
    return Decryptor(tool.keys).opened(name, encrypted.encode())


def refused(tool: Sops, encrypted: str, name: str = "db.yaml") -> InvalidManifest:
    with pytest.raises(InvalidManifest) as caught:
        render(MemoryFiles({name: encrypted}), "", Rendering(keys=tool.keys))
    assert PASSWORD not in f"{caught.value} {caught.value.hint}"
    return caught.value


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"encrypted_regex": "^(a|numbers|times|list|nested|merged)$"},
        {"unencrypted_regex": "^(words|numbers|times|nested)$"},
        {"encrypted_suffix": "rs"},
        {"unencrypted_suffix": "s"},
        {"mac_only_encrypted": True, "encrypted_regex": "list"},
        {"encrypted_comment_regex": "between"},
        {"unencrypted_comment_regex": "between"},
    ],
    ids=str,
)
def test_yaml_is_what_sops_makes_of_it(tool: Sops, rules: dict[str, str | bool]) -> None:
    encrypted = tool.encrypt("a.yaml", TRICKY, **rules)
    ours = opened(tool, "a.yaml", encrypted)
    assert values(ours) == values(tool.decrypt("a.yaml", encrypted))
    assert b"ENC[" not in b"".join(line for line in ours.splitlines() if not line.lstrip().startswith(b"#"))


def test_json_environment_and_other_files_are_what_sops_makes_of_them(tool: Sops) -> None:
    files: dict[str, str | bytes] = {
        "a.json": '{"a": 1, "b": [1.5, "x", true, null, -0.25, 1e21], "c": {"d": "é\\u0000😀\\ud83d\\ude00", "": {}}}',
        "a.env": "#c\nA=b c\nM=x\\ny\n\nE=\n",
        "a.bin": b"bin\0ary\xff\n",
        "a.txt": "text\n",
    }
    for name, content in files.items():
        encrypted = tool.encrypt(name, content)
        ours, theirs = opened(tool, name, encrypted), tool.decrypt(name, encrypted)
        if name == "a.json":
            assert json.loads(ours) == json.loads(theirs)
        elif name == "a.env":
            assert variables(ours) == variables(theirs)
        else:
            assert ours == theirs == (content if isinstance(content, bytes) else content.encode())


def test_objects_have_the_lines_of_the_encrypted_file(tool: Sops) -> None:
    text = SECRET + "---\n" + SECRET.replace("db", "cache")
    encrypted = tool.encrypt("db.yaml", text, encrypted_regex="^(data|stringData)$")
    declared = render(MemoryFiles({"db.yaml": encrypted}), "", Rendering(keys=tool.keys))
    assert [one.object["stringData"] for one in declared] == [{"password": PASSWORD, "empty": ""}] * 2
    lines = encrypted.splitlines()
    assert [lines[one.origin.line - 1] for one in declared] == ["apiVersion: v1"] * 2
    assert "sops" not in declared[0].object


def test_a_secret_may_be_encrypted_as_a_whole(tool: Sops) -> None:
    declared = render(MemoryFiles({"db.yaml": tool.encrypt("db.yaml", SECRET)}), "", Rendering(keys=tool.keys))
    assert [one.key.described for one in declared] == ["Secret/db"]


def test_whatever_was_changed_is_refused_without_its_value(tool: Sops, new_tool: Callable[[], Sops]) -> None:
    encrypted = tool.encrypt("db.yaml", SECRET, encrypted_regex="^(data|stringData)$")
    value = next(line.split(": ", 1)[1] for line in encrypted.splitlines() if line.startswith("    password: "))
    data = value.split("data:")[1].split(",")[0]
    flipped = ("A" if data[0] != "A" else "B") + data[1:]
    assert "stringData.password: this is not what SOPS" in str(refused(tool, encrypted.replace(data, flipped)))
    assert "stringData.other: this is not what" in str(refused(tool, encrypted.replace("password:", "other:")))
    assert "(MAC mismatch)" in str(refused(tool, encrypted.replace("name: db", "name: dc")))
    assert "(MAC mismatch)" in str(refused(tool, encrypted.replace('empty: ""', "empty: x")))
    assert "(MAC mismatch)" in str(refused(tool, encrypted.replace(value, PASSWORD[::-1])))
    assert "(MAC mismatch)" in str(refused(tool, encrypted.replace("    lastmodified: ", "    was: ")))
    assert "(MAC mismatch)" in str(
        refused(tool, encrypted.replace("    mac: ", "    mac_only_encrypted: true\n    mac: "))
    )
    other = new_tool()
    error = refused(other, encrypted)
    assert error.reason == "this is encrypted with SOPS, and there is no key for it"
    assert f"it was encrypted for {tool.recipient}, and no key in keys.txt is of these" in error.hint


def test_what_is_for_others_and_not_needed_does_no_harm(
    tool: Sops, new_tool: Callable[[], Sops], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{assets()}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("KUBECTL", raising=False)
    files = {
        "kustomization.yaml": "resources: [ours.yaml]\n",
        "ours.yaml": tool.encrypt("db.yaml", SECRET, encrypted_regex="^stringData$"),
        "theirs.yaml": new_tool().encrypt("db.yaml", SECRET),
    }
    assert [str(one.origin) for one in render(MemoryFiles(files), "", Rendering(keys=tool.keys))] == ["ours.yaml:2"]


def test_kustomize_is_given_what_was_encrypted(tool: Sops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{assets()}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("KUBECTL", raising=False)
    files = {
        "kustomization.yaml": "generatorOptions: {disableNameSuffixHash: true}\nresources: [db.yaml]\n"
        "secretGenerator:\n- name: login\n  envs: [login.env]\n- name: file\n  files: [a.bin]\n",
        "db.yaml": tool.encrypt("db.yaml", SECRET, encrypted_regex="^stringData$"),
        "login.env": tool.encrypt("login.env", f"password={PASSWORD}\n"),
        "a.bin": tool.encrypt("a.bin", b"\0\xff"),
    }
    found = {one.name: one for one in render(MemoryFiles(files), "", Rendering(keys=tool.keys))}
    assert found["db"].object["stringData"]["password"] == PASSWORD
    assert base64.b64decode(found["login"].object["data"]["password"]).decode() == PASSWORD
    assert base64.b64decode(found["file"].object["data"]["a.bin"]) == b"\0\xff"
    assert {name: str(one.origin) for name, one in found.items()} == {
        "db": "db.yaml:2",
        "login": "kustomization.yaml:4",
        "file": "kustomization.yaml:6",
    }
    revealing = {
        **files,
        "kustomization.yaml": files["kustomization.yaml"].replace("secretGenerator", "configMapGenerator"),
    }
    with pytest.raises(
        InvalidManifest, match=r"^kustomization\.yaml:4: ConfigMap/login: data\.password holds what SOPS"
    ) as caught:
        render(MemoryFiles(revealing), "", Rendering(keys=tool.keys))
    assert PASSWORD not in str(caught.value)


def test_helm_is_given_what_was_encrypted_and_may_put_it_into_secrets_only(tool: Sops, helm: Path) -> None:
    template = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: '{{ .Values.password }}'}\n"
    files = {
        "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        "values.yaml": tool.encrypt("values.yaml", f"password: {PASSWORD}\nreplicas: 3\n"),
        "templates/db.yaml": template,
    }
    declared = render(MemoryFiles(files), "", Rendering(keys=tool.keys))
    assert [one.object["stringData"] for one in declared] == [{"password": PASSWORD}]
    revealing = template.replace("Secret", "ConfigMap").replace("stringData", "data")
    with pytest.raises(InvalidManifest, match=r"^templates/db\.yaml:1: ConfigMap/db: data\.password holds what SOPS"):
        render(MemoryFiles({**files, "templates/db.yaml": revealing}), "", Rendering(keys=tool.keys))


def test_no_copy_of_what_was_encrypted_is_left_or_on_a_disk(
    tool: Sops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, home, program = Repository(tmp_path / "shop"), tmp_path / "tmp", tmp_path / "bin/kustomize"
    files = {"kustomization.yaml": "resources: [db.yaml]\n", "db.yaml": tool.encrypt("db.yaml", SECRET)}
    repository.commit(files)
    home.mkdir()
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat db.yaml\npwd >&2\ncase $PWD in /dev/shm/*|{home}/*) ;; *) exit 1;; esac\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("tempfile.tempdir", str(home))
    mirror = Mirror(str(repository.path), cache_directory=tmp_path / "cache", allow_file=True)
    mirror.fetch()
    desired = from_mirror(mirror, "main", "", Rendering(keys=tool.keys))
    assert desired.declared[0].object["stringData"]["password"] == PASSWORD
    everything = b"".join(
        one.read_bytes() for place in (home, tmp_path / "cache") for one in place.rglob("*") if one.is_file()
    )
    assert PASSWORD.encode() not in everything


def test_a_value_is_no_reference_to_a_variable(tool: Sops) -> None:
    encrypted = tool.encrypt("db.yaml", SECRET.replace(PASSWORD, "x${PASSWORD}y"), encrypted_regex="^stringData$")
    plain = render(MemoryFiles({"db.yaml": encrypted}), "", Rendering(keys=tool.keys))
    assert plain[0].object["stringData"]["password"] == "x${PASSWORD}y"
    with pytest.raises(
        InvalidManifest, match=r"stringData\.password: what is encrypted here has a \$\{ in it"
    ) as caught:
        render(MemoryFiles({"db.yaml": encrypted}), "", Rendering(keys=tool.keys, variables=Variables(values={})))
    assert "PASSWORD" not in str(caught.value)


def test_directories_and_stdin_are_decrypted_too(tool: Sops, tmp_path: Path) -> None:
    encrypted = tool.encrypt("db.yaml", SECRET)
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/db.yaml").write_text(encrypted)
    rendering = Rendering(keys=tool.keys)
    for desired in (
        from_directory(tmp_path / "deploy", rendering),
        from_stream(encrypted.encode(), rendering=rendering),
    ):
        assert desired.declared[0].object["stringData"]["password"] == PASSWORD


def test_keys_are_those_that_sops_itself_would_take(tool: Sops) -> None:
    key = tool.keys.texts[0]
    assert AgeKeys.from_environment({}) is None
    for environ in ({"SOPS_AGE_KEY": key}, {"SOPS_AGE_KEY_FILE": str(tool.key_file)}):
        found = AgeKeys.from_environment(environ)
        assert found is not None
        assert found.texts == (key,)
        assert key not in repr(found)
    with pytest.raises(InvalidInput, match=r"^SOPS_AGE_KEY: what is in line 1") as caught:
        AgeKeys.from_environment({"SOPS_AGE_KEY": f"x{key}"})
    assert key not in str(caught.value)
    with pytest.raises(InvalidInput, match="one of the age keys is damaged") as caught:
        AgeKeys.parse(key[:-1] + ("Q" if key[-1] != "Q" else "P"), "k").open("x")
    assert caught.value.__cause__ is None
