"""Manifests in the file system: what is below a directory, by paths that can be told from a checkout or looked up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source.files import Keep
from kubectl_gitops.source.limits import MAX_ENTRIES, Budget, LimitExceeded, Limits
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
    budget: Budget

    @classmethod
    def around(cls, given: Path, limits: Limits) -> Tree:
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
            budget=Budget(limits),
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

    @property
    def sensitive(self) -> bool:
        return False

    def list(self, directory: str, *, keep: Keep | None = None, hidden: bool = True) -> list[str]:
        """See Files. No more are walked through than a repository may have."""
        start = self.root / directory
        if not start.is_dir() and not start.is_file():  # nothing, or what never ends
            raise NoSuchPath(f"no such path {self.shown(directory)!r}")
        if not start.resolve().is_relative_to(self.root):
            raise SourceError(f"{self.shown(directory)!r} is a link that leads out of the checkout")
        if start.is_file():
            return [directory]
        found: list[str] = []
        try:
            for count, file in enumerate(_walk(start, _not_git if hidden else _visible)):
                if count == MAX_ENTRIES:
                    raise LimitExceeded(f"{start} has more than {MAX_ENTRIES:,} files", hint="name a smaller directory")
                path = file.relative_to(self.root).as_posix()
                if keep is None or keep(path):
                    found.append(path)
        except OSError as exc:
            raise SourceError(f"cannot read {exc.filename or start}: {exc.strerror}") from exc
        return sorted(found)

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """See Files."""
        return {path: self._read(path) for path in paths}

    def _read(self, path: str) -> bytes:
        try:
            with (self.root / path).open("rb") as file:
                self.budget.file(self.shown(path), os.fstat(file.fileno()).st_size)
                return file.read(self.budget.limits.max_file_bytes)
        except OSError as exc:
            raise SourceError(f"cannot read {self.shown(path)}: {exc.strerror}") from exc


def _not_git(name: str) -> bool:
    return name != ".git"


def _visible(name: str) -> bool:
    return not name.startswith(".")


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
