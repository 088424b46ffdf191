"""Options that subcommands share, named and understood as kubectl's are."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from pathlib import Path

    from kubectl_gitops.cluster.connection import Cluster

Command = Callable[..., Any]

#: What ``--request-timeout 0`` (no limit) comes to; the system's own limit for a socket lies not far above.
NO_LIMIT_SECONDS: Final = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """Which cluster, as whom, in which namespace; None and () where the person did not say."""

    kubeconfig: str | Path | None = None
    context: str | None = None
    namespace: str | None = None
    as_user: str | None = None
    as_groups: Sequence[str] = ()
    timeout_seconds: float | None = None

    def connect(self) -> Cluster:
        """The cluster; nothing is sent yet. Raises InvalidInput where the kubeconfig has no such cluster."""
        from pathlib import Path  # which takes a while to import

        from kubectl_gitops.cluster.connection import DEFAULT_TIMEOUT_SECONDS, Cluster, Impersonation

        return Cluster.from_kubeconfig(
            Path(self.kubeconfig) if self.kubeconfig else None,
            context=self.context,
            timeout_seconds=DEFAULT_TIMEOUT_SECONDS if self.timeout_seconds is None else self.timeout_seconds,
            impersonation=Impersonation(user=self.as_user, groups=self.as_groups) if self.as_user else None,
        )

    def namespace_or_default(self, cluster: Cluster) -> str:
        """The namespace asked for, else the kubeconfig context's."""
        return self.namespace or cluster.default_namespace


def cluster_options(command: Command) -> Command:
    """Give a command kubectl's connection options; it takes them as one argument, ``options: ClusterOptions``."""

    @functools.wraps(command)
    def with_options(
        *args: Any,
        kubeconfig: str | None,
        context: str | None,
        namespace: str | None,
        as_user: str | None,
        as_groups: tuple[str, ...],
        timeout_seconds: float | None,
        **kwargs: Any,
    ) -> Any:
        if as_groups and not as_user:
            raise click.UsageError("--as-group needs --as", click.get_current_context())
        options = ClusterOptions(
            kubeconfig=kubeconfig,
            context=context,
            namespace=namespace,
            as_user=as_user,
            as_groups=as_groups,
            timeout_seconds=timeout_seconds,
        )
        return command(*args, options=options, **kwargs)

    for option in reversed(_cluster_options()):
        option(with_options)
    return with_options


def _cluster_options() -> list[Callable[[Command], Command]]:
    """Click's decorators, in the order in which --help lists the options."""
    path = click.Path(dir_okay=False)
    return [
        click.option("-n", "--namespace", metavar="NAME", help="Namespace; the context's where not given."),
        click.option("--context", metavar="NAME", help="Context of the kubeconfig."),
        click.option("--kubeconfig", type=path, metavar="FILE", help="Kubeconfig; KUBECONFIG where not given."),
        click.option("--as", "as_user", metavar="USER", help="Act as this user."),
        click.option("--as-group", "as_groups", metavar="GROUP", multiple=True, help="... and as in this group."),
        click.option(
            "--request-timeout",
            "timeout_seconds",
            metavar="DURATION",
            callback=_read_timeout,
            help="Longest wait for an answer, such as 10s or 2m; 0 is no limit.  [default: 30s]",
        ),
    ]


def _read_timeout(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Seconds from kubectl's notation: ``30`` and ``30s`` are the same, ``0`` is no limit."""
    if value is None:
        return None
    from kubectl_gitops.api.durations import duration_seconds

    try:
        seconds = duration_seconds(f"{value}s" if value.isdecimal() else value)
    except ValueError as exc:
        raise click.BadParameter(str(exc), ctx, param) from exc
    return min(seconds, NO_LIMIT_SECONDS) or NO_LIMIT_SECONDS


def all_namespaces_option(command: Command) -> Command:
    """``-A``; the command takes ``all_namespaces: bool``."""
    return click.option("-A", "--all-namespaces", is_flag=True, help="In all namespaces, whatever -n says.")(command)


def output_option(*formats: str) -> Callable[[Command], Command]:
    """``-o`` with these formats, the first by default; the command takes ``output: str``."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Output format.",
    )
