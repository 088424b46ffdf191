"""``kubectl_complete-gitops``: what kubectl asks for the completions of ``kubectl gitops`` (kubectl 1.26 and later).

It is given the words after ``kubectl gitops``, the last of which is the one to be completed, and writes a completion a
line, each with a tab and a description where there is one, and last a directive of cobra's: ``:4`` for no files, ``:0``
for files.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import click
from click.shell_completion import CompletionItem, ShellComplete

from kubectl_gitops.cli.frame import PROGRAM, gitops

# https://github.com/spf13/cobra/blob/main/completions.go
_NO_FILES: Final = ":4"
_FILES: Final = ":0"
#: What click says where the shell is to complete the names of files or directories itself.
_PATHS: Final = frozenset({"file", "dir"})


def completions(words: Sequence[str]) -> list[str]:
    """The lines for these words, the last being the one to be completed; never an error, whatever they are."""
    *before, incomplete = words or ("",)
    try:
        items = ShellComplete(gitops, {}, PROGRAM, "").get_completions(before, incomplete)
    except (click.ClickException, click.exceptions.Exit):
        items = []
    directive = _FILES if any(item.type in _PATHS for item in items) else _NO_FILES
    return [*(_line(item) for item in items if item.type not in _PATHS), directive]


def _line(item: CompletionItem) -> str:
    return f"{item.value}\t{item.help}" if item.help else str(item.value)


def main() -> None:
    """The console script."""
    print("\n".join(completions(sys.argv[1:])))
