"""A snapshot whose entries stay as they are stored until they are asked for.

So ten thousand objects take little memory, and taking them in keeps no other thread waiting.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import orjson

from kubectl_gitops.api.objects import ResourceKey, group_of
from kubectl_gitops.snapshot.model import Entry, Snapshot

#: Entries kept read, of each snapshot: a review needs one, and an object that flaps the same one again and again.
KEPT_READ = 256

ReadEntry = Callable[[bytes], Entry]


class StoredEntries(Sequence[Entry]):
    """Entries as lines of the codec; each is read when it is asked for. Safe for many threads.

    ``text`` has them from ``start`` on, and stays in one piece: ten thousand small ones would leave holes in the memory
    when it goes. Raises ValueError or KeyError at once where a line does not tell what it is about. ``keys`` tells
    which object is at which place; ``kinds`` the (apiVersion, kind) pairs.
    """

    def __init__(self, text: bytes, start: int, read: ReadEntry) -> None:
        self._text = text
        self._read = read
        self._ends = array("Q")
        self.keys: dict[ResourceKey, int] = {}
        kinds: dict[tuple[str, str], tuple[str, str]] = {}
        self._start = start
        while start < len(text):
            end = text.find(b"\n", start)
            end = len(text) if end < 0 else end
            place = len(self._ends)
            self._ends.append(end)
            head = orjson.loads(text[start : text.index(b"\t", start, end)])
            start = end + 1
            kind = (head["apiVersion"], head["kind"])
            group, name = kinds.setdefault(kind, (group_of(kind[0]), kind[1]))
            self.keys[ResourceKey(group, name, head["namespace"], head["name"])] = place
        self.kinds = frozenset(kinds)

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | Sequence[Entry]:
        """``index`` counts from the start."""
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        start = self._ends[index - 1] + 1 if index else self._start
        return self._read(self._text[start : self._ends[index]])


class _ByKey(Mapping[ResourceKey, Entry]):
    def __init__(self, entries: StoredEntries) -> None:
        self._entries = entries
        self._read: dict[ResourceKey, Entry] = {}

    def __getitem__(self, key: ResourceKey) -> Entry:
        found = self._read.get(key)
        if found is None:
            found = self._entries[self._entries.keys[key]]
            if len(self._read) >= KEPT_READ:
                self._read.clear()
            self._read[key] = found
        return found

    def __iter__(self) -> Iterator[ResourceKey]:
        return iter(self._entries.keys)

    def __len__(self) -> int:
        return len(self._entries.keys)

    def __contains__(self, key: object) -> bool:
        return key in self._entries.keys


@dataclass(frozen=True, kw_only=True)
class StoredSnapshot(Snapshot):
    """As any other, but what is asked of all entries is known without reading them."""

    entries: StoredEntries

    @cached_property
    def by_key(self) -> Mapping[ResourceKey, Entry]:
        return _ByKey(self.entries)

    @cached_property
    def kinds(self) -> frozenset[tuple[str, str]]:
        return self.entries.kinds

    @cached_property
    def namespaces(self) -> frozenset[str]:
        return frozenset(key.namespace for key in self.entries.keys if key.namespace)

    def in_namespace(self, namespace: str) -> Iterator[Entry]:
        return (self.entries[place] for key, place in self.entries.keys.items() if key.namespace == namespace)
