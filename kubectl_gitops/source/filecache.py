"""What files of plain manifests declared: a commit that changes one of many has only that one read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from kubectl_gitops.api.objects import Declared

_Key = tuple[str, bytes]


class FileCache:
    """What each file declared in the rendering before, and does in this one, by its name and content.

    One for each rendering, and only for such as differ in their files alone. The objects are shared.
    """

    def __init__(self, before: Mapping[_Key, tuple[Declared, ...]] | None = None) -> None:
        self._before = before or {}
        self._now: dict[_Key, tuple[Declared, ...]] = {}

    def declared(self, file: str, text: bytes, declare: Callable[[], Sequence[Declared]]) -> tuple[Declared, ...]:
        """What ``file`` declares; ``declare`` is only called if it was not read before as it is."""
        key = file, hashlib.sha256(text).digest()
        found = self._before.get(key)
        if found is None:
            found = tuple(declare())
        self._now[key] = found
        return found

    def next(self) -> FileCache:
        """For the rendering after this one: files that this one has not read are forgotten."""
        return FileCache(self._now)
