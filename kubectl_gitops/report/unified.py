"""Unified diffs whose cost is bounded: difflib alone takes minutes for a few thousand lines that repeat each other."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Final

_CONTEXT_LINES = 3
#: Comparisons of lines (about a second's worth); beyond it, what is left is shown as removed and added.
WORK_LIMIT: Final = 5_000_000


def unified_diff(
    before: Sequence[str], after: Sequence[str], before_name: str, after_name: str, *, work_limit: int = WORK_LIMIT
) -> Iterator[str]:
    """The lines of ``diff -u``, without line feeds; none where nothing differs. A right diff, if not the shortest."""
    matcher = _BoundedMatcher(before, after, work_limit)
    for number, group in enumerate(matcher.get_grouped_opcodes(_CONTEXT_LINES)):
        if number == 0:
            yield from (f"--- {before_name}", f"+++ {after_name}")
        (_, first, _, first_after, _), (_, _, end, _, end_after) = group[0], group[-1]
        yield f"@@ -{_range(first, end)} +{_range(first_after, end_after)} @@"
        for tag, start, stop, start_after, stop_after in group:
            if tag == "equal":
                yield from (" " + line for line in before[start:stop])
                continue
            yield from ("-" + line for line in before[start:stop])
            yield from ("+" + line for line in after[start_after:stop_after])


class _BoundedMatcher(difflib.SequenceMatcher[str]):
    """A matcher that finds no more matches once it has worked enough."""

    #: Where each line occurs in ``after``; documented, though the type stubs do not know it.
    b2j: dict[str, list[int]]

    def __init__(self, before: Sequence[str], after: Sequence[str], work_limit: int) -> None:
        super().__init__(None, before, after)
        self._lines = before
        self._work_left = work_limit

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> difflib.Match:
        self._work_left -= sum(len(self.b2j.get(line, ())) + 1 for line in self._lines[alo:ahi])
        if self._work_left < 0:
            return difflib.Match(alo, blo, 0)
        return super().find_longest_match(alo, ahi, blo, bhi)


def _range(start: int, stop: int) -> str:
    """As GNU diff writes it: an empty range names the line before it."""
    length = stop - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"
