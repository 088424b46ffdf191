"""Where the control plane's programs come from; Go itself is a script here, for it takes minutes."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testbed import assets, gobuild
from tests.testbed.waiting import wait_until

ROOT = Path(__file__).parents[2]

# Records each build, and ends it when the test says so.
FAKE_GO = """\
#!/bin/sh
here=$(dirname "$0")
case $1 in
version) echo "go version ${FAKE_GO_VERSION:-go1.99.0} linux/amd64" ;;
env) echo "${FAKE_GO_TOOLCHAIN-auto}" ;;
build)
    echo built >> "$here/builds"
    echo "go: downloading k8s.io/api v0.0.0" >&2
    echo "k8s.io/api/core/v1" >&2
    if [ -n "$FAKE_GO_ERROR" ]; then echo "$FAKE_GO_ERROR" >&2; exit 1; fi
    while [ -n "$FAKE_GO_WAITS" ] && [ ! -e "$here/go-ahead" ]; do sleep 0.01; done
    while [ "$1" != -o ]; do shift; done
    echo '#!/bin/sh' > "$2"; chmod +x "$2" ;;
esac
"""


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Directory of a fake go, first on PATH, with an empty cache beside it and no assets given."""
    directory = tmp_path / "go"
    directory.mkdir()
    (directory / "go").write_text(FAKE_GO)
    (directory / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return directory


def builds(go: Path) -> int:
    record = go / "builds"
    return len(record.read_text().splitlines()) if record.exists() else 0


def make_programs(directory: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        (directory / name).touch(mode=0o755)
    return directory


def test_given_directory_is_used_and_nothing_built(go: Path, tmp_path: Path) -> None:
    given = make_programs(tmp_path, assets.REQUIRED)
    assert assets.assets({"KUBEBUILDER_ASSETS": str(given)}) == given
    assert builds(go) == 0


def test_given_directory_needs_no_controllers() -> None:
    assert not set(assets.REQUIRED) & {"kube-controller-manager", "kube-scheduler"}


def test_error_names_what_a_given_directory_lacks(tmp_path: Path) -> None:
    make_programs(tmp_path, ("kube-apiserver",))
    (tmp_path / "etcd").touch(mode=0o644)
    with pytest.raises(assets.AssetsUnavailable, match="no executable etcd, kubectl:") as error:
        assets.assets({"KUBEBUILDER_ASSETS": str(tmp_path)})
    assert str(tmp_path) in str(error.value)


def test_empty_variable_counts_as_unset(go: Path, tmp_path: Path) -> None:
    found = assets.assets({"KUBEBUILDER_ASSETS": "", "XDG_CACHE_HOME": str(tmp_path)})
    assert found.is_relative_to(tmp_path)


@pytest.mark.parametrize("relative", ["", "relative/cache"])
def test_cache_is_in_home_unless_xdg_names_an_absolute_path(relative: str) -> None:
    assert assets.cache_directory({"XDG_CACHE_HOME": relative}) == Path.home() / ".cache/kubectl-gitops/testbed"


def test_builds_once_with_a_program_for_each_component(go: Path) -> None:
    directory = assets.assets()
    assert assets.assets() == directory
    assert builds(go) == 1
    assert all(os.access(directory / name, os.X_OK) for name in gobuild.COMPONENTS)
    assert sorted(path.name for path in directory.parent.iterdir()) == [directory.name, directory.name + ".lock"]


def test_failed_build_shows_the_compiler_and_leaves_nothing(
    go: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("FAKE_GO_ERROR", "main.go:7:1: syntax error")
    assert assets.main() == 2
    captured = capsys.readouterr()
    assert "main.go:7:1: syntax error" in captured.err
    assert "KUBEBUILDER_ASSETS" in captured.err
    assert "k8s.io/api/core/v1" not in captured.err
    assert not captured.out
    assert not [path for path in assets.cache_directory(os.environ).iterdir() if path.is_dir()]


def test_interrupted_build_does_not_stand_in_the_way(go: Path) -> None:
    directory = assets.cache_directory(os.environ) / gobuild.cache_key()
    directory.with_name(directory.name + ".building").mkdir(parents=True)
    assert assets.assets() == directory


def test_of_two_processes_one_builds_and_both_get_it(go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_GO_WAITS", "yes")
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    command = [sys.executable, "-m", "tests.testbed.assets"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=pipe, stderr=pipe) as first:
        wait_until(lambda: builds(go), 20, "the first to build")
        with subprocess.Popen(command, cwd=ROOT, text=True, stdout=pipe, stderr=pipe) as second:
            assert second.stderr is not None
            assert "another process is building" in second.stderr.readline()
            (go / "go-ahead").touch()
            outputs = {first.communicate()[0], second.communicate()[0]}
    assert builds(go) == 1
    assert outputs == {f"{assets.assets()}\n"}


def test_without_go_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(assets.AssetsUnavailable, match=r"Go is not installed.*\n.*set KUBEBUILDER_ASSETS"):
        assets.assets({"XDG_CACHE_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("version", "toolchain", "message"),
    [("go1.19.8", "", "too old: this is go1.19.8"), ("go1.24.1", "local", "GOTOOLCHAIN=local")],
)
def test_go_that_is_too_old_is_refused(
    go: Path, monkeypatch: pytest.MonkeyPatch, version: str, toolchain: str, message: str
) -> None:
    monkeypatch.setenv("FAKE_GO_VERSION", version)
    monkeypatch.setenv("FAKE_GO_TOOLCHAIN", toolchain)
    with pytest.raises(assets.AssetsUnavailable, match=message):
        assets.assets()
    assert builds(go) == 0


@pytest.mark.parametrize(("version", "toolchain"), [("go1.24.1", "auto"), ("go1.99.1", "local"), ("devel", "local")])
def test_go_that_is_new_enough_or_can_fetch_one_is_used(version: str, toolchain: str) -> None:
    gobuild.check_go_version(version, toolchain=toolchain)


@pytest.mark.parametrize("name", ["main.go", "go.mod", "go.sum"])
def test_cache_key_changes_with_each_source_file(tmp_path: Path, name: str) -> None:
    source = Path(shutil.copytree(gobuild.SOURCE, tmp_path / "source"))
    assert gobuild.cache_key(source) == gobuild.cache_key()
    with (source / name).open("a") as file:
        file.write("\n")
    assert gobuild.cache_key(source) != gobuild.cache_key()


def test_version_is_written_in_go_mod_alone() -> None:
    version = gobuild.kubernetes_version()
    assert f"\tk8s.io/kubernetes {version}\n" in (gobuild.SOURCE / "go.mod").read_text()
    assert gobuild.cache_key().startswith(version)
    assert f"gitVersion={version} " in " ".join(gobuild.build_command(Path("out")))


def test_progress_counts_and_keeps_messages() -> None:
    out = io.StringIO()
    progress = gobuild.Progress(out)
    progress.follow(
        io.StringIO("go: downloading a v1\nk8s.io/api/core/v1\nsigs.k8s.io/yaml\n# k8s.io/api\na.go:1: no\n")
    )
    assert out.getvalue() == "  0:00  1 modules fetched, 2 packages compiled\n"
    assert list(progress.messages) == ["# k8s.io/api", "a.go:1: no"]
