"""Manifests in the file system: what is below a directory, by paths that can be told from a checkout or looked up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source.path import NoSuchPath, leaves_root


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Files below ``root``, by their posix paths from it; ``path`` is the one that was asked for.

    The root is the top of the git checkout. Outside of one it is that of the file system, so that a
    kustomization may refer to what lies beside it.
    """

    root: Path
    path: str
    in_checkout: bool
    #: Whether a person named the path in full, and so wants to read it in full.
    absolute: bool

    @classmethod
    def around(cls, given: Path) -> Tree:
        try:
            resolved = given.expanduser().resolve(strict=True)
        except OSError as exc:
            raise NoSuchPath(f"{given}: {exc.strerror}") from exc
        top = next((one for one in (resolved, *resolved.parents) if (one / ".git").exists()), None)
        root = top or Path(resolved.anchor)
        path = resolved.relative_to(root).as_posix()
        return cls(
            root=root,
            path="" if path == "." else path,
            in_checkout=top is not None,
            absolute=given.is_absolute(),
        )

    def shown(self, path: str) -> str:
        """``path`` as people name it: from the top of the checkout, or else from where they are."""
        if self.in_checkout:
            return path
        return str(self.root / path) if self.absolute else os.path.relpath(self.root / path)

    def text_of(self, shown: str, *, start: Path) -> bytes | None:
        """The file that people were shown as ``shown`` when they were at ``start``; None if there is none any more."""
        if self.in_checkout and leaves_root(shown):
            return None
        try:
            return ((self.root if self.in_checkout else start) / shown).read_bytes()
        except (OSError, ValueError):
            # No path can have a NUL in it, but what names a path can.
            return None

    def read(self, path: str) -> dict[str, bytes]:
        """Every file at or below ``path``, hidden ones too."""
        return self._read(path, lambda name: name != ".git", lambda _: True)

    def read_visible(self, path: str, keep: Callable[[str], bool]) -> dict[str, bytes]:
        """The files at or below ``path`` that ``keep`` wants, none of them in a hidden directory."""
        return self._read(path, lambda name: not name.startswith("."), keep)

    def _read(self, path: str, enter: Callable[[str], bool], keep: Callable[[str], bool]) -> dict[str, bytes]:
        start = self.root / path
        if not start.exists():
            raise NoSuchPath(f"no such path {self.shown(path)!r}")
        try:
            if not start.is_dir():
                return {path: start.read_bytes()}
            found = ((file.relative_to(self.root).as_posix(), file) for file in _walk(start, enter))
            return {name: file.read_bytes() for name, file in found if keep(name)}
        except OSError as exc:
            raise SourceError(f"cannot read {exc.filename or start}: {exc.strerror}") from exc


def _walk(start: Path, enter: Callable[[str], bool]) -> Iterator[Path]:
    """The regular files below ``start``, and links to files below it. Linked directories are not entered."""
    for directory, directories, names in os.walk(start, onerror=_raise):
        directories[:] = sorted(filter(enter, directories))
        for name in sorted(names):
            file = Path(directory, name)
            if file.is_file() and (not file.is_symlink() or file.resolve().is_relative_to(start)):
                yield file


def _raise(error: OSError) -> None:
    raise error
