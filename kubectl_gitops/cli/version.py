"""``kubectl gitops version``: of this program, and of what the cluster runs."""

from __future__ import annotations

import click

from kubectl_gitops import __version__
from kubectl_gitops.cli.options import ClusterOptions, cluster_options, output_option
from kubectl_gitops.cli.output import write
from kubectl_gitops.errors import GitOpsError


@click.command("version")
@click.option("--client", is_flag=True, help="Only this program's; no cluster is asked.")
@output_option("table", "json")
@cluster_options
def command(client: bool, output: str, options: ClusterOptions) -> None:
    """Print the version of this program and of what the cluster runs.

    And what refuses changes there that diverge from Git: the webhook, the floor below it, or nothing.
    """
    versions = {"client": __version__}
    failure: GitOpsError | None = None
    if not client:
        try:
            versions.update(_of_cluster(options))
        except GitOpsError as exc:
            failure = exc
    write(_rendered(versions, output))
    if failure is not None:  # our own version is told all the same, as kubectl does
        raise failure


def _rendered(versions: dict[str, str], output: str) -> str:
    if output == "json":
        import json

        return json.dumps(versions, indent=2) + "\n"
    names = {
        "client": "kubectl gitops",
        "kubernetes": "Kubernetes",
        "resource": "GitSync resource",
        "enforcement": "Enforcement:",
    }
    return "".join(f"{names[key]} {value}\n" for key, value in versions.items())


def _of_cluster(options: ClusterOptions) -> dict[str, str]:
    from kubectl_gitops.api.names import API_VERSION, KIND
    from kubectl_gitops.cli.layers import active_layer
    from kubectl_gitops.cluster.discovery import Discovery

    cluster = options.connect()
    served = Discovery(cluster).find(API_VERSION, KIND)
    return {
        "kubernetes": str(cluster.get("/version")["gitVersion"]),
        "resource": served.api_version if served else "not installed",
        **({"enforcement": active_layer(cluster)} if served else {}),
    }
