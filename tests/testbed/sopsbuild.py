"""Where sops and age-keygen are, for tests of encrypted files: in the directory SOPS names, cached, or built once.

``python -m tests.testbed.sopsbuild`` prints the directory. Both are built from the Go module in ``sops/``.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.testbed import gobuild
from tests.testbed.assets import AssetsUnavailable, cache_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = Path(__file__).parent / "sops"
_PACKAGES = {"sops": "github.com/getsops/sops/v3/cmd/sops", "age-keygen": "filippo.io/age/cmd/age-keygen"}


def sops(environ: Mapping[str, str] = os.environ) -> Path:
    """The directory with both programs, built first if they have to be."""
    if given := environ.get("SOPS"):
        if missing := [name for name in _PACKAGES if not os.access(Path(given, name), os.X_OK)]:
            raise AssetsUnavailable(
                f"SOPS={given} holds no {' and no '.join(missing)}: let it name a directory with both, "
                "or unset it to have them built with Go"
            )
        return Path(given).absolute()
    directory = cache_directory(environ) / cache_key()
    if not directory.is_dir():
        try:
            _build(directory)
        except (gobuild.BuildFailed, OSError) as exc:
            raise AssetsUnavailable(
                f"no sops in {directory}, and it could not be built: {exc}\n"
                "Either mend that and run again, or let SOPS name a directory with sops and age-keygen"
            ) from exc
    return directory


def sops_version(source: Path = SOURCE) -> str:
    match = re.search(r"^\tgithub\.com/getsops/sops/v3 (v\S+)", (source / "go.mod").read_text(), re.MULTILINE)
    assert match, f"{source / 'go.mod'} does not require sops"
    return match[1]


def cache_key(source: Path = SOURCE) -> str:
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((source / name).read_bytes() + b"\0")
    return f"sops-{sops_version(source)}-{sys.platform}-{platform.machine()}-{digest.hexdigest()[:12]}"


def _build(directory: Path) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    with gobuild.locked(directory, "sops"):
        if directory.is_dir():
            return
        gobuild.check_go(SOURCE)
        building = directory.with_name(directory.name + ".building")
        shutil.rmtree(building, ignore_errors=True)  # left by a build that was killed: we hold the lock
        building.mkdir()
        try:
            gobuild.say(f"building sops {sops_version()} for the tests, once: about 2 minutes on 2 cores")
            for name, package in _PACKAGES.items():
                output = str(building / name)
                options = ["-trimpath", "-buildvcs=false", "-ldflags", "-s -w"]
                gobuild.go_build(["go", "build", "-v", *options, "-o", output, package], SOURCE)
            building.rename(directory)
        finally:
            shutil.rmtree(building, ignore_errors=True)


def main() -> int:
    try:
        print(sops())
    except AssetsUnavailable as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; what was compiled so far is in Go's cache", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
