"""The group: its listing, and how it finds and imports subcommands."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from kubectl_gitops.cli.frame import COMMANDS, gitops
from tests.unit.cli.sample_commands import group

HEAVY = {"git", "flask", "jsonschema", "kubernetes", "orjson", "requests", "urllib3", "yaml", "cryptography"}


@pytest.mark.parametrize("args", [["--help"], ["-h"], []])
def test_help_lists_every_command_with_its_line(args: list[str]) -> None:
    result = CliRunner().invoke(gitops, args)
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: kubectl gitops [OPTIONS] COMMAND [ARGS]...\n")
    listed = result.stdout.partition("Commands:\n")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in listed.splitlines() if line[2] != " "] == list(COMMANDS)
    assert "Exit codes: 0 no differences, 1 differences, 2 an error" in " ".join(result.stdout.split())


def test_a_listing_imports_no_subcommand() -> None:
    result = CliRunner().invoke(group(), ["--help"])
    assert result.exit_code == 0
    assert "broken   Never imported for a listing" in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_the_listing_repeats_the_first_sentence_of_each_command(name: str) -> None:
    command = gitops.get_command(click.Context(gitops), name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str(limit=200).rstrip(".") == COMMANDS[name].short_help


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_with_both_options(name: str) -> None:
    for option in ("-h", "--help"):
        result = CliRunner().invoke(gitops, [name, option])
        assert result.exit_code == 0
        assert result.stdout.startswith(f"Usage: kubectl gitops {name} ")


@pytest.mark.parametrize(
    ("typed", "stderr"),
    [
        ("drfit", "error: there is no command 'drfit'; did you mean drift?\nhint: see kubectl gitops --help\n"),
        ("xyzzy", "error: there is no command 'xyzzy'\nhint: see kubectl gitops --help\n"),
    ],
)
def test_an_unknown_command_suggests_the_nearest(typed: str, stderr: str) -> None:
    result = CliRunner().invoke(gitops, [typed])
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", stderr)


def test_an_unknown_option_is_not_taken_for_a_command() -> None:
    result = CliRunner().invoke(gitops, ["--drift"])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: no such option")


@pytest.mark.parametrize("args", [["--help"], ["version", "--client"], ["drfit"]])
def test_what_needs_no_cluster_imports_nothing_heavy(args: list[str]) -> None:
    program = f"""
import sys
from kubectl_gitops.__main__ import main
sys.argv[1:] = {args!r}
try:
    main()
finally:
    print("IMPORTED", *sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    imported = done.stdout.partition("IMPORTED ")[2].split()
    assert "click" in imported
    assert HEAVY.isdisjoint(imported)


def test_the_module_runs_as_the_program_does() -> None:
    done = subprocess.run([sys.executable, "-m", "kubectl_gitops", "-h"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: kubectl gitops ")
