"""``gitops-webhook``: serve the admission webhook, in a pod or beside a cluster."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from kubectl_gitops.api import jsonlog
from kubectl_gitops.api.names import SYSTEM_NAMESPACE
from kubectl_gitops.errors import GitOpsError


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Connect with this kubeconfig; without it, as the pod's service account.",
)
@click.option(
    "-n", "--namespace", default=SYSTEM_NAMESPACE, show_default=True, help="Where the snapshots are and the CA is kept."
)
@click.option("--listen", default="0.0.0.0:9443", show_default=True, help="For the API server (TLS); port 0: any.")
@click.option(
    "--metrics-listen", default="0.0.0.0:9090", show_default=True, help="For probes and metrics (plain HTTP)."
)
@click.option(
    "--url",
    help="How the API server reaches this process from outside the cluster: https://host:port/validate. "
    "Port 0 stands for the one listened on.",
)
@click.option("--service", default="gitops-webhook", show_default=True, help="Its Service, where no --url is given.")
@click.option(
    "--certificate-secret",
    metavar="NAME",
    default="",
    help="The Secret in the namespace that holds tls.crt, tls.key and ca.crt, as cert-manager makes it; it is watched. "
    "Without it, the webhook makes its own certificates.",
)
@click.option(
    "--drain-seconds",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    help="How long to go on answering after SIGTERM, not ready any more, each client asked to connect elsewhere.",
)
@click.option(
    "--rotation-wait-seconds",
    type=click.FloatRange(min=0.1),
    default=300.0,
    show_default=True,
    help="How long each step of a rotation of the CA waits for API servers and other replicas to follow.",
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
def main(
    *,
    kubeconfig: Path | None,
    namespace: str,
    listen: str,
    metrics_listen: str,
    url: str | None,
    service: str,
    certificate_secret: str,
    drain_seconds: float,
    rotation_wait_seconds: float,
    log_level: str,
) -> None:
    """Refuse changes of managed objects that diverge from Git.

    Serves admission reviews over TLS, and keeps its ValidatingWebhookConfiguration at the kinds of object that are
    managed. SIGTERM drains and stops it, SIGHUP has it serve a new certificate.
    """
    from kubectl_gitops.serving.endpoint import chosen_port, read_endpoint
    from webhook.serving import serve
    from webhook.settings import Settings, read_url

    jsonlog.configure(log_level)
    try:
        endpoint = chosen_port(read_endpoint(listen))
        settings = Settings(
            kubeconfig=kubeconfig,
            namespace=namespace,
            listen=endpoint,
            metrics_listen=chosen_port(read_endpoint(metrics_listen)),
            service=service,
            url=read_url(url, port=endpoint.port) if url else None,
            certificate_secret=certificate_secret,
            log_level=log_level,
            drain_seconds=drain_seconds,
            rotation_wait_seconds=rotation_wait_seconds,
        )
        serve(settings)
    except GitOpsError as exc:
        click.echo(f"error: {exc}" + (f"\n{exc.hint}" if exc.hint else ""), err=True)
        sys.exit(exc.exit_code)


if __name__ == "__main__":
    main()
