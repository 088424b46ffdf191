"""Which snapshots are kept."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_gitops.api.objects import Object
from kubectl_gitops.snapshot.codec import UID_LABEL, decode, encode
from kubectl_gitops.snapshot.store import KEPT_SNAPSHOTS, superfluous
from tests.unit.snapshot.test_codec import entry, snapshot


def published(sequence: int, *, complete: bool = True) -> list[Object]:
    return encode(replace(snapshot(entry("a"), sequence=sequence), complete=complete), namespace="gitops-system")


def sequences(chunks: list[Object]) -> list[int]:
    return [decode([chunk]).sequence for chunk in chunks]


def test_of_none_nothing() -> None:
    assert superfluous([]) == []


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=40))
def test_the_newest_stays_and_the_last_ten_that_are_complete(completes: list[bool]) -> None:
    chunks = [
        chunk for sequence, complete in enumerate(completes, 1) for chunk in published(sequence, complete=complete)
    ]
    gone = sequences(superfluous(reversed(chunks)))
    kept = [sequence for sequence in range(1, len(completes) + 1) if sequence not in gone]
    complete = [sequence for sequence, one in enumerate(completes, 1) if one]
    assert kept == sorted({*complete[-KEPT_SNAPSHOTS:], *([len(completes)] if completes else [])})
    assert gone == sorted(gone)


def test_whose_a_chunk_is_can_be_told_without_reading_it() -> None:
    named = replace(snapshot(entry("a")), uid="1-2-3")
    (chunk,) = encode(named, namespace="gitops-system")
    assert chunk["metadata"]["labels"][UID_LABEL] == "1-2-3"
    assert decode([chunk]) == named
    (chunk,) = encode(snapshot(entry("a")), namespace="gitops-system")
    assert UID_LABEL not in chunk["metadata"]["labels"]
