"""The image of `make image`, run as the kubelet would run it: not as root, nothing to write to but /tmp, no network.

`make image` runs this when it has built one; it needs runc, and root.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from kubectl_gitops import __version__
from scripts.image import TARGET, USER_ID, unpack_archive

pytestmark = pytest.mark.skipif("GITOPS_IMAGE" not in os.environ, reason="`make image` runs these")
TMP = "/tmp"  # noqa: S108 - in the image
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("image") / "root"
    unpack_archive(TARGET, directory)
    return directory


@pytest.fixture
def run(root: Path, tmp_path: Path) -> Run:
    """Runs a command in the image; ``tmp_path/work`` is there as /work, and cannot be written to."""
    work = tmp_path / "work"
    work.mkdir()

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "config.json").write_text(json.dumps(runtime(root, work, command)))
        return subprocess.run(
            ["runc", "--root", str(tmp_path / "state"), "run", "--bundle", str(tmp_path), f"t{secrets.token_hex(4)}"],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    return run


def runtime(root: Path, work: Path, command: tuple[str, ...]) -> dict[str, object]:
    """https://github.com/opencontainers/runtime-spec/blob/main/config.md"""
    return {
        "ociVersion": "1.0.2",
        "root": {"path": str(root), "readonly": True},
        "process": {
            "user": {"uid": USER_ID, "gid": USER_ID},
            "cwd": "/work",
            "args": command,
            "env": ["PATH=/usr/bin", "LANG=C.UTF-8", f"HOME={TMP}", "PYTHONDONTWRITEBYTECODE=1"],
            "noNewPrivileges": True,
            "capabilities": {},
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
            {"destination": TMP, "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777", "size=65536k"]},
            {"destination": "/work", "type": "bind", "source": str(work), "options": ["bind", "ro"]},
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]},
    }


@pytest.mark.parametrize("program", ["kubectl-gitops", "gitops-reconciler", "gitops-webhook"])
def test_each_program_starts(run: Run, program: str) -> None:
    done = run(program, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(("Usage: ", "usage: "))


def test_it_says_which_version_it_is(run: Run) -> None:
    done = run("kubectl-gitops", "version", "--client", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert __version__ in done.stdout


@pytest.mark.parametrize("command", [("git", "version"), ("gpg", "--version"), ("ssh", "-V"), ("ssh-keygen", "-?")])
def test_what_the_reconciler_runs_is_there(run: Run, command: tuple[str, ...]) -> None:
    done = run(*command)
    assert done.stdout + done.stderr
    assert "No such file" not in done.stderr
    assert "error while loading shared libraries" not in done.stderr


def test_git_speaks_https(run: Run) -> None:
    """Where there is no network the name is not found, which takes the helper, curl and all its libraries."""
    done = run("git", "ls-remote", "https://git.example/shop.git")
    assert "Could not resolve host: git.example" in done.stderr


def test_nothing_can_be_written_but_to_tmp(run: Run) -> None:
    program = "import os; open('/tmp/x', 'w'); print(os.getuid(), os.access('/', os.W_OK), os.access('/usr', os.W_OK))"
    assert run("python3.11", "-c", program).stdout.split() == [str(USER_ID), "False", "False"]


def test_it_has_nothing_that_gives_rights_to_who_runs_it(root: Path) -> None:
    found = [path for path in root.rglob("*") if path.is_file() and path.stat().st_mode & 0o6002]
    assert found == []


def test_every_library_is_there(run: Run) -> None:
    """Of each program and each extension module, as the loader of the image itself sees it."""
    program = """
import pathlib, subprocess
for path in pathlib.Path("/usr").rglob("*"):
    if path.is_file() and not path.is_symlink() and path.open("rb").read(4) == b"\\x7fELF":
        done = subprocess.run(["/lib64/ld-linux-x86-64.so.2", "--list", str(path)], capture_output=True, text=True)
        missing = [line for line in (done.stdout + done.stderr).splitlines() if "not found" in line]
        if missing:
            print(path, missing)
"""
    done = run("python3.11", "-c", program)
    assert (done.stdout, done.stderr) == ("", "")


def test_kustomizations_are_rendered(run: Run, tmp_path: Path) -> None:
    (tmp_path / "work/kustomization.yaml").write_text("namePrefix: eu-\nresources: [web.yaml]\n")
    (tmp_path / "work/web.yaml").write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: web}, data: {a: b}}")
    done = run("kubectl-gitops", "render", "-f", "/work")
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["metadata"]["name"] == "eu-web"


def test_charts_are_rendered(run: Run, tmp_path: Path) -> None:
    (tmp_path / "work/templates").mkdir()
    (tmp_path / "work/Chart.yaml").write_text("{apiVersion: v2, name: web, version: 1.0.0}")
    template = "{apiVersion: v1, kind: ConfigMap, metadata: {name: '{{ .Release.Name }}'}}"
    (tmp_path / "work/templates/web.yaml").write_text(template)
    done = run("kubectl-gitops", "render", "-f", "/work", "--release-name", "shop")
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["metadata"]["name"] == "shop"
