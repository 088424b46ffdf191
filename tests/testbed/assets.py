"""Where the programs of the control plane are: given, cached, or built once.

``python -m tests.testbed.assets`` prints the directory.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.testbed import gobuild

if TYPE_CHECKING:
    from collections.abc import Mapping

# What setup-envtest ships too; the controller-manager and the scheduler are there only when we build.
REQUIRED = ("etcd", "kube-apiserver", "kubectl")


class AssetsUnavailable(Exception):
    """The programs are not here and cannot be made here; the message says what to do."""


def assets(environ: Mapping[str, str] = os.environ) -> Path:
    """Directory that holds at least etcd, kube-apiserver and kubectl, built first if it has to be."""
    if given := environ.get("KUBEBUILDER_ASSETS"):
        return check_given(Path(given))
    cached = cache_directory(environ) / gobuild.cache_key()
    if not cached.is_dir():
        _build(cached)
    return cached


def check_given(directory: Path) -> Path:
    missing = [name for name in REQUIRED if not os.access(directory / name, os.X_OK)]
    if missing:
        raise AssetsUnavailable(
            f"KUBEBUILDER_ASSETS={directory} holds no executable {', '.join(missing)}: let it name a directory "
            f"with {', '.join(REQUIRED)} (setup-envtest makes one), or unset it to have them built with Go"
        )
    return directory.absolute()


def cache_directory(environ: Mapping[str, str]) -> Path:
    # The XDG specification has relative paths ignored.
    given = Path(environ.get("XDG_CACHE_HOME", ""))
    user_cache = given if given.is_absolute() else Path.home() / ".cache"
    return user_cache / "kubectl-gitops" / "testbed"


def _build(directory: Path) -> None:
    try:
        gobuild.build(directory)
    except (gobuild.BuildFailed, OSError) as exc:
        raise AssetsUnavailable(
            f"no control plane in {directory}, and it could not be built: {exc}\n"
            f"Either mend that and run again, or set KUBEBUILDER_ASSETS to a directory with {', '.join(REQUIRED)} "
            "(setup-envtest makes one)"
        ) from exc


def main() -> int:
    try:
        print(assets())
    except AssetsUnavailable as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; what was compiled so far is in Go's cache", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
