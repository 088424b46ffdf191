"""Commits that somebody made to do harm: nothing outside is read, nothing is run, and nothing takes for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from kubectl_gitops.errors import GitOpsError, InvalidManifest, SourceError
from kubectl_gitops.source.desired import from_directory, from_mirror
from kubectl_gitops.source.limits import MAX_ENTRIES, LimitExceeded, Limits
from kubectl_gitops.source.mirror import Mirror
from kubectl_gitops.source.render import Rendering, render
from tests.testbed.assets import assets
from tests.unit.source.memoryfiles import MemoryFiles
from tests.unit.source.repository import Repository


def config_map(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


def origins(repository: Repository, path: str = "", rendering: Rendering | None = None) -> list[str]:
    mirror = Mirror(str(repository.path), cache_directory=repository.path.parent / "cache", allow_file=True)
    mirror.fetch()
    return [str(one.origin) for one in from_mirror(mirror, "main", path, rendering).declared]


def git(path: Path, *arguments: str, stdin: bytes = b"") -> str:
    identity = ["-c", "user.name=Eve", "-c", "user.email=eve@shop.example"]
    command = ["git", "-C", str(path), *identity, *arguments]
    return subprocess.run(command, input=stdin, check=True, capture_output=True).stdout.decode().strip()


def repository_commit(path: Path, tree: str) -> str:
    commit = git(path, "commit-tree", tree, "-m", "odd")
    git(path, "update-ref", "refs/heads/main", commit)
    return commit


def commit_tree(repository: Repository, entries: bytes) -> None:
    """A commit with a tree as mktree takes it, NUL-terminated: names that no file system would take."""
    repository_commit(repository.path, git(repository.path, "mktree", "-z", stdin=entries))


def blob(repository: Repository, content: bytes) -> str:
    return git(repository.path, "hash-object", "-w", "--stdin", stdin=content)


def test_links_lead_to_files_of_the_same_tree_only(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text(config_map("outside"))
    links = {
        "apps/inside.yaml": "real/a.txt",
        "apps/absolute.yaml": str(tmp_path / "outside.yaml"),
        "apps/up.yaml": "../../outside.yaml",
        "apps/beside.yaml": "../other/b.yaml",
        "apps/loop.yaml": "pool.yaml",
        "apps/pool.yaml": "loop.yaml",
        "apps/self.yaml": "self.yaml",
        "apps/nowhere.yaml": "gone.yaml",
        "apps/all": ".",
        "apps/escape.yaml": "all/../../../outside.yaml",
    }
    repository.write({"apps/real/a.txt": config_map("a"), "other/b.yaml": config_map("b")})
    for name, target in links.items():
        (repository.path / name).symlink_to(target)
    repository.commit({})
    assert origins(repository, "apps") == ["apps/inside.yaml:1"]
    repository.git("rm", "--quiet", "apps/inside.yaml")
    (repository.path / "apps/first.txt").symlink_to("real/a.txt")
    (repository.path / "apps/chain.yaml").symlink_to("first.txt")
    repository.commit({})
    assert origins(repository, "apps") == ["apps/chain.yaml:1"]


@pytest.mark.parametrize("path", ["apps/link.yaml", "sub"])
def test_a_link_or_a_submodule_is_no_path(repository: Repository, path: str) -> None:
    repository.write({"apps/a.yaml": config_map("a")})
    (repository.path / "apps/link.yaml").symlink_to("a.yaml")
    first = repository.commit({})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{first},sub")
    repository.git("commit", "--quiet", "--message", "a submodule")
    with pytest.raises(SourceError, match=f"^'{path}' is a (symbolic link|submodule) at revision main"):
        origins(repository, path)
    assert origins(repository, "apps/a.yaml") == ["apps/a.yaml:1"]


@pytest.mark.parametrize("path", ["..", "../shop", "/etc", "apps/../../x", "a\0b"])
def test_no_path_leaves_the_repository(repository: Repository, path: str) -> None:
    repository.commit({"a.yaml": config_map("a")})
    with pytest.raises(SourceError, match="is not a path inside the repository"):
        origins(repository, path)


def test_attributes_and_filters_are_not_obeyed(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": config_map("a")})
    marker = tmp_path / "ran"
    repository.commit({".gitattributes": "*.yaml filter=evil diff=evil ident export-subst\n"})
    repository.git("config", "filter.evil.smudge", f"touch {marker}; cat")
    repository.git("config", "filter.evil.clean", f"touch {marker}; cat")
    repository.git("config", "diff.evil.textconv", f"touch {marker}; cat")
    assert origins(repository) == ["a.yaml:1"]
    assert not marker.exists()


def test_a_pointer_of_git_lfs_is_named(repository: Repository) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
    repository.commit({"apps/a.yaml": pointer})
    with pytest.raises(
        InvalidManifest, match=r"^apps/a\.yaml: this is only the pointer of a file that Git LFS"
    ) as caught:
        origins(repository)
    assert "git lfs untrack" in caught.value.hint


def test_a_file_of_2_gigabytes_is_refused_before_it_is_read(repository: Repository) -> None:
    """It says that it has so much, and has nothing: who read it would see another error."""
    repository.commit({"ok/a.yaml": config_map("a")})
    mirror = Mirror(str(repository.path), cache_directory=repository.path.parent / "cache", allow_file=True)
    mirror.fetch()
    sha = "ab" * 20
    (mirror.path / "objects/ab").mkdir(exist_ok=True)
    (mirror.path / "objects/ab" / sha[2:]).write_bytes(zlib.compress(b"blob %d\0" % 2**31 + bytes(100)))
    tree = git(mirror.path, "mktree", stdin=f"100644 blob {sha}\thuge.yaml\n".encode())
    commit = repository_commit(mirror.path, tree)
    with pytest.raises(LimitExceeded, match=r"^huge\.yaml has 2 GiB: the limit max-file-bytes is 16 MiB$") as caught:
        from_mirror(mirror, commit, "")
    assert "--limit max-file-bytes=" in caught.value.hint


def test_100_000_files_are_refused_before_they_are_read(repository: Repository) -> None:
    sha = blob(repository, config_map("a").encode())
    commit_tree(repository, b"".join(b"100644 blob %b\tf%06d.yaml\0" % (sha.encode(), n) for n in range(100_000)))
    with pytest.raises(LimitExceeded, match=r"^f020000\.yaml is one file too many: the limit max-files is 20,000$"):
        origins(repository)


def test_files_that_nobody_asks_for_do_not_count(repository: Repository) -> None:
    sha = blob(repository, config_map("a").encode())
    names = [*(f"f{n:05}.txt" for n in range(30_000)), "g.yaml"]
    commit_tree(repository, b"".join(b"100644 blob %b\t%b\0" % (sha.encode(), name.encode()) for name in names))
    assert origins(repository) == ["g.yaml:1"]


def test_a_tree_that_holds_itself_many_times_over_is_refused(repository: Repository) -> None:
    """Ten levels of ten names for one tree are 10,000,000,000 files in ten objects."""
    sha = blob(repository, config_map("a").encode())
    tree = git(repository.path, "mktree", stdin=f"100644 blob {sha}\ta.yaml\n".encode())
    for _ in range(10):
        tree = git(repository.path, "mktree", stdin="".join(f"040000 tree {tree}\td{n}\n" for n in range(10)).encode())
    repository_commit(repository.path, tree)
    with pytest.raises(LimitExceeded, match=f"^the repository has more than {MAX_ENTRIES:,} files$"):
        origins(repository)


def test_a_million_lines_are_read(repository: Repository) -> None:
    text = config_map("a") + "data:\n" + "".join(f"  k{n}: v\n" for n in range(1_000_000))
    repository.commit({"a.yaml": text})
    assert origins(repository) == ["a.yaml:1"]


def test_objects_have_a_limit(repository: Repository) -> None:
    repository.commit({"a.yaml": "---\n".join(config_map(f"a{n}") for n in range(20))})
    with pytest.raises(LimitExceeded, match=r"^a\.yaml:41 is one object too many: the limit max-objects is 10$"):
        origins(repository, rendering=Rendering(limits=Limits(max_objects=10)))


def test_names_with_what_a_terminal_obeys_are_read_and_kept(repository: Repository) -> None:
    sha = blob(repository, config_map("a").encode()).encode()
    commit_tree(repository, b"100644 blob %b\t\x1b[2Ja\n.yaml\0" % sha)
    assert origins(repository) == ["\x1b[2Ja\n.yaml:1"]


def test_names_that_are_no_text_are_refused(repository: Repository) -> None:
    sha = blob(repository, config_map("a").encode()).encode()
    commit_tree(repository, b"100644 blob %b\ta\xfe.yaml\000100644 blob %b\ta\xff.yaml\0" % (sha, sha))
    with pytest.raises(SourceError, match="the name of this file is not UTF-8"):
        origins(repository)


def test_names_that_a_file_system_takes_for_one_are_refused_by_none(repository: Repository) -> None:
    first, second = blob(repository, config_map("a").encode()), blob(repository, config_map("b").encode())
    commit_tree(repository, f"100644 blob {first}\tA.yaml\000100644 blob {second}\ta.yaml\0".encode())
    assert origins(repository) == ["A.yaml:1", "a.yaml:1"]


def test_hooks_of_the_repository_do_not_run(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": config_map("a")})
    for name in ("post-checkout", "reference-transaction", "pre-auto-gc", "post-update", "fsmonitor-watchman"):
        hook = repository.path / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        hook.chmod(0o755)
    assert origins(repository) == ["a.yaml:1"]
    assert not (tmp_path / "ran").exists()
    assert os.access(repository.path / ".git/hooks/post-update", os.X_OK)


# -- kustomize


@pytest.fixture
def kubectl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(assets()), prepend=os.pathsep)
    monkeypatch.delenv("KUBECTL", raising=False)


def refused(files: dict[str, str], path: str = "", limits: Limits | None = None) -> GitOpsError:
    with pytest.raises(GitOpsError) as caught:
        render(MemoryFiles(files), path, Rendering(limits=limits or Limits(timeout_seconds=30)))
    return caught.value


EXEC = """\
apiVersion: shop.example/v1
kind: Evil
metadata:
  name: x
  annotations:
    config.kubernetes.io/function: "exec: {{path: {path}}}"
"""
PLUGIN = "apiVersion: shop.example/v1\nkind: Evil\nmetadata: {name: x}\n"


@pytest.mark.usefixtures("kubectl")
@pytest.mark.parametrize("field", ["generators", "transformers", "validators"])
@pytest.mark.parametrize("kind", ["exec", "container", "plugin"])
def test_kustomize_runs_no_program(tmp_path: Path, field: str, kind: str) -> None:
    program = tmp_path / "evil.sh"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    functions = {
        "exec": EXEC.format(path=program),
        "container": EXEC.replace("exec: {{path: {path}}}", "container: {image: evil}"),
        "plugin": PLUGIN,
    }
    error = refused({"kustomization.yaml": f"resources: [a.yaml]\n{field}: [evil.yaml]\n", "evil.yaml": functions[kind],
                     "a.yaml": config_map("a")})  # fmt: skip
    assert (error.__class__, getattr(error, "file", "")) == (InvalidManifest, "evil.yaml")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("field", ["helmCharts", "helmChartInflationGenerator", "helmGlobals"])
def test_kustomize_inflates_no_chart(field: str) -> None:
    charts = f"resources: []\n{field}:\n- name: redis\n  repo: https://charts.example\n"
    error = refused({"kustomization.yaml": charts})
    assert isinstance(error, InvalidManifest)
    assert (error.file, error.line) == ("kustomization.yaml", 2)
    assert field in error.reason


@pytest.mark.usefixtures("kubectl")
def test_kustomize_has_bounded_memory() -> None:
    """Each of ten generators has the same large file a hundred times over."""
    entries = "".join(f"  - k{n}=big.txt\n" for n in range(500))
    files = {"kustomization.yaml": f"configMapGenerator:\n- name: a\n  files:\n{entries}", "big.txt": "x" * 2_000_000}
    error = refused(files, limits=Limits(timeout_seconds=60, max_memory_bytes=300 * 2**20))
    assert isinstance(error, LimitExceeded)


@pytest.mark.usefixtures("kubectl")
def test_kustomizations_that_are_each_other_s_bases_are_refused() -> None:
    files = {"a/kustomization.yaml": "resources: [../b]", "b/kustomization.yaml": "resources: [../a]"}
    assert "cycle" in str(refused(files, "a"))


def test_a_kustomization_in_a_directory_does_not_follow_links_out_of_the_checkout(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/kustomization.yaml").write_text("resources: []")
    repository = Repository(tmp_path / "shop")
    (repository.path / "base").symlink_to(tmp_path / "outside")
    repository.write({"kustomization.yaml": "resources: [base]"})
    with pytest.raises(InvalidManifest, match="'base' is not there"):
        from_directory(repository.path)


# -- YAML


@pytest.mark.parametrize("text", ["[" * 200_000, "{a: " * 200_000, '{"a":' * 200_000, "- " * 200_000, "? " * 200_000])
def test_deep_nesting_is_refused_with_its_file(repository: Repository, text: str) -> None:
    repository.commit({"apps/a.yaml": text})
    with pytest.raises(InvalidManifest, match=r"^apps/a\.yaml:1"):
        origins(repository)


def test_an_alias_bomb_is_refused_with_its_file(repository: Repository) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    repository.commit({"apps/a.yaml": "\n".join(lines)})
    with pytest.raises(InvalidManifest, match=r"^apps/a\.yaml:\d+:\d+: aliases stand for more than"):
        origins(repository)


# -- what people see


def test_no_output_has_what_a_terminal_obeys(repository: Repository) -> None:
    name = "a\x1b]0;owned\x07\x1b[2J\u202e.yaml"
    sha = blob(repository, config_map("a").encode())
    broken = blob(repository, b"[")
    for content, code in ((sha, 0), (broken, 2)):
        commit_tree(repository, f"100644 blob {content}\t{name}\0".encode())
        command = [sys.executable, "-m", "kubectl_gitops", "render", "-f", str(repository.path), "--revision", "main"]
        environment = {**os.environ, "XDG_CACHE_HOME": str(repository.path.parent)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == code, done.stderr
        output = done.stdout + done.stderr
        assert "\\u001b]0;owned" in output
        assert not set(output) & {"\x1b", "\x07", "\u202e"}
