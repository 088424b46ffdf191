"""Paths inside a repository, as git writes them: relative to its root, "" for the root itself."""

from __future__ import annotations

import posixpath

from kubectl_gitops.errors import SourceError


class NoSuchPath(SourceError):
    """There is nothing at a path."""


def normal_path(path: str) -> str:
    """``path`` without dots and slashes that mean nothing; SourceError if it leaves the root."""
    normal = join("", path)
    if leaves_root(normal) or "\0" in normal:
        raise SourceError(f"{path!r} is not a path inside the repository", hint="paths start at its root: apps/web")
    return normal


def join(directory: str, reference: str) -> str:
    """``reference`` as seen from ``directory``; it may leave the root."""
    joined = posixpath.normpath(posixpath.join(directory, reference))
    return "" if joined == "." else joined


def leaves_root(path: str) -> bool:
    return f"{path}/".startswith(("/", "../")) and path != ""


def is_below(path: str, directory: str) -> bool:
    return not directory or path.startswith(f"{directory}/")
