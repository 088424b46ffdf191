"""Programs of the system that some tests run: an ssh server, gpg, a browser. Tests that miss theirs are skipped.

``python -m tests.testbed.tools`` installs what is missing where that is a matter of course: on a Debian or Ubuntu
without an init system, as root (a container, a CI job). Anywhere else it only says what is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from tests.testbed.assets import cache_directory

#: Any of these programs will do; the package has the first. Not everybody has daemons on PATH.
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "openssh-server": ("sshd",),
    "openssh-client": ("ssh-keygen",),
    "gnupg": ("gpg",),
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
}
_DAEMONS = ("/usr/sbin", "/usr/local/sbin")
#: What could not be installed is not tried again, run after run.
_PAUSE_SECONDS = 24 * 60 * 60
_TIMEOUT_SECONDS = 900


def find(program: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """Where a program is, daemons included."""
    return shutil.which(program, path=os.pathsep.join([environ.get("PATH", os.defpath), *_DAEMONS]))


def missing(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The packages none of whose programs is here."""
    return [package for package, programs in PACKAGES.items() if not any(find(one, environ) for one in programs)]


def may_install() -> bool:
    """Whether installing is a matter of course, and starts no service."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None and not Path("/run/systemd/system").exists()


def install(packages: Collection[str], tried: Path) -> None:
    """Installs ``packages``; ``tried`` is touched where that fails."""
    print(f"installing {', '.join(packages)} for the tests that need them (some minutes, once)", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    commands = (["update"], ["install", "--yes", "--no-install-recommends", *packages])
    for command in commands:
        try:
            done = subprocess.run(
                ["apt-get", "--quiet", "--quiet", *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            done = None
        if done is None or done.returncode:
            tried.parent.mkdir(parents=True, exist_ok=True)
            tried.touch()
            print(f"apt-get {command[0]} failed; it is tried again tomorrow, or when {tried} is deleted")
            return


def main() -> None:
    """Never fails: what is missing costs only the tests that need it."""
    packages = missing()
    if not packages:
        return
    tried = cache_directory(os.environ) / "tools.tried"
    if may_install() and not (tried.exists() and time.time() - tried.stat().st_mtime < _PAUSE_SECONDS):
        install(packages, tried)
    if still := missing():
        print(f"not here, so the tests that need them are skipped: {', '.join(still)}")


if __name__ == "__main__":
    main()
