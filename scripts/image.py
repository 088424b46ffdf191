"""`make image`: one image for the reconciler and the webhook, as an archive in ``dist/`` that any
runtime loads.

Needs a Debian with buildah, apt-get and Go; asks no registry of images. ``SOURCE_DATE_EPOCH`` is the time of all in it,
else the last commit's. ``TAG`` is its name, else that which manifests/ has.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from kubectl_gitops import __version__
from scripts.archive import source_date_epoch
from scripts.debian import DebianFailed, fetch, unpack
from scripts.debian import read_lock as debian_lock
from scripts.dependencies import needed_at_all, read_lock
from scripts.libraries import install, run
from tests.testbed import gobuild, helmbuild
from tests.testbed.assets import AssetsUnavailable

ROOT = Path(__file__).parents[1]
WORK = ROOT / "build" / "image"
TARGET = ROOT / "dist" / f"kubectl-gitops-image_v{__version__}_linux_amd64.tar"
KUSTOMIZE = ROOT / "image" / "kustomize"
_PACKAGES = Path("usr/local/lib/python3.11/dist-packages")
PROGRAMS: Final[Mapping[str, str]] = {
    "kubectl-gitops": "kubectl_gitops.__main__",
    "gitops-reconciler": "kubectl_gitops.reconciler.__main__",
    "gitops-webhook": "webhook.__main__",
}
USER_ID: Final = 65532
_FILES: Final[Mapping[str, str]] = {
    "etc/passwd": f"root:x:0:0:root:/:/sbin/nologin\ngitops:x:{USER_ID}:{USER_ID}:gitops:/tmp:/sbin/nologin\n",
    "etc/group": f"root:x:0:\ngitops:x:{USER_ID}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n",
}


#: Of what is pulled, compressed.
MAX_BYTES: Final = 200_000_000


class ImageFailed(Exception):
    """The image cannot be made here; the message says what to do."""


def main() -> int:
    try:
        _check_tools()
        pulled = make(os.environ.get("TAG") or f"kubectl-gitops:{__version__}")
    except (ImageFailed, DebianFailed, AssetsUnavailable, gobuild.BuildFailed) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as exc:
        print(f"error: {exc.cmd[0]} failed ({exc.returncode}); its own words are above", file=sys.stderr)
        return 2
    unpacked = TARGET.stat().st_size
    print(f"{TARGET.relative_to(ROOT)}  {pulled / 1e6:.0f} MB to pull, {unpacked / 1e6:.0f} MB unpacked")
    return 0


def _check_tools() -> None:
    missing = [name for name in ("buildah", "apt-get", "dpkg-deb", "go") if not shutil.which(name)]
    if missing:
        raise ImageFailed(f"{', '.join(missing)} not on PATH: the image is made on Debian, with buildah and Go")


def make(tag: str) -> int:
    """Writes TARGET; returns how many bytes are pulled from a registry that has the image."""
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch := source_date_epoch())
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "root"
        fill(root)
        context = Path(temporary) / "context"
        context.mkdir()
        archive = ["tar", "--create", "--file", str(context / "root.tar"), "--directory", str(root), "--format=gnu"]
        archive += ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", f"--mtime=@{epoch}", "."]
        subprocess.run(archive, check=True)
        pulled = _bake(context, tag, epoch, Path(temporary) / "storage")
    if pulled > MAX_BYTES:
        raise ImageFailed(f"{pulled:,} bytes would have to be pulled, and {MAX_BYTES:,} are allowed")
    return pulled


def unpack_archive(archive: Path, directory: Path) -> None:
    """The file system of an image that was saved with one layer."""
    with tarfile.open(archive) as image:
        manifest = image.extractfile("manifest.json")
        assert manifest is not None
        (layer,) = json.load(manifest)[0]["Layers"]
        with tarfile.open(fileobj=image.extractfile(layer)) as content:
            content.extractall(directory, filter="fully_trusted")  # noqa: S202 - our own


def fill(root: Path) -> None:
    """All of the image's file system but the bytecode, in the new directory ``root``."""
    packages = debian_lock()
    unpack(packages, fetch(packages, WORK / "debian"), root)
    _trust(root)
    for name, content in _FILES.items():
        (root / name).write_text(content)
    (root / "tmp").mkdir(mode=0o1777, exist_ok=True)
    shutil.copy(helmbuild.helm({"HOME": str(Path.home())}), root / "usr/bin/helm")
    shutil.copy(_kustomize(), root / "usr/bin/kustomize")
    with tempfile.TemporaryDirectory() as temporary:
        run("hatchling", "build", "--target", "wheel", "--directory", temporary)
        wheel = next(Path(temporary).glob("*.whl"))
        needed = needed_at_all()
        locked = [one for name, one in read_lock((ROOT / "requirements.lock").read_text()).items() if name in needed]
        install(root / _PACKAGES, locked, wheel, platform="x86_64-manylinux_2_28", python="3.11")
    for program, module in PROGRAMS.items():
        path = root / "usr/bin" / program
        path.write_text(f"#!/usr/bin/python3.11 -I\nfrom {module} import main\n\nmain()\n")
        path.chmod(0o755)
    for path in [root, *root.rglob("*")]:  # whatever the umask is here, and nothing that gives rights to who runs it
        if not path.is_symlink() and path != root / "tmp":
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _trust(root: Path) -> None:
    """What update-ca-certificates would do, and where OpenSSL looks."""
    certificates = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_bytes(b"".join(one.read_bytes() for one in certificates))
    (root / "usr/lib/ssl").mkdir(exist_ok=True)
    (root / "usr/lib/ssl/cert.pem").symlink_to("/etc/ssl/certs/ca-certificates.crt")


def _kustomize() -> Path:
    """The program, built with Go unless it was already, of just these sources."""
    digest = hashlib.sha256(b"".join((KUSTOMIZE / name).read_bytes() for name in ("go.mod", "go.sum")))
    directory = WORK / f"kustomize-{digest.hexdigest()[:12]}"
    if not (directory / "kustomize").exists():
        gobuild.check_go(KUSTOMIZE)
        directory.mkdir(parents=True, exist_ok=True)
        command = ["go", "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w"]
        package = "sigs.k8s.io/kustomize/kustomize/v5"
        gobuild.go_build([*command, "-o", str(directory / "kustomize"), package], KUSTOMIZE)
    return directory / "kustomize"


def _bake(context: Path, tag: str, epoch: int, storage: Path) -> int:
    """In a storage of its own, which is removed: what else this machine's buildah knows is none of our business."""
    buildah = ["buildah", "--storage-driver", "vfs", "--root", str(storage), "--runroot", str(storage / "run")]
    build = ["build", "--isolation", "chroot", "--pull=never", "--timestamp", str(epoch)]
    build += ["--file", str(ROOT / "image/Containerfile"), "--tag", tag]
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.unlink(missing_ok=True)
    as_pulled = context / "as-pulled"
    try:
        subprocess.run([*buildah, *build, str(context)], check=True, stdout=sys.stderr)
        for place in (f"oci:{as_pulled}", f"docker-archive:{TARGET}:{tag}"):
            subprocess.run([*buildah, "push", "--quiet", tag, place], check=True, stdout=sys.stderr)
    finally:
        subprocess.run([*buildah, "rmi", "--all", "--force"], check=False, capture_output=True)
    return sum(path.stat().st_size for path in as_pulled.rglob("*") if path.is_file())


if __name__ == "__main__":
    sys.exit(main())
