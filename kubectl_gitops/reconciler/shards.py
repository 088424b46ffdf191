"""Which shard a GitSync belongs to, and which replica is to be in charge of which shard. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

MAX_SHARDS = 64


def shard_of(namespace: str, name: str, shards: int) -> int:
    """The shard of a GitSync: the same in every process, for as long as the number of shards is."""
    digest = hashlib.sha256(f"{namespace}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % shards


def chosen_member(shard: int, members: Collection[str]) -> str | None:
    """Who of the replicas that are alive is to be in charge of a shard; None where there are none.

    Shards are dealt out in turn, so that no replica has two more than another.
    """
    ordered = sorted(members)
    return ordered[shard % len(ordered)] if ordered else None


def lease_name(shard: int) -> str:
    return f"gitops-reconciler-{shard}"
