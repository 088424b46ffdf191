from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kubectl_gitops.errors import InvalidManifest, SourceError
from kubectl_gitops.source.desired import from_directory, from_mirror, from_stream
from kubectl_gitops.source.mirror import Mirror
from tests.unit.source.repository import Repository


def config_map(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"


def write(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def origins(directory: Path) -> list[str]:
    return [str(one.origin) for one in from_directory(directory).declared]


def test_a_commit_declares_what_is_below_a_path(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "shop")
    first = repository.commit({"apps/a.yaml": config_map("a"), "apps/b.yaml": config_map("b"), "broken.yaml": "["})
    second = repository.commit({"apps/b.yaml": "# changed\n" + config_map("b")})
    mirror = Mirror(str(repository.path), cache_directory=tmp_path / "cache", allow_file=True)
    mirror.fetch()
    desired = from_mirror(mirror, "main", "./apps/")
    assert [str(one.origin) for one in desired.declared] == ["apps/a.yaml:1", "apps/b.yaml:2"]
    assert {path: commit.sha for path, commit in desired.file_commits.items()} == {
        "apps/a.yaml": first,
        "apps/b.yaml": second,
    }
    assert desired.commit is not None
    assert desired.commit.sha == second
    assert desired.where == f"main ({second[:8]}) of {repository.path} path apps"
    assert from_mirror(mirror, first, "apps/a.yaml").where == f"{first[:8]} of {repository.path} path apps/a.yaml"
    with pytest.raises(InvalidManifest, match=r"^broken\.yaml:"):
        from_mirror(mirror, "main", "")
    with pytest.raises(SourceError, match="no such path 'nowhere' at revision main"):
        from_mirror(mirror, "main", "nowhere")


def test_a_directory_is_told_as_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"deploy/a.yaml": config_map("a"), "deploy/sub/b.json": config_map("b"), "deploy/.c/c.yaml": "["})
    monkeypatch.chdir(tmp_path)
    assert origins(Path("deploy")) == origins(Path("./deploy/")) == ["deploy/a.yaml:1", "deploy/sub/b.json:1"]
    assert origins(tmp_path / "deploy/sub") == [f"{tmp_path}/deploy/sub/b.json:1"]
    assert origins(Path("deploy/a.yaml")) == ["deploy/a.yaml:1"]
    monkeypatch.chdir(tmp_path / "deploy/sub")
    assert origins(Path()) == ["b.json:1"]
    assert origins(Path("..")) == ["../a.yaml:1", "b.json:1"]
    assert from_directory(Path("..")).where == "directory .."
    assert from_directory(Path("b.json")).where == "file b.json"


def test_a_directory_of_a_checkout_is_told_from_its_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository(tmp_path / "shop")
    sha = repository.commit({"apps/web/a.yaml": config_map("a")})
    write(repository.path, {"apps/web/new.yaml": config_map("new")})
    monkeypatch.chdir(repository.path / "apps")
    desired = from_directory(Path("web"))
    assert [str(one.origin) for one in desired.declared] == ["apps/web/a.yaml:1", "apps/web/new.yaml:1"]
    assert desired.commit is None
    assert {path: commit.sha for path, commit in desired.file_commits.items()} == {"apps/web/a.yaml": sha}
    assert len(desired.file_commits) == 1
    assert origins(repository.path) == ["apps/web/a.yaml:1", "apps/web/new.yaml:1"]


def test_links_do_not_lead_out_of_a_directory(tmp_path: Path) -> None:
    write(tmp_path, {"deploy/real/a.yaml": config_map("a"), "secret/b.yaml": config_map("b")})
    (tmp_path / "deploy/out.yaml").symlink_to(tmp_path / "secret/b.yaml")
    (tmp_path / "deploy/up.yaml").symlink_to("../secret/b.yaml")
    (tmp_path / "deploy/dangling.yaml").symlink_to("nowhere")
    (tmp_path / "deploy/directory").symlink_to(tmp_path / "secret")
    (tmp_path / "deploy/loop").symlink_to(".")
    assert origins(tmp_path / "deploy") == [f"{tmp_path}/deploy/real/a.yaml:1"]


def test_a_mounted_config_map_is_read_once(tmp_path: Path) -> None:
    write(tmp_path, {"..2026/a.yaml": config_map("a")})
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    assert origins(tmp_path) == [f"{tmp_path}/a.yaml:1"]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=f"^{tmp_path}/nowhere: No such file or directory$"):
        from_directory(tmp_path / "nowhere")


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(config_map("a"),))
    writer.start()
    assert origins(pipe) == [f"{pipe}:1"]
    writer.join()


def test_a_stream_declares_too() -> None:
    desired = from_stream(config_map("a").encode() + b"---\n" + config_map("b").encode())
    assert [str(one.origin) for one in desired.declared] == ["<stdin>:1", "<stdin>:5"]
    assert desired.where == "<stdin>"
    with pytest.raises(InvalidManifest, match=r"^<stdin>:5: ConfigMap/a is declared already, at <stdin>:1$"):
        from_stream(config_map("a").encode() + b"---\n" + config_map("a").encode())


def test_reading_a_directory_needs_no_git(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "shop")
    repository.commit({"a.yaml": config_map("a")})
    program = (
        "import sys; from pathlib import Path; from kubectl_gitops.source.desired import from_directory\n"
        "desired = from_directory(Path(sys.argv[1])); desired.text_of('a.yaml'); print('git' in sys.modules)\n"
        "len(desired.file_commits); print('git' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(repository.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\nTrue\n"


def test_the_text_of_an_origin_can_be_had_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository(tmp_path / "shop")
    repository.commit({"apps/a.yaml": config_map("a"), "kept/.keep": ""})
    mirror = Mirror(str(repository.path), cache_directory=tmp_path / "cache", allow_file=True)
    mirror.fetch()
    from_commit = from_mirror(mirror, "main", "apps")
    write(repository.path, {"apps/a.yaml": "# new\n" + config_map("a")})
    monkeypatch.chdir(repository.path / "apps")
    from_checkout = from_directory(Path())
    write(tmp_path / "plain", {"a.yaml": config_map("plain")})
    monkeypatch.chdir(tmp_path)
    from_plain, from_named = from_directory(Path("plain")), from_directory(tmp_path / "plain")
    monkeypatch.chdir("/")
    stream = from_stream(b"", "a.yaml")
    assert from_commit.text_of("apps/a.yaml") == config_map("a").encode()
    assert from_checkout.text_of("apps/a.yaml") == b"# new\n" + config_map("a").encode()
    assert from_plain.text_of("plain/a.yaml") == config_map("plain").encode()
    assert from_named.text_of(f"{tmp_path}/plain/a.yaml") == config_map("plain").encode()
    assert stream.text_of("a.yaml") == b""
    for desired in (from_commit, from_checkout, from_plain, from_named, stream):
        assert desired.text_of("apps/gone.yaml") is None
    assert [one.blame is None for one in (from_commit, from_checkout, from_plain, stream)] == [False, False, True, True]
