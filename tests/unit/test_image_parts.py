"""What the image is made of is pinned, and no more than both processes need."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from kubectl_gitops import __version__
from kubectl_gitops.installation.manifests import read_manifests
from scripts.debian import DebianFailed, Package, fetch, read_lock
from scripts.dependencies import needed_at_all, needed_by_plugin
from scripts.image import PROGRAMS, USER_ID

ROOT = Path(__file__).parents[2]


def test_each_package_of_debian_is_locked_by_version_and_hash() -> None:
    packages = read_lock()
    assert {"python3.11-minimal", "git", "openssh-client", "gpg", "ca-certificates"} <= {one.name for one in packages}
    assert packages == sorted(packages)
    assert all(re.fullmatch(r"[0-9a-f]{64}", one.sha256) for one in packages)


def test_another_file_than_the_locked_one_is_refused_and_removed(tmp_path: Path) -> None:
    package = Package("git", "1:2.39.5-0", hashlib.sha256(b"git").hexdigest())
    file = tmp_path / "git_1%3a2.39.5-0_amd64.deb"
    file.write_bytes(b"git")
    assert fetch([package], tmp_path) == [file]
    file.write_bytes(b"not git")
    with pytest.raises(DebianFailed, match=r"has the SHA-256 [0-9a-f]{64}, and image/debian.lock says"):
        fetch([package], tmp_path)
    assert not file.exists()


def test_the_programs_are_those_of_the_wheel() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {name: f"{module}:main" for name, module in PROGRAMS.items()}.items() <= scripts.items()


def test_the_image_has_what_the_plugin_needs_and_more() -> None:
    assert needed_by_plugin() | {"flask", "granian", "cryptography", "prometheus-client"} <= needed_at_all()


def test_the_manifests_name_the_image_and_run_what_is_in_it() -> None:
    workloads = [obj for obj in read_manifests() if obj["kind"] == "Deployment"]
    containers = [one for obj in workloads for one in obj["spec"]["template"]["spec"]["containers"]]
    assert {one["image"] for one in containers} == {f"kubectl-gitops:{__version__}"}
    assert {one["command"][0] for one in containers} <= PROGRAMS.keys()


def test_it_runs_as_a_number_that_is_not_root() -> None:
    """By a name the kubelet could not tell, and would refuse the pod."""
    (user,) = re.findall(r"^USER (\d+):\d+$", (ROOT / "image/Containerfile").read_text(), re.MULTILINE)
    assert int(user) == USER_ID > 0
