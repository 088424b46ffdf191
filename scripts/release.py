"""`make release`: the wheel, an archive for each platform, a bill of materials, checksums, and krew's manifest.

The archives hold all libraries, and need a Python: none can be made here for a platform that this one is not.
``URL`` (of the environment) is where the archives will be; ``SOURCE_DATE_EPOCH`` their time, else the last commit's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from kubectl_gitops import __version__
from scripts.archive import write_archive
from scripts.dependencies import bill_of_materials, needed_by_plugin, read_lock

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "dist"
#: By the names that krew has for them (Go's), those that uv has.
PLATFORMS: Final[Mapping[tuple[str, str], str]] = {
    ("linux", "amd64"): "x86_64-manylinux_2_28",
    ("linux", "arm64"): "aarch64-manylinux_2_28",
    ("darwin", "amd64"): "x86_64-apple-darwin",
    ("darwin", "arm64"): "aarch64-apple-darwin",
}
PYTHONS: Final = ("3.11", "3.12", "3.13")
PROGRAMS: Final = ("kubectl-gitops", "kubectl_complete-gitops")
_SHORT = "Keep a cluster as Git says, and see who changed it"
_DESCRIPTION = """\
Shows what was changed in a cluster by hand, and by whom, field by field, with
file, line and author in Git; shows what a sync would change, and syncs. With
its admission webhook and reconciler installed (kubectl gitops install), such
changes are refused, or restored.
"""
_CAVEATS = """\
This plugin needs Python 3.11, 3.12 or 3.13 on PATH (or in
KUBECTL_GITOPS_PYTHON), and git for anything that reads a repository.

For completion, link kubectl_complete-gitops to a directory on PATH:
  ln -s "${KREW_ROOT:-$HOME/.krew}/store/gitops/VERSION/kubectl_complete-gitops" \\
    "${KREW_ROOT:-$HOME/.krew}/bin/"
"""


def main() -> None:
    epoch = _epoch()
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch)
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir()
    _run("hatchling", "build", "--target", "wheel", "--directory", str(TARGET))
    wheel = next(TARGET.glob("*.whl"))
    needed = needed_by_plugin()
    packages = [one for name, one in read_lock((ROOT / "requirements.lock").read_text()).items() if name in needed]
    bill = json.dumps(bill_of_materials(__version__, packages), indent=2) + "\n"
    (TARGET / f"kubectl-gitops_v{__version__}.cdx.json").write_text(bill)
    sums: dict[tuple[str, str], str] = {}
    for platform, name in PLATFORMS.items():
        with tempfile.TemporaryDirectory() as temporary:
            work = Path(temporary)
            (work / "requirements.txt").write_text("\n".join(one.lines for one in packages) + "\n")
            for python in PYTHONS:
                _install(work, name, python, wheel)
            _share(work)
            (work / "requirements.txt").unlink()
            _add_files(work, bill)
            archive = TARGET / archive_name(*platform)
            sums[platform] = write_archive(work, archive, epoch=epoch)
            print(f"{archive.name}  {archive.stat().st_size / 1e6:.1f} MB", flush=True)
    url = os.environ.get("URL") or "https://releases.example/kubectl-gitops"
    (TARGET / "gitops.yaml").write_text(yaml.safe_dump(krew_manifest(sums, url), sort_keys=False, width=100))
    (TARGET / "SHA256SUMS").write_text("".join(f"{sha}  {archive_name(*one)}\n" for one, sha in sums.items()))


def archive_name(system: str, machine: str) -> str:
    return f"kubectl-gitops_v{__version__}_{system}_{machine}.tar.gz"


def krew_manifest(sums: Mapping[tuple[str, str], str], url: str) -> dict[str, Any]:
    """https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/"""
    platforms = [
        {
            "selector": {"matchLabels": {"os": system, "arch": machine}},
            "uri": f"{url}/v{__version__}/{archive_name(system, machine)}",
            "sha256": sha,
            "bin": PROGRAMS[0],
        }
        for (system, machine), sha in sums.items()
    ]
    return {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "gitops"},
        "spec": {
            "version": f"v{__version__}",
            "shortDescription": _SHORT,
            "description": _DESCRIPTION,
            "caveats": _CAVEATS.replace("VERSION", f"v{__version__}"),
            "platforms": platforms,
        },
    }


def _install(work: Path, platform: str, python: str, wheel: Path) -> None:
    """The locked libraries, and ourselves, as they are for that platform and Python."""
    target = str(work / f"lib-{python}")
    common = ["pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--target", target]
    common += ["--python-platform", platform, "--python-version", python]
    _run("uv", *common, "--require-hashes", "--requirement", str(work / "requirements.txt"))
    _run("uv", *common, "--no-index", str(wheel))
    shutil.rmtree(Path(target) / "webhook")  # which runs in the cluster
    shutil.rmtree(Path(target) / "bin", ignore_errors=True)
    (Path(target) / ".lock").unlink(missing_ok=True)
    for record in [*Path(target).glob("*.dist-info/RECORD"), *Path(target).glob("*.dist-info/*.json")]:
        record.unlink()  # where they were installed from


def _share(work: Path) -> None:
    """What is the same for every Python goes to ``lib``, once."""
    first, *others = (work / f"lib-{python}" for python in PYTHONS)
    (work / "lib").mkdir()
    for entry in sorted(first.iterdir()):
        if all(_contents(entry) == _contents(other / entry.name) for other in others):
            for other in others:
                _remove(other / entry.name)
            entry.rename(work / "lib" / entry.name)


def _contents(path: Path) -> dict[str, bytes]:
    if path.is_file():
        return {"": path.read_bytes()}
    return {one.relative_to(path).as_posix(): one.read_bytes() for one in path.rglob("*") if one.is_file()}


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _add_files(work: Path, bill: str) -> None:
    for program in PROGRAMS:
        shutil.copy(ROOT / "scripts" / "launcher.sh", work / program)
    shutil.copy(ROOT / "LICENSE", work / "LICENSE")
    (work / "sbom.cdx.json").write_text(bill)


def _epoch() -> int:
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    done = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout)


def _run(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main()
