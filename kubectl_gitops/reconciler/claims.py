"""Which GitSyncs declare an object that is another's: the first keeps it, both say so, and it can be handed over.

A GitSync that finds an object held by another lays a claim to it. The holder learns of it; once its own repository no
longer declares the object, it lets it go instead of deleting it, and whoever claims it takes it over as it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from kubectl_gitops.api.objects import ResourceKey

#: A GitSync, by namespace and name.
GitSyncName = tuple[str, str]


class Claim(NamedTuple):
    """``by`` declares an object that ``holder`` holds."""

    key: ResourceKey
    holder: GitSyncName
    by: GitSyncName


class Claims:
    """The claims of all GitSyncs of this process. May be used by many threads.

    ``changed`` is told of each GitSync whose claims, or whose objects' claims, are others now.
    """

    def __init__(self, *, changed: Callable[[GitSyncName], None]) -> None:
        self._lock = threading.Lock()
        self._changed = changed
        self._claims: dict[GitSyncName, frozenset[Claim]] = {}

    def lay(self, by: GitSyncName, held: Mapping[ResourceKey, GitSyncName]) -> None:
        """``by`` claims these objects, each of its holder, and no others any more."""
        claims = frozenset(Claim(key, holder, by) for key, holder in held.items())
        with self._lock:
            before = self._claims.pop(by, frozenset())
            if claims:
                self._claims[by] = claims
        for name in sorted({name for one in claims ^ before for name in (one.holder, one.by)}):
            self._changed(name)

    def forget(self, name: GitSyncName) -> None:
        """A GitSync is gone, and what it claimed with it."""
        self.lay(name, {})

    def by(self, name: GitSyncName) -> list[Claim]:
        """What a GitSync claims of others."""
        with self._lock:
            return sorted(self._claims.get(name, ()))

    def on(self, holder: GitSyncName) -> list[Claim]:
        """What others claim of a GitSync's."""
        with self._lock:
            return sorted(claim for claims in self._claims.values() for claim in claims if claim.holder == holder)


#: Objects are named in a message up to this number.
_MAX_NAMED = 3


def contested_words(claimed: Iterable[Claim], claims: Iterable[Claim]) -> str:
    """What a GitSync is told of the claims on its objects and of its own; "" where there are none."""
    lines = [f"GitSync {_text(one.by)} declares {one.key.described}, too; it stays with this one" for one in claimed]
    lines += [f"{one.key.described} is GitSync {_text(one.holder)}'s, which had it first" for one in claims]
    if not lines:
        return ""
    more = len(lines) - _MAX_NAMED
    named = "; ".join(lines[:_MAX_NAMED]) + (f"; and {more} more" if more > 0 else "")
    return f"{named} (take it out of one of the two; if it is to move, out of its holder's, which then lets it go)"


def _text(name: GitSyncName) -> str:
    return "/".join(name)
