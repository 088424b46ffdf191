"""What pip, pipx and uv install: the wheel, built as they would build it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from kubectl_gitops import __version__
from kubectl_gitops.installation.manifests import overlays, read_manifests

ROOT = Path(__file__).parents[2]
NAME = f"kubectl_gitops-{__version__}-py3-none-any.whl"


def build(directory: Path) -> Path:
    """Reproducible, whatever the hour."""
    environment = os.environ | {"SOURCE_DATE_EPOCH": "1700000000"}
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return directory / NAME


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


def test_two_builds_are_the_same_to_the_byte(wheel: Path, tmp_path: Path) -> None:
    assert build(tmp_path).read_bytes() == wheel.read_bytes()


def test_it_holds_the_manifests_the_licence_and_each_program(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        programs = archive.read(f"kubectl_gitops-{__version__}.dist-info/entry_points.txt").decode()
    assert f"kubectl_gitops-{__version__}.dist-info/licenses/LICENSE" in names
    assert {f"kubectl_gitops/manifests/overlays/{name}/kustomization.yaml" for name in overlays()} <= names
    assert {line.partition(" = ")[0] for line in programs.splitlines() if " = " in line} == {
        "kubectl-gitops",
        "kubectl_complete-gitops",
        "gitops-reconciler",
        "gitops-webhook",
    }
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "scripts"))]


def test_what_is_installed_from_it_installs_the_same(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    program = (
        "import kubectl_gitops, sys; assert kubectl_gitops.__file__.startswith(sys.argv[1]);"
        "from kubectl_gitops.installation.manifests import read_manifests;"
        "import json; print(json.dumps(read_manifests()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == read_manifests()
