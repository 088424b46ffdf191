"""The history of a directory's files, which is looked into when somebody asks, and not before."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.errors import SourceError

if TYPE_CHECKING:
    from kubectl_gitops.source.checkout import Checkout


class LocalHistory:
    """The history of the checkout whose top is ``root``. It costs no git, nor the time to import it, until asked."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = Lock()
        self._opened: Checkout | SourceError | None = None

    def blame(self, path: str, lines: Collection[int]) -> Mapping[int, Commit | None]:
        return self._checkout().blame(path, lines)

    def last_commits(self, paths: Collection[str]) -> Mapping[str, Commit]:
        return self._checkout().last_commits(paths)

    def _checkout(self) -> Checkout:
        with self._lock:
            if self._opened is None:
                self._opened = _open(self._root)
        if isinstance(self._opened, SourceError):
            raise self._opened
        return self._opened


def _open(root: Path) -> Checkout | SourceError:
    """The error is kept too: what git refuses once it refuses for every file."""
    try:
        from kubectl_gitops.source.checkout import Checkout

        return Checkout(root)
    except SourceError as exc:
        return exc


class LastCommits(Mapping[str, Commit]):
    """The last commit of each of ``paths``, as far as that can be known; found when first looked at."""

    def __init__(self, history: LocalHistory, paths: Collection[str]) -> None:
        self._history = history
        self._paths = paths

    def __getitem__(self, path: str) -> Commit:
        return self._found[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    @cached_property
    def _found(self) -> Mapping[str, Commit]:
        try:
            return self._history.last_commits(self._paths)
        except SourceError:
            # Who wrote a file is said beside it where it is known; it is never worth a report.
            return {}
