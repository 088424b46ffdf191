"""``kubectl gitops install``: bring everything into a cluster, or up to this version, and see that it works."""

from __future__ import annotations

from collections.abc import Sequence

import click

from kubectl_gitops.api.objects import Object
from kubectl_gitops.cli.options import ClusterOptions, cluster_options
from kubectl_gitops.cli.output import write
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.errors import GitOpsError, InvalidInput
from kubectl_gitops.installation.applying import apply_all, let_register
from kubectl_gitops.installation.manifests import namespace_of, read_manifests
from kubectl_gitops.report.yamltext import to_yaml

_NEXT = """\
Next:
  kubectl gitops create NAME --repo URL --path PATH -n gitops-system
"""
_NEXT_WITHOUT_PODS = """\
Next: run gitops-reconciler and gitops-webhook (README.md says how), then
  kubectl gitops create NAME --repo URL --path PATH -n gitops-system
"""


@click.command("install")
@click.option("--export", is_flag=True, help="Print the manifests instead of applying them.")
@click.option(
    "--overlay",
    metavar="NAME",
    default="",
    help="One of manifests/overlays: cert-manager, dev, ha.  [default: the base]",
)
@click.option(
    "--image", metavar="IMAGE", default="", help="The image of both processes, where a registry of yours has it."
)
@click.option("--no-pods", is_flag=True, help="Leave out what runs in pods: you run both processes yourself.")
@click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Wait until all pods are available and the webhook has refused a test change.",
)
@click.option("--timeout", metavar="DURATION", default="5m", show_default=True, help="How long to wait.")
@cluster_options
def command(
    export: bool, overlay: str, image: str, no_pods: bool, wait: bool, timeout: str, options: ClusterOptions
) -> None:
    """Install kubectl-gitops in a cluster, or bring it up to this version.

    Applies what `kubectl apply -k manifests/base` does, says of each object what became of it, and waits until the
    webhook really refuses. Run again, it changes nothing, or what is not as it should be.
    """
    if no_pods and (overlay or image):
        raise InvalidInput("--overlay and --image are about pods: give them without --no-pods")
    timeout_seconds = _seconds(timeout)
    objects = read_manifests(overlay, image=image, with_pods=not no_pods)
    if export:
        write("---\n".join(to_yaml(obj, sort_keys=False) for obj in objects))
        return
    cluster = options.connect()
    for key, outcome in apply_all(cluster, objects):
        write(f"{key} {outcome}\n")
    if let_register(cluster, namespace_of(objects)):
        write("the webhook, whose configuration was deleted, will register again\n")
    if wait and not no_pods:
        _wait(cluster, objects, timeout_seconds)
    write(_NEXT_WITHOUT_PODS if no_pods else _NEXT)


def _wait(cluster: Cluster, objects: Sequence[Object], timeout_seconds: float) -> None:
    from kubectl_gitops.installation.probing import wait_refused
    from kubectl_gitops.installation.waiting import wait_available

    namespace = namespace_of(objects)
    names = [obj["metadata"]["name"] for obj in objects if obj["kind"] == "Deployment"]
    for key in wait_available(cluster, namespace, names, timeout_seconds=timeout_seconds):
        write(f"{key} available\n")
    probe = wait_refused(cluster, namespace, timeout_seconds=timeout_seconds)
    if not probe.refused:
        raise GitOpsError(f"everything is installed and runs, but {probe.why}", hint=probe.hint)
    write("the webhook refuses a test change\n")


def _seconds(duration: str) -> float:
    from kubectl_gitops.api.durations import duration_seconds

    try:
        return duration_seconds(duration)
    except ValueError as exc:
        raise InvalidInput(f"--timeout: {exc}") from exc
