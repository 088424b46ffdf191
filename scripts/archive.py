"""Archives that are the same to the byte whoever makes them, whenever: sorted, of one time, of nobody."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path


def write_archive(directory: Path, target: Path, *, epoch: int) -> str:
    """All of ``directory`` as a .tar.gz; returns its SHA-256 (hex). ``epoch`` is the time of everything in it."""
    with (
        target.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in _files(directory):
            info = tarfile.TarInfo(path.relative_to(directory).as_posix())
            content = path.read_bytes()
            info.size, info.mtime = len(content), epoch
            info.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            archive.addfile(info, io.BytesIO(content))
    return hashlib.sha256(target.read_bytes()).hexdigest()


def source_date_epoch() -> int:
    """``SOURCE_DATE_EPOCH`` of the environment, else the time of the last commit."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    command = ["git", "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, check=True).stdout)


def _files(directory: Path) -> Iterator[Path]:
    return (path for path in sorted(directory.rglob("*")) if path.is_file())
