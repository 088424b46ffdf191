"""The references that a mirror has known and its remote has no more, so that a deleted one is told from a typo."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

#: More than anybody looks for; a repository may see many short-lived branches.
_MAX_KEPT = 2000


class GoneReferences:
    """Kept in ``file``, by full name with the hash that each was last seen at. Written by whoever holds the lock."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def last_seen(self, name: str) -> str | None:
        """The hash that a reference which is gone was last seen at."""
        return self._read().get(name)

    def note(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """What references there were and are, by full name."""
        known = self._read()
        vanished = {name: sha for name, sha in before.items() if name not in after}
        kept = {name: sha for name, sha in {**known, **vanished}.items() if name not in after}
        if kept != known:
            newest = dict(list(kept.items())[-_MAX_KEPT:])
            written = self._file.with_suffix(".new")
            written.write_text(json.dumps(newest))
            written.replace(self._file)

    def _read(self) -> dict[str, str]:
        with suppress(OSError, ValueError):
            found: dict[str, str] = json.loads(self._file.read_text())
            return found
        return {}
