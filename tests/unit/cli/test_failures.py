"""Every way a command can end: the words and the exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kubectl_gitops.cli.failures import DEBUG_VARIABLE
from tests.unit.cli.sample_commands import group


def run(*args: str, **environ: str) -> Result:
    return CliRunner().invoke(group(), args, env={DEBUG_VARIABLE: None, **environ})


@pytest.mark.parametrize(
    ("how", "code", "stderr"),
    [
        ("error", 2, "error: no such thing\nhint: look elsewhere\n"),
        ("manifest", 2, "error: a\\u001b[2J.yaml:3: not a mapping\n"),
        ("lines", 2, "error: one\n  error: two\\r\\u001b[1A\n"),
        ("secret", 2, "error: git said: https://***@git.example.com: no\n"),
        (
            "fault",
            3,
            (
                "error: internal error: ZeroDivisionError: by\\u0007 zero; please report\n"
                "hint: KUBECTL_GITOPS_DEBUG=1 in the environment shows where\n"
            ),
        ),
        ("interrupt", 130, "interrupted\n"),
        ("abort", 130, "interrupted\n"),
        ("click", 2, "error: could not open it\n"),
        ("file", 2, "error: could not open file 'x.yaml': gone\n"),
    ],
)
def test_what_ends_a_command_is_told_in_words_and_an_exit_code(how: str, code: int, stderr: str) -> None:
    result = run("fail", how)
    assert (result.stdout, result.stderr, result.exit_code) == ("", stderr, code)


def test_a_broken_pipe_that_is_not_our_output_is_a_fault() -> None:
    result = run("fail", "pipe")
    assert result.exit_code == 3
    assert "BrokenPipeError" in result.stderr


def test_the_traceback_is_shown_only_to_who_asks() -> None:
    assert "Traceback" not in run("fail", "fault").stderr
    asked = run("fail", "fault", **{DEBUG_VARIABLE: "1"})
    assert asked.exit_code == 3
    assert "Traceback" in asked.stderr
    assert "in fail" in asked.stderr
    assert "\x07" not in asked.stderr


def test_differences_are_exit_code_1_and_what_a_command_returns_means_nothing() -> None:
    assert run("differ").exit_code == 1
    assert run("answer").exit_code == 0


@pytest.mark.parametrize(
    ("args", "start"),
    [
        (["options", "--nope"], "error: no such option"),
        (["options", "-o", "xml"], "error: invalid value for '-o' / '--output'"),
        (["options", "a", "b"], "error: got unexpected extra argument"),
        (["options", "--as-group", "g"], "error: --as-group needs --as\n"),
        (["options", "--request-timeout", "soon"], "error: invalid value for '--request-timeout': not a duration"),
        (["fail"], "error: missing argument 'HOW'"),
    ],
)
def test_wrong_usage_takes_two_lines_and_exit_code_2(args: list[str], start: str) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert result.stderr.startswith(start)
    error, hint = result.stderr.splitlines()
    assert not error.endswith(".")
    assert hint == f"hint: see kubectl gitops {args[0]} --help"


def test_arguments_with_terminal_escapes_come_back_harmless() -> None:
    result = run("\x1b[2J")
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr


PRINTS_MUCH = """
import click
from kubectl_gitops.cli.frame import LazyGroup
from kubectl_gitops.cli.output import write
LazyGroup("x", subcommands={}, invoke_without_command=True, callback=lambda: write("text\\n" * 100_000)).main([])
"""


@pytest.mark.parametrize("environ", [{}, {"PYTHONUNBUFFERED": "1"}])
def test_a_reader_that_goes_away_is_no_error(environ: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PRINTS_MUCH], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_an_error_and_not_a_fault() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", PRINTS_MUCH], stdout=full, stderr=subprocess.PIPE, text=True, check=False, env={}
        )
    assert (done.returncode, done.stderr) == (2, "error: the output cannot be written: No space left on device\n")


def test_output_that_the_encoding_lacks_is_escaped() -> None:
    program = PRINTS_MUCH.replace('"text\\n" * 100_000', '"…\\n"')
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, env={"PYTHONIOENCODING": "latin-1"}
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\\u2026\n", b"")
