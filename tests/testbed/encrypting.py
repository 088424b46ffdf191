"""Files that the real sops encrypts, for an age key of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from kubectl_gitops.source.age_keys import AgeKeys


class Sops:
    """sops with a key of its own."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self._programs, self._directory = programs, directory
        directory.mkdir()
        key = subprocess.run([programs / "age-keygen"], capture_output=True, check=True, text=True).stdout
        self.recipient = key.split("public key: ")[1].split()[0]
        self.key_file = directory / "keys.txt"
        self.key_file.write_text(key)
        self.keys = AgeKeys.parse(key, "keys.txt")

    def encrypt(self, name: str, content: str | bytes, **rules: str | bool) -> str:
        """``rules`` are those of a creation rule in .sops.yaml."""
        rule = json.dumps({"creation_rules": [{"age": self.recipient, **rules}]})
        (self._directory / ".sops.yaml").write_text(rule)
        return self._run("encrypt", name, content).decode()

    def decrypt(self, name: str, content: str | bytes) -> bytes:
        return self._run("decrypt", name, content)

    def _run(self, command: str, name: str, content: str | bytes) -> bytes:
        file = self._directory / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return subprocess.run(
            [self._programs / "sops", command, file],
            cwd=self._directory,
            env={"PATH": os.defpath, "HOME": str(self._directory), "SOPS_AGE_KEY_FILE": str(self.key_file)},
            capture_output=True,
            check=True,
        ).stdout
