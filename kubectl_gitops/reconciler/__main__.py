"""``gitops-reconciler``: the reconciler's process, in the cluster or beside it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

import click

from kubectl_gitops.api import jsonlog
from kubectl_gitops.api.names import SYSTEM_NAMESPACE
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.errors import GitOpsError
from kubectl_gitops.reconciler.loop import Reconciler
from kubectl_gitops.source.limits import read_limits
from kubectl_gitops.source.mirror import default_cache_directory

_log = logging.getLogger(__name__)

#: Well below the grace a container has before it is killed (Kubernetes' default: 30 s).
_STOP_SECONDS = 8.0


@click.command(context_settings={"auto_envvar_prefix": "GITOPS_RECONCILER", "help_option_names": ["-h", "--help"]})
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Outside a cluster: how to reach it.")
@click.option("--namespace", default=SYSTEM_NAMESPACE, show_default=True, help="Where snapshots are kept.")
@click.option("--cache-directory", type=click.Path(path_type=Path), help="Where mirrors of repositories are kept.")
@click.option("--allow-file-repositories", is_flag=True, help="Allow repositories on this machine's own disk.")
@click.option("--limit", "limits", multiple=True, metavar="NAME=NUMBER", help="What a repository may cost.")
@click.option("--log-level", default="info", type=click.Choice(["debug", "info", "warning", "error"]))
def run(
    kubeconfig: Path | None,
    namespace: str,
    cache_directory: Path | None,
    allow_file_repositories: bool,
    limits: tuple[str, ...],
    log_level: str,
) -> None:
    """Watch GitSyncs, sync what is new in Git, and restore what drifts, until stopped."""
    jsonlog.configure(log_level)
    allowed = read_limits(limits)
    signals = _signals(signal.SIGTERM, signal.SIGINT)
    cluster = Cluster.from_kubeconfig(kubeconfig) if kubeconfig else Cluster.in_cluster()
    reconciler = Reconciler(
        cluster,
        system_namespace=namespace,
        cache_directory=cache_directory or default_cache_directory(),
        allow_file=allow_file_repositories,
        limits=allowed,
    )
    reconciler.start()
    _log.info("the reconciler runs against %s", cluster.url)
    signals.recv(1)
    _log.info("stopping")
    # A git or an API server that does not answer must not hold us up, wherever it is waited for: whatever was
    # begun is taken up again.
    last_resort = threading.Timer(_STOP_SECONDS, _end_now)
    last_resort.daemon = True
    last_resort.start()
    if not reconciler.stop():
        _end_now()


def _signals(*numbers: signal.Signals) -> socket.socket:
    """A socket that can be read from once one of these signals has come.

    The kernel may hand a signal to any thread, and Python runs its handler in the main one: a main thread that waits
    for a lock would not wake for it. The socket is written to by whichever thread the signal interrupts.
    """
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(theirs.detach())
    return ours


def _end_now() -> None:
    _log.warning("stopped without waiting any longer for what does not answer")
    logging.shutdown()
    os._exit(0)


def main() -> None:
    """The console script: errors that a person can do something about are one line, exit code 2."""
    try:
        run(standalone_mode=True)
    except GitOpsError as exc:
        print(f"error: {exc}" + (f"\nhint: {exc.hint}" if exc.hint else ""), file=sys.stderr)
        sys.exit(exc.exit_code)


if __name__ == "__main__":
    main()
