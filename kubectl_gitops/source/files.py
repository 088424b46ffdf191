"""What renderers read: files of a commit or of a directory, by paths from a root, within the limits."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from kubectl_gitops.errors import InvalidManifest

#: Whether a path is wanted.
Keep = Callable[[str], bool]

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


class Files(Protocol):
    """Regular files, and links to regular files beside or below. Paths are as in kubectl_gitops.source.path."""

    @property
    def sensitive(self) -> bool:
        """Whether what was read until now holds what was encrypted, so that no copy of it may stay anywhere."""
        ...

    def list(self, directory: str, *, keep: Keep | None = None, hidden: bool = True) -> list[str]:
        """The files at or below ``directory``, sorted; without ``hidden`` none in a hidden directory below.

        Raises NoSuchPath where there is nothing, SourceError where it cannot be read.
        """
        ...

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """What is in files that ``list`` gave. Raises LimitExceeded before it reads too much."""
        ...

    def shown(self, path: str) -> str:
        """``path`` as people are told it."""
        ...


def read_below(files: Files, directory: str) -> dict[str, bytes]:
    """Every file at or below ``directory``, hidden ones too. Raises NoSuchPath."""
    return files.read(files.list(directory))


def names_in(files: Files, directory: str) -> list[str]:
    """The paths of the files directly in ``directory``; its own where it is a file. Raises NoSuchPath."""
    return files.list(
        directory, keep=lambda path: path == directory or posixpath.dirname(path) == directory, hidden=False
    )


def refuse_pointers(files: Mapping[str, bytes]) -> None:
    """InvalidManifest for a file that Git LFS keeps elsewhere: what is here only names it."""
    for path, text in files.items():
        if text.startswith(_LFS_POINTER):
            raise InvalidManifest(
                "this is only the pointer of a file that Git LFS keeps elsewhere",
                file=path,
                hint="commit the file itself: git lfs untrack it, and add it again",
            )
