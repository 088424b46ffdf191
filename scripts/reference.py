"""The pages of reference that are made from the code: the command line's, and that of labels and annotations."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator

import click

from kubectl_gitops.api import names
from kubectl_gitops.cli.frame import COMMANDS, PROGRAM, gitops

_CLI_HEAD = """\
# The command line

<!-- Made from the commands' own help by `make generate`; not to be edited. -->

kubectl finds `kubectl-gitops` on PATH. Each command prints this with `--help`. What the exit codes mean is the same for
all: [exit codes](how-it-works.md#exit-codes).
"""
_NAMES_HEAD = """\
# Labels, annotations and other names

<!-- Made from kubectl_gitops/api/names.py by `make generate`; not to be edited. -->

What this project writes to a cluster, or reads there, besides the [GitSync](gitsync.md). Those that Git may have on an
object say so; in the cluster these count for nothing.

"""
#: The ends of the names of those constants that the page has, and what they are called there.
_SORTS = {
    "_LABEL": "label",
    "_ANNOTATION": "annotation",
    "_EXTRA_KEY": "key of the user info",
    "_SECRET_TYPE": "type of Secret",
}


def cli_text() -> str:
    return _CLI_HEAD + "".join(f"\n{_command(name)}" for name in COMMANDS)


def _command(name: str) -> str:
    module, _, attribute = COMMANDS[name].target.partition(":")
    command: click.Command = getattr(importlib.import_module(module), attribute)
    settings = gitops.context_settings  # -h among them, which click remembers by the first context that it sees
    with (
        click.Context(gitops, info_name=PROGRAM, **settings) as parent,
        click.Context(command, info_name=name, parent=parent) as ctx,
    ):
        usage = command.get_usage(ctx).removeprefix("Usage: ")
        rows = [row for one in command.get_params(ctx) if (row := one.get_help_record(ctx))]
    help_text = inspect.cleandoc(command.help or "").replace("\b\n", "").replace("\f", "")
    options = "\n".join(f"| `{_cell(option)}` | {_cell(meaning)} |" for option, meaning in rows)
    usage = re.sub(r"\s*\n\s*", " ", usage)
    return f"## {name}\n\n```\n{usage}\n```\n\n{_prose(help_text)}\n\n| option | |\n|---|---|\n{options}\n"


def _prose(text: str) -> str:
    """Examples are indented in a command's help; angle brackets and stars are themselves."""
    return re.sub(r"([<*_])", r"\\\1", text) if not re.search(r"^ {2,}", text, re.MULTILINE) else f"```\n{text}\n```"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;").strip()


def names_text() -> str:
    rows = "\n".join(f"| `{value}` | {sort} | {meaning} |" for value, sort, meaning in _names())
    return f"{_NAMES_HEAD}| name | is a | meaning |\n|---|---|---|\n{rows}\n"


def _names() -> Iterator[tuple[str, str, str]]:
    """In the order of the module, with the comments there: one that ends above a constant is about it."""
    source = inspect.getsource(names)
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            continue
        constant = node.targets[0].id
        sort = next((sort for end, sort in _SORTS.items() if constant.endswith(end)), None)
        value = getattr(names, constant)
        if sort is None or not isinstance(value, str) or names.GROUP not in value:
            continue
        above = node.lineno - 2
        words: list[str] = []
        while lines[above].startswith("#:"):
            words.insert(0, lines[above].removeprefix("#:").strip())
            above -= 1
        yield value, sort, " ".join(words).replace("``", "`").replace("|", "\\|")
