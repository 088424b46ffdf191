"""What was rendered before: a commit that changes nothing of what a rendering read costs none."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from kubectl_gitops.api.objects import Declared, digest
from kubectl_gitops.source.filecache import FileCache

#: Gives for paths which tree or blob each is; None where there is nothing.
ObjectIds = Callable[[Sequence[str]], Mapping[str, str | None]]


@dataclass(frozen=True, slots=True)
class _Rendered:
    #: Each path that was listed, a directory or a file, and what it was.
    read: Mapping[str, str | None]
    declared: tuple[Declared, ...]
    files: FileCache


class RenderCache:
    """The last rendering of each of up to ``size`` sources. Any number of threads may use it.

    In memory only: what is rendered may hold values of Secrets.
    """

    def __init__(self, size: int = 256) -> None:
        self._size = size
        self._rendered: OrderedDict[str, _Rendered] = OrderedDict()
        self._lock = Lock()

    def find(self, key: str, ids: ObjectIds) -> tuple[Declared, ...] | None:
        """What was rendered under ``key``, if all that was read for it is unchanged. The objects are shared."""
        with self._lock:
            found = self._rendered.get(key)
        if found is None or dict(ids(list(found.read))) != dict(found.read):
            return None
        with self._lock:
            if key in self._rendered:
                self._rendered.move_to_end(key)
        return found.declared

    def files(self, key: str) -> FileCache:
        """For another rendering under ``key``: what the files declared that the last one read."""
        with self._lock:
            found = self._rendered.get(key)
        return found.files.next() if found else FileCache()

    def keep(self, key: str, read: Mapping[str, str | None], declared: tuple[Declared, ...], files: FileCache) -> None:
        """Remember what was rendered, in the place of what was under ``key``."""
        with self._lock:
            self._rendered[key] = _Rendered(dict(read), declared, files)
            self._rendered.move_to_end(key)
            while len(self._rendered) > self._size:
                self._rendered.popitem(last=False)


def key_of(*parts: Any) -> str:
    """One key for all that decides about a rendering besides files; JSON values and dataclasses of such."""
    return digest(parts)
