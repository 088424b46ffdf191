"""How often something may happen."""

from __future__ import annotations

from kubectl_gitops.reconciler.tokenbuckets import TokenBuckets


def test_some_at_once_then_one_in_a_while_for_each_key() -> None:
    now = [0.0]
    buckets: TokenBuckets[str] = TokenBuckets(burst=2, refill_seconds=10.0, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(4)] == [True, True, False, False]
    assert buckets.take("b")
    now[0] = 9.0
    assert not buckets.take("a")
    now[0] = 10.5
    assert [buckets.take("a"), buckets.take("a")] == [True, False]
    now[0] = 1000.0
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]
