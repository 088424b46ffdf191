"""How many cases there were of each kind, and what came of them: printed when pytest ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import pytest

from tests.oracle.walks import Found

_COLUMNS = ("cases", "known", "drifted", "asked_in_vain", "additions", "unsure", "shared", "refused")


class Tally:
    """A plugin of pytest's: only so is something printed whatever ``-s`` and ``-q`` say."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._by_kind: dict[str, list[Found]] = defaultdict(list)

    def add(self, kind: str, found: Iterable[Found]) -> None:
        self._by_kind[kind].extend(found)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_sep("=", f"the API server as oracle (SEED={self._seed})")
        rows = {kind: self._row(found) for kind, found in sorted(self._by_kind.items())}
        total = [sum(column) for column in zip(*rows.values(), strict=True)]
        heads = [*(name.replace("_", " ") for name in _COLUMNS), "disagreements"]
        width = max(len(kind) for kind in [*rows, "all"])
        lines: list[tuple[str, list[str] | list[int]]] = [("", heads), *rows.items(), ("all", total)]
        for name, numbers in lines:
            cells = [f"{number:>{len(head)}}" for number, head in zip(numbers, heads, strict=True)]
            terminalreporter.write_line("  ".join([f"{name:<{width}}", *cells]))

    @staticmethod
    def _row(found: list[Found]) -> list[int]:
        return [
            *(sum(getattr(one, name) for one in found) for name in _COLUMNS),
            sum(len(one.disagreements) for one in found),
        ]
