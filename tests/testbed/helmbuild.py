"""Where helm is, for tests of charts: given by HELM, cached, or built once from the Go module in ``helm/``.

``python -m tests.testbed.helmbuild`` prints the path. It is no part of the control plane's build: helm changes
for reasons of its own, and most tests need none.
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

SOURCE = Path(__file__).parent / "helm"
_PACKAGE = "helm.sh/helm/v3/cmd/helm"


def helm(environ: Mapping[str, str] = os.environ) -> Path:
    """The program, built first if it has to be."""
    if given := environ.get("HELM"):
        if not os.access(given, os.X_OK):
            raise AssetsUnavailable(
                f"HELM={given} is no program: let it name helm, or unset it to have it built with Go"
            )
        return Path(given).absolute()
    directory = cache_directory(environ) / cache_key()
    if not directory.is_dir():
        try:
            _build(directory)
        except (gobuild.BuildFailed, OSError) as exc:
            raise AssetsUnavailable(
                f"no helm in {directory}, and it could not be built: {exc}\n"
                "Either mend that and run again, or let HELM name a helm"
            ) from exc
    return directory / "helm"


def helm_version(source: Path = SOURCE) -> str:
    return _required("helm.sh/helm/v3", source)


def _required(module: str, source: Path = SOURCE) -> str:
    match = re.search(rf"^(?:require |\t){re.escape(module)} (v\S+)", (source / "go.mod").read_text(), re.MULTILINE)
    assert match, f"{source / 'go.mod'} does not require {module}"
    return match[1]


def cache_key(source: Path = SOURCE) -> str:
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((source / name).read_bytes() + b"\0")
    return f"helm-{helm_version(source)}-{sys.platform}-{platform.machine()}-{digest.hexdigest()[:12]}"


def _build(directory: Path) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    with gobuild.locked(directory, "helm"):
        if directory.is_dir():
            return
        gobuild.check_go(SOURCE)
        building = directory.with_name(directory.name + ".building")
        shutil.rmtree(building, ignore_errors=True)  # left by a build that was killed: we hold the lock
        building.mkdir()
        try:
            gobuild.say(f"building helm {helm_version()} for the tests, once: about 3 minutes on 2 cores")
            gobuild.go_build(_command(building / "helm"), SOURCE)
            building.rename(directory)
        finally:
            shutil.rmtree(building, ignore_errors=True)


def _command(output: Path) -> list[str]:
    # As helm's own Makefile does: by this charts are told which Kubernetes there is.
    minor = _required("k8s.io/client-go").split(".")[1]
    kubernetes = [
        f"-X helm.sh/helm/v3/pkg/{package}.k8sVersion{part}"
        for package in ("chartutil", "lint/rules")
        for part in ("Major=1", f"Minor={minor}")
    ]
    ldflags = " ".join(["-s -w", f"-X helm.sh/helm/v3/internal/version.version={helm_version()}", *kubernetes])
    return ["go", "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", ldflags, "-o", str(output), _PACKAGE]


def main() -> int:
    try:
        print(helm())
    except AssetsUnavailable as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; what was compiled so far is in Go's cache", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
