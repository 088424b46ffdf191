"""What `make release` makes, but for the libraries that it fetches."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from kubectl_gitops import __version__
from scripts.archive import write_archive
from scripts.dependencies import bill_of_materials, needed_by_plugin, read_lock
from scripts.release import PLATFORMS, krew_manifest

ROOT = Path(__file__).parents[2]
LOCK = read_lock((ROOT / "requirements.lock").read_text())
SHA = hashlib.sha256(b"").hexdigest()


def tree(directory: Path, names: list[str]) -> Path:
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(name)
    (directory / "run").chmod(0o700)
    return directory


def test_an_archive_is_the_same_whoever_makes_it_whenever(tmp_path: Path) -> None:
    names = ["run", "lib/b.py", "lib/a.py"]
    one, other = tree(tmp_path / "one", names), tree(tmp_path / "other", names[::-1])
    os.utime(other / "run", (1, 1))
    (other / "lib/a.py").chmod(0o600)
    sums = [write_archive(made, tmp_path / f"{made.name}.tar.gz", epoch=1_700_000_000) for made in (one, other)]
    assert sums[0] == sums[1] == hashlib.sha256((tmp_path / "one.tar.gz").read_bytes()).hexdigest()
    with tarfile.open(tmp_path / "one.tar.gz") as archive:
        found = [(info.name, info.mode, info.mtime, info.uid, info.uname) for info in archive]
    assert found == [
        ("lib/a.py", 0o644, 1_700_000_000, 0, ""),
        ("lib/b.py", 0o644, 1_700_000_000, 0, ""),
        ("run", 0o755, 1_700_000_000, 0, ""),
    ]


def test_krew_s_rules_hold_for_the_manifest() -> None:
    """https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/, and what its validation refuses."""
    manifest = krew_manifest(dict.fromkeys(PLATFORMS, SHA), "https://releases.example/gitops")
    assert (manifest["apiVersion"], manifest["kind"]) == ("krew.googlecontainertools.github.com/v1alpha2", "Plugin")
    assert re.fullmatch(r"[\w-]+", manifest["metadata"]["name"])
    spec = manifest["spec"]
    assert re.fullmatch(r"v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", spec["version"])
    assert spec["shortDescription"]
    assert len(spec["shortDescription"].splitlines()) == 1
    assert spec["caveats"].startswith("This plugin needs Python 3.11, 3.12 or 3.13")
    assert f"/gitops/v{__version__}/" in spec["caveats"]
    selectors = [tuple(one["selector"]["matchLabels"].items()) for one in spec["platforms"]]
    assert selectors == [
        (("os", system), ("arch", machine)) for system in ("linux", "darwin") for machine in ("amd64", "arm64")
    ]
    for platform in spec["platforms"]:
        assert platform.keys() == {"selector", "uri", "sha256", "bin"}  # without files, krew takes all of them
        assert re.fullmatch(r"[a-f0-9]{64}", platform["sha256"])
        assert platform["uri"].startswith("https://releases.example/gitops/v")
        assert platform["bin"] == "kubectl-gitops"


def test_all_that_the_plugin_needs_is_locked_with_hashes() -> None:
    needed = needed_by_plugin()
    assert {"click", "kubernetes", "gitpython", "pyyaml", "orjson", "urllib3", "smmap"} <= needed
    assert needed.isdisjoint({"flask", "granian", "cryptography", "pytest", "mypy"})
    assert needed <= LOCK.keys()
    assert all("--hash=sha256:" in LOCK[name].lines for name in needed)


def test_the_plugin_needs_none_of_what_is_left_out() -> None:
    """No module of ours but the webhook imports it."""
    sources = [path.read_text() for path in (ROOT / "kubectl_gitops").rglob("*.py") if "reconciler" not in path.parts]
    left_out = r"^(?:from|import) (?:flask|granian|cryptography)\b"
    assert not [text for text in sources if re.search(left_out, text, re.MULTILINE)]


def test_the_bill_of_materials_names_each_package_once() -> None:
    packages = [LOCK[name] for name in needed_by_plugin()]
    bill = bill_of_materials(__version__, packages)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert {one["purl"] for one in bill["components"]} == {f"pkg:pypi/{one.name}@{one.version}" for one in packages}
    assert bill == bill_of_materials(__version__, packages[::-1])
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """As krew has it: the launcher in a store, and a link to it elsewhere."""
    store = tmp_path / "store"
    (store / "lib/kubectl_gitops").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/launcher.sh", store / "kubectl-gitops")
    # Without it, a kubectl_gitops that the Python on PATH has would be found first.
    (store / "lib/kubectl_gitops/__init__.py").touch()
    (store / "lib/kubectl_gitops/__main__.py").write_text("import sys\ndef main():\n    print(sys.argv[1:])\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/kubectl-gitops").symlink_to("../store/kubectl-gitops")
    return tmp_path


def launched(unpacked: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [unpacked / "bin/kubectl-gitops", *arguments], capture_output=True, text=True, check=False, cwd="/"
    )


def test_the_launcher_is_found_by_its_link_and_passes_arguments_on(unpacked: Path) -> None:
    version = subprocess.run(
        ["python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    )
    (unpacked / f"store/lib-{version.stdout.strip()}").mkdir()
    assert launched(unpacked, "drift", "a b", "*").stdout == "['drift', 'a b', '*']\n"


def test_without_a_python_the_launcher_says_what_is_needed(unpacked: Path) -> None:
    done = launched(unpacked, "drift")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: kubectl gitops needs Python 3.11, 3.12 or 3.13")
