"""Real repositories, made with git in a directory of the test."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.source.commit_files import CommitFiles
from kubectl_gitops.source.files import Keep
from kubectl_gitops.source.limits import Limits
from kubectl_gitops.source.mirror import Mirror
from kubectl_gitops.source.path import normal_path

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Jane Doe",
    "GIT_AUTHOR_EMAIL": "jane@shop.example",
    "GIT_COMMITTER_NAME": "CI",
    "GIT_COMMITTER_EMAIL": "ci@shop.example",
}


class Repository:
    """A repository with a work tree; each commit is a minute younger than the one before."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path = path
        self._minutes = 0
        path.mkdir()
        self.git("init", "--quiet", "--initial-branch=main", *options)

    def git(self, *arguments: str, author: str = "Jane Doe") -> str:
        time = f"2026-11-23T18:{self._minutes:02}:46Z"
        dates = {"GIT_AUTHOR_DATE": time, "GIT_COMMITTER_DATE": time}
        environment = {**os.environ, **_ENVIRONMENT, **dates, "GIT_AUTHOR_NAME": author}
        command = ["git", "-C", str(self.path), *arguments]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    def write(self, files: dict[str, str]) -> None:
        for path, text in files.items():
            target = self.path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode())

    def commit(self, files: dict[str, str], subject: str = "change", *, author: str = "Jane Doe") -> str:
        """Writes ``files``, commits everything and gives the hash."""
        self.write(files)
        self._minutes += 1
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", subject, author=author)
        return self.git("rev-parse", "HEAD")


def files_at(mirror: Mirror, commit: Commit, path: str, *, keep: Keep | None = None) -> dict[str, bytes]:
    """What rendering would read at and below ``path``."""
    files = CommitFiles.of(mirror, commit, Limits())
    return files.read(files.list(normal_path(path), keep=keep))
