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
from kubectl_gitops.errors import GitOpsError, InvalidInput
from kubectl_gitops.reconciler.configuration import read_config
from kubectl_gitops.reconciler.loop import Reconciler, check_installed
from kubectl_gitops.reconciler.metrics import Metrics
from kubectl_gitops.reconciler.outgoing import Outgoing
from kubectl_gitops.reconciler.pushes import receiver_of
from kubectl_gitops.reconciler.replica import Alone, Replica
from kubectl_gitops.reconciler.replicaname import replica_name
from kubectl_gitops.reconciler.shards import MAX_SHARDS, shard_of
from kubectl_gitops.serving.endpoint import bound_port, chosen_port, read_endpoint
from kubectl_gitops.serving.health import health_app
from kubectl_gitops.serving.plain import PlainServer
from kubectl_gitops.source.limits import read_limits
from kubectl_gitops.source.mirror import default_cache_directory

_log = logging.getLogger(__name__)

#: Well below the grace a container has before it is killed (Kubernetes' default: 30 s).
_STOP_SECONDS = 8.0


@click.command(context_settings={"auto_envvar_prefix": "GITOPS_RECONCILER", "help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, path: _use_config(context, path),
    help="A YAML file with what the options below say; they, and environment variables, count more.",
)
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Outside a cluster: how to reach it.")
@click.option("--namespace", default=SYSTEM_NAMESPACE, show_default=True, help="Where snapshots are kept.")
@click.option("--cache-directory", type=click.Path(path_type=Path), help="Where mirrors of repositories are kept.")
@click.option("--allow-file-repositories", is_flag=True, help="Allow repositories on this machine's own disk.")
@click.option(
    "--allow-insecure-notifications",
    is_flag=True,
    help="Allow notifications by plain http and to this machine's own addresses.",
)
@click.option("--limit", "limits", multiple=True, metavar="NAME=NUMBER", help="What a repository may cost.")
@click.option(
    "--allow-remote-bases",
    is_flag=True,
    help="Let kustomizations download, by https and without credentials, what they refer to elsewhere.",
)
@click.option(
    "--metrics-listen",
    default="0.0.0.0:9091",
    show_default=True,
    help="For probes and metrics (plain HTTP); port 0: any.",
)
@click.option(
    "--receiver-listen",
    metavar="HOST:PORT",
    help="For push events: POST /hooks/NAMESPACE/NAME (plain HTTP: put TLS in front). Without it, Git is only polled.",
)
@click.option(
    "--leader-elect/--no-leader-elect",
    default=True,
    show_default=True,
    help="Write only while holding a Lease, so that several replicas may run.",
)
@click.option(
    "--shards",
    default=1,
    show_default=True,
    type=click.IntRange(1, MAX_SHARDS),
    help="Spread the GitSyncs over this many leases, and these over the replicas. The same for all of them.",
)
@click.option("--log-level", default="info", type=click.Choice(["debug", "info", "warning", "error"]))
def run(
    kubeconfig: Path | None,
    namespace: str,
    cache_directory: Path | None,
    allow_file_repositories: bool,
    allow_insecure_notifications: bool,
    limits: tuple[str, ...],
    allow_remote_bases: bool,
    metrics_listen: str,
    receiver_listen: str | None,
    leader_elect: bool,
    shards: int,
    log_level: str,
) -> None:
    """Watch GitSyncs, sync what is new in Git, and restore what drifts, until stopped."""
    jsonlog.configure(log_level)
    allowed = read_limits(limits)
    if shards > 1 and not leader_elect:
        raise InvalidInput("--shards needs leader election", hint="leave out --no-leader-elect")
    health_endpoint = chosen_port(read_endpoint(metrics_listen))
    bound_port(health_endpoint)  # here the error is one line
    receiver_endpoint = chosen_port(read_endpoint(receiver_listen)) if receiver_listen else None
    if receiver_endpoint:
        bound_port(receiver_endpoint)
    signals = _signals(signal.SIGTERM, signal.SIGINT)
    cluster = Cluster.from_kubeconfig(kubeconfig) if kubeconfig else Cluster.in_cluster()
    mirrors = (cache_directory or default_cache_directory()).absolute()
    metrics = Metrics()

    def make_loop(connection: Cluster, shard: int) -> Reconciler:
        return Reconciler(
            connection,
            system_namespace=namespace,
            cache_directory=mirrors,
            allow_file=allow_file_repositories,
            limits=allowed,
            remote_bases=allow_remote_bases,
            metrics=metrics,
            outgoing=Outgoing(insecure=allow_insecure_notifications),
            owns=lambda namespace, name: shard_of(namespace, name, shards) == shard,
        )

    check_installed(cluster)
    runner: Replica | Alone
    if leader_elect:
        name = replica_name(mirrors)
        runner = Replica(cluster, namespace, identity=name.text, shards=shards, make_loop=make_loop, metrics=metrics)
    else:
        runner = Alone(cluster, make_loop(cluster, 0), metrics)
    health = PlainServer(health_app(metrics.registry, unwell=runner.unwell, unready=runner.unready), health_endpoint)
    health.start("health")
    runner.start()
    listening = {"metrics": str(health.endpoint)}
    if receiver_endpoint:
        hooks = PlainServer(receiver_of(cluster, runner, metrics, namespace), receiver_endpoint)
        hooks.start("receiver")
        listening["receiver"] = str(hooks.endpoint)
    _log.info("the reconciler runs against %s", cluster.url, extra=listening)
    signals.recv(1)
    _log.info("stopping")
    # A git or an API server that does not answer must not hold us up, wherever it is waited for: whatever was
    # begun is taken up again.
    last_resort = threading.Timer(_STOP_SECONDS, _end_now)
    last_resort.daemon = True
    last_resort.start()
    if not runner.stop():
        _end_now()


def _use_config(context: click.Context, path: Path | None) -> None:
    if path is not None:
        context.default_map = read_config(path)


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
