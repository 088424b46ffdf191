"""People who sign: OpenPGP keys of a real gpg, in a home of its own that is gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GPG = shutil.which("gpg")


class Gpg:
    """A gpg with a home of its own; keys have no passphrase."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *arguments: str) -> str:
        command = ["gpg", "--batch", "--pinentry-mode", "loopback", "--passphrase", "", *arguments]
        environment = {**os.environ, "GNUPGHOME": str(self.home), "LC_ALL": "C"}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    def new_key(self, user: str, *, expires: str = "never") -> str:
        """Its fingerprint."""
        self.run("--quick-gen-key", user, "ed25519", "sign", expires)
        listing = self.run("--list-keys", "--with-colons", user)
        return next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))

    def public(self, user: str) -> str:
        return self.run("--export", "--armor", user)


@contextmanager
def gpg_home() -> Iterator[Gpg]:
    # Not below a test's own directory: the path of a socket must be short.
    home = Path(tempfile.mkdtemp(prefix="gpg-"))
    try:
        yield Gpg(home)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)
