"""The command ``kubectl gitops``: a table of subcommands, each imported when called, so that --help is instant."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import click

from kubectl_gitops.cli.failures import exit_code_of

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

PROGRAM: Final = "kubectl gitops"


class Subcommand(NamedTuple):
    """Where a subcommand is, as ``module:attribute``, and its line in the listing.

    The line repeats the first sentence of the command's own help, which would take an import to read.
    """

    target: str
    short_help: str


COMMANDS: Final[Mapping[str, Subcommand]] = {
    "install": Subcommand(
        "kubectl_gitops.cli.install:command",
        "Install kubectl-gitops in a cluster, or bring it up to this version",
    ),
    "uninstall": Subcommand("kubectl_gitops.cli.uninstall:command", "Take kubectl-gitops out of a cluster"),
    "create": Subcommand("kubectl_gitops.cli.create:command", "Create a GitSync: keep a path of a repository in sync"),
    "status": Subcommand("kubectl_gitops.cli.status:command", "Show what each GitSync last synced and how it is now"),
    "tree": Subcommand("kubectl_gitops.cli.tree:command", "Show the objects of GitSyncs, and what those have made"),
    "diff": Subcommand("kubectl_gitops.cli.diff:command", "Show what a sync would change"),
    "drift": Subcommand("kubectl_gitops.cli.drift:command", "Show what was changed by hand, and by whom"),
    "blame": Subcommand(
        "kubectl_gitops.cli.blame:command", "Show who set each field of an object, in the cluster and in Git"
    ),
    "sync": Subcommand("kubectl_gitops.cli.sync:command", "Make the cluster as Git says"),
    "adopt": Subcommand(
        "kubectl_gitops.cli.adopt:command", "Take over what already runs as Git says, changing nothing else"
    ),
    "history": Subcommand(
        "kubectl_gitops.cli.history:command", "Show the last syncs, and which of them can be rolled back to"
    ),
    "rollback": Subcommand("kubectl_gitops.cli.rollback:command", "Go back to what an earlier sync had made"),
    "suspend": Subcommand(
        "kubectl_gitops.cli.suspend:command", "Stop syncing and restoring GitSyncs; drift is still reported"
    ),
    "resume": Subcommand(
        "kubectl_gitops.cli.resume:command", "Let GitSyncs follow Git again, after suspend or rollback"
    ),
    "delete": Subcommand("kubectl_gitops.cli.delete:command", "Delete a GitSync, and its objects or not"),
    "render": Subcommand(
        "kubectl_gitops.cli.render:command",
        "Print the objects that Git declares, each with the file and line it comes from",
    ),
    "export": Subcommand(
        "kubectl_gitops.cli.export:command", "Write live objects as clean manifests, to start a repository from"
    ),
    "check": Subcommand(
        "kubectl_gitops.cli.check:command", "Find what is wrong with what Git declares, without a cluster"
    ),
    "break-glass": Subcommand(
        "kubectl_gitops.cli.break_glass:command",
        "Suspend the enforcement of a GitSync, for a time and with a reason",
    ),
    "denials": Subcommand(
        "kubectl_gitops.cli.denials:command",
        "List what the webhook refused, or let pass though it diverges: who, what, when, which fields",
    ),
    "version": Subcommand(
        "kubectl_gitops.cli.version:command", "Print the version of this program and of what the cluster runs"
    ),
}


class LazyGroup(click.Group):
    """A group that imports a subcommand's module only when that subcommand is called."""

    def __init__(self, name: str, *, subcommands: Mapping[str, Subcommand], **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self.subcommands = subcommands

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.subcommands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self.subcommands:
            return None
        module, _, attribute = self.subcommands[cmd_name].target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=command.short_help)
            for name, command in self.subcommands.items()
            if name.startswith(incomplete)
        ]
        # Options of the group; those of click's own Group would import every command.
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.short_help) for name, command in self.subcommands.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self.subcommands and not name.startswith("-"):
            import difflib

            nearest = difflib.get_close_matches(name, self.subcommands, n=1)
            question = f"; did you mean {nearest[0]}?" if nearest else ""
            raise click.UsageError(f"there is no command {name!r}{question}", ctx)
        return super().resolve_command(ctx, args)

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Run, show what went wrong, and exit. Unlike click's, it knows our errors and our exit codes."""
        sys.exit(exit_code_of(lambda: self._invoke(sys.argv[1:] if args is None else args)))

    def _invoke(self, args: Sequence[str]) -> None:
        with self.make_context(PROGRAM, list(args)) as ctx:
            self.invoke(ctx)


def _help_without_command() -> None:
    ctx = click.get_current_context()
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


gitops = LazyGroup(
    "gitops",
    subcommands=COMMANDS,
    callback=_help_without_command,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Keep a cluster as Git says: see what differs and who changed it, and put it right.",
    epilog="Exit codes: 0 no differences, 1 differences, 2 an error, 3 a fault in this program, 130 interrupted.",
)
