"""What kubectl is told to complete `kubectl gitops` by."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kubectl_gitops.cli.completion import completions
from kubectl_gitops.cli.frame import COMMANDS


def names(*words: str) -> list[str]:
    return [line.partition("\t")[0] for line in completions(words)]


@pytest.mark.parametrize("words", [(), ("",)])
def test_every_command_is_completed_with_its_line(words: tuple[str, ...]) -> None:
    expected = [f"{name}\t{command.short_help}" for name, command in COMMANDS.items()]
    assert completions(words) == [*expected, ":4"]


def test_the_beginning_of_a_command_is_completed() -> None:
    assert names("uni") == ["uninstall", ":4"]


def test_options_are_completed() -> None:
    assert {"--overlay", "--export", "--context"} <= set(names("install", "--"))
    assert names("install", "--ov") == ["--overlay", ":4"]


def test_values_of_an_option_are_completed() -> None:
    assert names("version", "-o", "") == ["table", "json", ":4"]


def test_files_are_left_to_the_shell() -> None:
    assert names("version", "--kubeconfig", "") == [":0"]


@pytest.mark.parametrize("words", [("nonsense", "x"), ("drift", "--nonsense", ""), ("-h", "")])
def test_nonsense_completes_nothing_and_is_no_error(words: tuple[str, ...]) -> None:
    assert names(*words)[-1].startswith(":")


def test_completing_a_command_imports_no_command() -> None:
    program = (
        "import sys; from kubectl_gitops.cli.completion import completions; completions(['dr']);"
        "sys.exit(any(name.startswith(('kubernetes', 'yaml', 'kubectl_gitops.cluster')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
