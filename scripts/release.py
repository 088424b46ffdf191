"""`make release`: the wheel, an archive for each platform, a bill of materials, checksums, and krew's manifest.

The archives hold all libraries, and need a Python: none can be made here for a platform that this one is not.
``URL`` (of the environment) is where the archives will be; ``SOURCE_DATE_EPOCH`` their time, else the last commit's.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from kubectl_gitops import __version__
from scripts.archive import source_date_epoch, write_archive
from scripts.dependencies import bill_of_materials, needed_by_plugin, read_lock
from scripts.libraries import install, remove, run

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
    make(TARGET)


def make(target: Path) -> None:
    """Everything, to ``target``, where nothing of an earlier release is left."""
    epoch = source_date_epoch()
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch)
    target.mkdir(exist_ok=True)
    for pattern in ("*.whl", "*.tar.gz", "*.cdx.json", "gitops.yaml", "SHA256SUMS"):
        for old in target.glob(pattern):
            old.unlink()
    run("hatchling", "build", "--target", "wheel", "--directory", str(target))
    wheel = next(target.glob("*.whl"))
    needed = needed_by_plugin()
    packages = [one for name, one in read_lock((ROOT / "requirements.lock").read_text()).items() if name in needed]
    bill = json.dumps(bill_of_materials(__version__, packages), indent=2) + "\n"
    (target / f"kubectl-gitops_v{__version__}.cdx.json").write_text(bill)
    sums: dict[tuple[str, str], str] = {}
    for platform, name in PLATFORMS.items():
        with tempfile.TemporaryDirectory() as temporary:
            work = Path(temporary)
            for python in PYTHONS:
                install(work / f"lib-{python}", packages, wheel, platform=name, python=python)
                shutil.rmtree(work / f"lib-{python}" / "webhook")  # which runs in the cluster
            _share(work)
            _add_files(work, bill)
            archive = target / archive_name(*platform)
            sums[platform] = write_archive(work, archive, epoch=epoch)
            print(f"{archive.name}  {archive.stat().st_size / 1e6:.1f} MB", flush=True)
    url = os.environ.get("URL") or "https://releases.example/kubectl-gitops"
    (target / "gitops.yaml").write_text(yaml.safe_dump(krew_manifest(sums, url), sort_keys=False, width=100))
    made = sorted([*target.glob("*.tar.gz"), *target.glob("*.whl"), *target.glob("*.cdx.json")])
    checksums = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in made)
    (target / "SHA256SUMS").write_text("".join(checksums))


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


def _share(work: Path) -> None:
    """What is the same for every Python goes to ``lib``, once."""
    first, *others = (work / f"lib-{python}" for python in PYTHONS)
    (work / "lib").mkdir()
    for entry in sorted(first.iterdir()):
        if all(_contents(entry) == _contents(other / entry.name) for other in others):
            for other in others:
                remove(other / entry.name)
            entry.rename(work / "lib" / entry.name)


def _contents(path: Path) -> dict[str, bytes]:
    if path.is_file():
        return {"": path.read_bytes()}
    return {one.relative_to(path).as_posix(): one.read_bytes() for one in path.rglob("*") if one.is_file()}


def _add_files(work: Path, bill: str) -> None:
    for program in PROGRAMS:
        shutil.copy(ROOT / "scripts" / "launcher.sh", work / program)
    shutil.copy(ROOT / "LICENSE", work / "LICENSE")
    (work / "sbom.cdx.json").write_text(bill)


if __name__ == "__main__":
    main()
