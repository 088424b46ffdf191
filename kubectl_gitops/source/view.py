"""An empty bare repository that sees the objects of another one, and none of its configuration."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import weakref
import zlib
from collections.abc import Iterable
from pathlib import Path

_NOBODY = b"nobody <> 0 +0000"


class View:
    """A view of the repository that keeps its objects in ``objects``, which is only read. Gone when it is forgotten.

    ``shallow`` is the file that lists where a shallow history ends, ``object_format`` sha1 or sha256.
    """

    def __init__(self, objects: Path, shallow: Path, object_format: str) -> None:
        self._hash = object_format
        self.path = Path(tempfile.mkdtemp(prefix="kubectl-gitops-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
        (self.path / "refs").mkdir()
        (self.path / "objects" / "info").mkdir(parents=True)
        (self.path / "objects" / "info" / "alternates").write_bytes(os.fsencode(objects) + b"\n")
        (self.path / "HEAD").write_text("ref: refs/heads/none\n")
        version = "0" if object_format == "sha1" else f"1\n[extensions]\n\tobjectFormat = {object_format}"
        (self.path / "config").write_text(f"[core]\n\tbare = true\n\trepositoryFormatVersion = {version}\n")
        if shallow.is_file():
            shutil.copyfile(shallow, self.path / "shallow")

    def blob_name(self, content: bytes) -> str:
        """By which hash git would know a file's content."""
        return self._named("blob", content)[0]

    def commit(self, parent: str, path: str, content: bytes) -> str:
        """A commit on top of ``parent`` in which the file at ``path`` has ``content``; it has no other file."""
        mode, sha = b"100644", self._write("blob", content)
        for part in reversed(path.split("/")):
            mode, sha = b"40000", self._write("tree", b"%b %b\0%b" % (mode, os.fsencode(part), bytes.fromhex(sha)))
        return self._write("commit", b"\n".join(_lines(sha, parent)))

    def _write(self, kind: str, content: bytes) -> str:
        sha, text = self._named(kind, content)
        file = self.path / "objects" / sha[:2] / sha[2:]
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(zlib.compress(text))
        return sha

    def _named(self, kind: str, content: bytes) -> tuple[str, bytes]:
        text = f"{kind} {len(content)}\0".encode() + content
        return hashlib.new(self._hash, text, usedforsecurity=False).hexdigest(), text


def _lines(tree: str, parent: str) -> Iterable[bytes]:
    yield b"tree " + tree.encode()
    yield b"parent " + parent.encode()
    yield b"author " + _NOBODY
    yield b"committer " + _NOBODY
    yield b"\nnot committed yet\n"
