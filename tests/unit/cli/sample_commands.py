"""Subcommands that end in every way there is."""

from __future__ import annotations

import json
from typing import Any

import click

from kubectl_gitops.cli.failures import exit_with_differences
from kubectl_gitops.cli.frame import LazyGroup, Subcommand
from kubectl_gitops.cli.options import ClusterOptions, all_namespaces_option, cluster_options, output_option
from kubectl_gitops.errors import GitOpsError, InvalidManifest


@click.command("options")
@click.argument("name", required=False)
@all_namespaces_option
@output_option("table", "json")
@cluster_options
def options(name: str | None, all_namespaces: bool, output: str, options: ClusterOptions) -> None:
    """Print what came of the options."""
    shown = {name: getattr(options, name) for name in ClusterOptions.__slots__}
    click.echo(json.dumps({"name": name, "all": all_namespaces, "output": output, **shown}, default=str))


FAILURES: dict[str, BaseException] = {
    "error": GitOpsError("no such thing", hint="look elsewhere"),
    "manifest": InvalidManifest("not a mapping", file="a\x1b[2J.yaml", line=3),
    "lines": GitOpsError("one\nerror: two\r\x1b[1A"),
    "secret": GitOpsError("git said: https://bot:s3cret@git.example.com: no"),
    "fault": ZeroDivisionError("by\x07 zero"),
    "interrupt": KeyboardInterrupt(),
    "abort": click.Abort(),
    "click": click.ClickException("Could not open it."),
    "file": click.FileError("x.yaml", "gone"),
    "pipe": BrokenPipeError(32, "of a subprocess"),
}


@click.command("fail")
@click.argument("how")
def fail(how: str) -> None:
    """Fail."""
    raise FAILURES[how]


@click.command("differ")
def differ() -> None:
    """Find differences."""
    exit_with_differences()


@click.command("answer")
def answer() -> Any:
    """Give a value back, which means nothing."""
    return 7


def group() -> LazyGroup:
    here = "tests.unit.cli.sample_commands"
    commands = {
        name: Subcommand(f"{here}:{name}", f"The {name} command") for name in ("options", "fail", "differ", "answer")
    }
    commands["broken"] = Subcommand("tests.unit.cli.there_is_no_such_module:command", "Never imported for a listing")
    return LazyGroup("sample", subcommands=commands, context_settings={"help_option_names": ["-h", "--help"]})
