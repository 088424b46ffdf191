"""Who is in charge of what."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from kubectl_gitops.reconciler.shards import chosen_member, shard_of


def test_a_gitsync_is_in_the_same_shard_in_every_process_and_version() -> None:
    assert [shard_of("gitops-system", f"app-{n}", 4) for n in range(8)] == [2, 0, 1, 1, 0, 2, 0, 2]


@given(st.integers(1, 64), st.sets(st.text(min_size=1), min_size=1, max_size=20))
def test_each_shard_has_one_replica_and_none_has_two_more_than_another(shards: int, members: set[str]) -> None:
    dealt = Counter(dict.fromkeys(members, 0))
    dealt.update(chosen_member(shard, members) or "" for shard in range(shards))
    assert dealt.keys() == members
    assert max(dealt.values()) - min(dealt.values()) <= 1


def test_while_nobody_is_known_to_be_alive_nobody_is_chosen() -> None:
    assert chosen_member(0, []) is None
