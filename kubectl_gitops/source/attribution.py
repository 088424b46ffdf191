"""Who set a field in Git: the file and line, and the last commit that touched what it says there."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Object, Origin
from kubectl_gitops.diff.attribution import FieldSource
from kubectl_gitops.diff.path import FieldPath, same
from kubectl_gitops.errors import GitOpsError, InvalidManifest
from kubectl_gitops.source.desired import Desired
from kubectl_gitops.source.fieldlines import FieldLine, FileLines, follow, spellings

#: More processes of git at a time than a small machine has processors for are of no use.
_WORKERS = 4


@dataclass(slots=True)
class _File:
    lock: Lock = field(default_factory=Lock)
    lines: FileLines | None = None
    is_read: bool = False
    commits: dict[int, Commit | None] = field(default_factory=dict)
    failed: bool = False


class GitAuthors:
    """The sources of fields of the objects that ``desired`` declares. Any number of threads may ask.

    What goes wrong only makes authors unknown, and is told in ``warnings``. Every file is read, and blamed,
    when it is first asked for; :meth:`prepare` does that for many at once.
    """

    def __init__(self, desired: Desired) -> None:
        self._desired = desired
        self._files: dict[str, _File] = {}
        self._lock = Lock()
        #: What went wrong, and for which files.
        self._failures: dict[str, list[str]] = {}

    @property
    def warnings(self) -> list[str]:
        """What went wrong up to now, for people."""
        with self._lock:
            failures = [(sorted(paths), reason) for reason, paths in self._failures.items()]
        return [f"who wrote {_listed(paths)} is unknown: {reason}" for paths, reason in sorted(failures)]

    def prepare(self, wanted: Iterable[tuple[Origin, FieldPath]]) -> None:
        """Finds out all of ``wanted``, several files at a time, with no more history read than that takes."""
        by_file: dict[str, list[tuple[Origin, FieldPath]]] = {}
        for origin, path in wanted:
            by_file.setdefault(origin.path, []).append((origin, path))
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="blame") as pool:
            list(pool.map(self._prepare, by_file.values()))

    def of(self, origin: Origin, path: FieldPath) -> FieldSource | None:
        """Where the field at ``path`` of the object at ``origin`` is set; None if its file cannot be read."""
        file = self._file(origin.path)
        with file.lock:
            found = self._find(file, origin, path)
            if found is None:
                return None
            commits = self._commits(file, origin.path, found.lines)
        return FieldSource(
            origin=Origin(origin.path, found.line),
            commit=_newest(commits),
            exact=found.exact and self._is_as_declared(found, origin, path),
            uncommitted=None in commits,
        )

    def _prepare(self, wanted: list[tuple[Origin, FieldPath]]) -> None:
        name = wanted[0][0].path
        file = self._file(name)
        with file.lock:
            found = [self._find(file, origin, path) for origin, path in wanted]
            lines = {line for one in found if one for line in one.lines}
            self._blame(file, name, lines - file.commits.keys())

    def _file(self, path: str) -> _File:
        with self._lock:
            return self._files.setdefault(path, _File())

    def _find(self, file: _File, origin: Origin, path: FieldPath) -> FieldLine | None:
        if not file.is_read:
            file.is_read = True
            file.lines = self._read(origin.path)
        return file.lines.at(origin.line).find(path) if file.lines else None

    def _read(self, path: str) -> FileLines | None:
        text = None
        try:
            if (text := self._desired.text_of(path)) is not None:
                return FileLines(text, file=path)
            self._warn("it is not there any more", path)
        except InvalidManifest as exc:
            if _TEMPLATE not in (text or b""):  # of a template the object's own place says all that can be said
                self._warn(_words(exc), path)
        except (GitOpsError, OSError) as exc:
            self._warn(_words(exc), path)
        return None

    def _commits(self, file: _File, path: str, lines: frozenset[int]) -> set[Commit | None]:
        """Those of ``lines``, none where they are unknown. Who was not prepared for has the whole file blamed, once."""
        if not file.commits.keys() >= lines and file.lines is not None:
            self._blame(file, path, range(1, file.lines.count + 1))
        return {file.commits[line] for line in lines} if file.commits.keys() >= lines else set()

    def _blame(self, file: _File, path: str, lines: Collection[int]) -> None:
        if self._desired.blame is None or file.failed or not lines:
            return
        try:
            file.commits.update(self._desired.blame(path, lines))
        except (GitOpsError, OSError) as exc:
            file.failed = True
            self._warn(_words(exc), path)

    def _warn(self, reason: str, path: str) -> None:
        with self._lock:
            self._failures.setdefault(reason, []).append(path)

    def _is_as_declared(self, found: FieldLine, origin: Origin, path: FieldPath) -> bool:
        """Whether every object that was made from this place has the field as the file says it."""
        return all(_has(obj, path, found) for obj in self._objects.get(origin, ()))

    @cached_property
    def _objects(self) -> dict[Origin, list[Object]]:
        objects: dict[Origin, list[Object]] = {}
        for one in self._desired.declared:
            objects.setdefault(one.origin, []).append(one.object)
        return objects


#: What no manifest holds that can be read as it is, and most templates of charts do.
_TEMPLATE = b"{{"


def _newest(commits: set[Commit | None]) -> Commit | None:
    """The one whose author wrote last; None if one of them is not there yet, or there is none."""
    known = (commit for commit in commits if commit is not None)
    return None if None in commits else max(known, key=lambda one: (one.time, one.sha), default=None)


def _has(obj: Object, path: FieldPath, found: FieldLine) -> bool:
    for spelled in spellings(obj, path):
        keys = follow(obj, spelled)
        if len(keys) == len(spelled):
            value: Any = obj
            for key in keys:
                value = value[key]
            return same(value, found.value)
    return False


def _listed(paths: list[str]) -> str:
    more = len(paths) - 1
    return paths[0] + (f" and {more} other file{'s' if more > 1 else ''}" if more else "")


def _words(error: GitOpsError | OSError) -> str:
    hint = getattr(error, "hint", "")
    return f"{error} ({hint})" if hint else str(error)
