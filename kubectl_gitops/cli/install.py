"""``kubectl gitops install``: put the GitSync resource and the controllers' rights into a cluster."""

from __future__ import annotations

import time
from contextlib import suppress
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from kubectl_gitops.api.names import (
    API_VERSION,
    CONTROLLER_FIELD_MANAGER,
    GROUP,
    KIND,
    SYSTEM_NAMESPACE,
    WEBHOOK_REGISTERED,
)
from kubectl_gitops.api.objects import Declared
from kubectl_gitops.cli.options import ClusterOptions, cluster_options
from kubectl_gitops.cli.output import write
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery, Resource
from kubectl_gitops.cluster.reading import get_object
from kubectl_gitops.cluster.writing import apply_object, delete_object
from kubectl_gitops.errors import ClusterError, NotFound
from kubectl_gitops.source.declared import declare

ESTABLISH_SECONDS = 30.0
_CONFIG_MAPS = Resource(group="", version="v1", kind="ConfigMap", plural="configmaps", namespaced=True)
_CONFIGURATIONS = Resource(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="ValidatingWebhookConfiguration",
    plural="validatingwebhookconfigurations",
    namespaced=False,
)
_NEXT = """\
Next: run gitops-reconciler and gitops-webhook (README.md says how), then
  kubectl gitops create NAME --repo URL --path PATH -n gitops-system
"""


@click.command("install")
@click.option("--export", is_flag=True, help="Print the manifests instead of applying them.")
@cluster_options
def command(export: bool, options: ClusterOptions) -> None:
    """Install the GitSync resource and the rights of the reconciler and the webhook.

    Idempotent: run again, it upgrades in place and says what it changed.
    """
    if export:
        write("---\n".join(file.read_text() for file in _files()))
        return
    cluster = options.connect()
    discovery = Discovery(cluster)
    for declared in _manifests():
        write(f"{declared.key} {_apply(cluster, discovery, declared)}\n")
    _wait_served(discovery)
    _let_register(cluster)
    write(_NEXT)


def _let_register(cluster: Cluster) -> None:
    """Whoever installs wants the webhook, though somebody has deleted its configuration."""
    if get_object(cluster, _CONFIGURATIONS, "", GROUP) is not None:
        return
    with suppress(NotFound):
        delete_object(cluster, _CONFIG_MAPS, SYSTEM_NAMESPACE, WEBHOOK_REGISTERED)
        write("the webhook, whose configuration was deleted, will register again\n")


def _files() -> list[Traversable]:
    """The manifests, in the order of the kustomization: beside the package when installed, in the checkout else."""
    packaged = resources.files("kubectl_gitops").joinpath("manifests", "base")
    base: Traversable = packaged if packaged.is_dir() else Path(__file__).parents[2] / "manifests" / "base"
    names = (
        "namespace.yaml",
        "crd.yaml",
        "reconciler-rbac.yaml",
        "webhook-rbac.yaml",
        "break-glass.yaml",
        "floor.yaml",
    )
    return [base.joinpath(name) for name in names]


def _manifests() -> list[Declared]:
    return [declared for file in _files() for declared in declare(file.read_bytes(), file=file.name)]


def _apply(cluster: Cluster, discovery: Discovery, declared: Declared) -> str:
    """Apply one object; what came of it, in kubectl's words."""
    resource = discovery.need(declared.api_version, declared.kind)
    before = get_object(cluster, resource, declared.namespace, declared.name)
    after = apply_object(cluster, resource, declared.object, manager=CONTROLLER_FIELD_MANAGER)
    if before is None:
        return "created"
    same = before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
    return "unchanged" if same else "configured"


def _wait_served(discovery: Discovery) -> None:
    deadline = time.monotonic() + ESTABLISH_SECONDS
    while True:
        discovery.refresh()
        if discovery.find(API_VERSION, KIND) is not None:
            return
        if time.monotonic() > deadline:
            raise ClusterError(
                f"the API server does not serve {KIND} {ESTABLISH_SECONDS:g} s after its CRD was applied"
            )
        time.sleep(0.05)
