"""What `make release` has made, taken as people take it, and made once more. It runs this when it is done."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from kubectl_gitops import __version__
from scripts.release import TARGET, archive_name, make
from tests.testbed.assets import assets

pytestmark = pytest.mark.skipif("GITOPS_RELEASE" not in os.environ, reason="`make release` runs these")
MAX_BYTES = 40_000_000
VERSION = f"kubectl gitops {__version__}\n"


def version_by_kubectl(directory: Path, home: Path) -> str:
    """``kubectl gitops version --client`` as a person has it, with the plugin in ``directory``."""
    path = os.pathsep.join([str(directory), str(assets()), str(Path(sys.base_prefix, "bin")), "/usr/bin", "/bin"])
    done = subprocess.run(
        ["kubectl", "gitops", "version", "--client"],
        env={"PATH": path, "HOME": str(home)},
        executable=assets() / "kubectl",
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_second_build_is_the_same_to_the_byte(tmp_path: Path) -> None:
    make(tmp_path / "dist")
    assert (tmp_path / "dist/SHA256SUMS").read_text() == (TARGET / "SHA256SUMS").read_text()
    assert (tmp_path / "dist/gitops.yaml").read_text() == (TARGET / "gitops.yaml").read_text()


def test_the_checksums_are_those_of_all_files() -> None:
    done = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=TARGET, check=False)
    assert done.returncode == 0
    assert len((TARGET / "SHA256SUMS").read_text().splitlines()) == 6


@pytest.mark.parametrize("archive", sorted(TARGET.glob("*.tar.gz")), ids=lambda path: path.name)
def test_each_archive_is_small_and_has_the_licence(archive: Path) -> None:
    assert archive.stat().st_size < MAX_BYTES
    with tarfile.open(archive) as content:
        assert {"LICENSE", "sbom.cdx.json", "kubectl-gitops", "kubectl_complete-gitops"} <= set(content.getnames())


@pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="another platform")
def test_kubectl_runs_what_krew_unpacks(tmp_path: Path) -> None:
    with tarfile.open(TARGET / archive_name("linux", "amd64")) as content:
        content.extractall(tmp_path / "store", filter="data")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/kubectl-gitops").symlink_to("../store/kubectl-gitops")
    assert version_by_kubectl(tmp_path / "bin", tmp_path) == VERSION


def test_kubectl_runs_what_pip_installs(tmp_path: Path) -> None:
    """The wheel, with its libraries as they are locked, in a virtual environment that has nothing else."""
    lock = tmp_path / "requirements.txt"
    shutil.copy(TARGET.parent / "requirements.lock", lock)
    (wheel,) = TARGET.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    pip = [str(tmp_path / "venv/bin/python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run(
        [*pip, "--constraint", str(constraints(lock)), str(wheel)], cwd=tmp_path, env=without_path(), check=True
    )
    assert version_by_kubectl(tmp_path / "venv/bin", tmp_path) == VERSION


def constraints(lock: Path) -> Path:
    """The versions alone: pip takes no hashes of what it has not been told to verify as a whole."""
    target = lock.with_name("constraints.txt")
    lines = [line.removesuffix(" \\") for line in lock.read_text().splitlines() if "==" in line]
    target.write_text("\n".join(lines) + "\n")
    return target


def without_path() -> dict[str, str]:
    """The environment without what would let our checkout be found instead."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
