"""``kubectl gitops create``: create a GitSync, after checking it offline."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from kubectl_gitops.api.gitsync import EnforcementMode, read_gitsync
from kubectl_gitops.api.names import API_VERSION, KIND, SYSTEM_NAMESPACE
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cli.options import ClusterOptions, cluster_options
from kubectl_gitops.cli.output import write
from kubectl_gitops.cli.targets import gitsync_resource
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.writing import create_object
from kubectl_gitops.errors import Conflict, InvalidInput, InvalidManifest
from kubectl_gitops.report.text import count_of
from kubectl_gitops.report.yamltext import to_yaml


@click.command("create")
@click.argument("name", required=False)
@click.option(
    "-f",
    "--filename",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A GitSync as YAML (- for stdin), instead of NAME and options.",
)
@click.option("--repo", metavar="URL", help="The repository.")
@click.option("--revision", metavar="REV", help="A branch, tag or commit.  [default: HEAD]")
@click.option("--path", metavar="PATH", help="The path in the repository.  [default: .]")
@click.option("--interval", metavar="DURATION", help="How often to look for new commits.  [default: 1m]")
@click.option("--target-namespace", metavar="NAME", help="Namespace of objects that name none.")
@click.option("--service-account", metavar="NAME", help="Service account that writes the objects.")
@click.option("--prune/--no-prune", default=None, help="Delete what Git no longer declares.")
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in EnforcementMode]),
    help="What the webhook does.  [default: Enforce]",
)
@click.option("--dry-run", is_flag=True, help="Check it, print it, create nothing.")
@cluster_options
def command(name: str | None, filename: Path | None, dry_run: bool, options: ClusterOptions, **settings: Any) -> None:
    """Create a GitSync: keep a path of a repository in sync.

    It is checked here with the same schema as in the cluster; a fault is named with its path, and nothing is created.
    """
    if filename is not None:
        if name or any(value is not None for value in settings.values()):
            raise InvalidInput("give NAME and options, or -f with a file, not both")
        obj = _read(filename, options.namespace)
    elif name and settings["repo"]:
        obj = _build(name, **settings)
        if options.namespace:
            obj["metadata"]["namespace"] = options.namespace
        read_gitsync(obj)
    else:
        raise InvalidInput("a GitSync needs a NAME and --repo URL (or -f FILE)")
    if dry_run:
        write(to_yaml(obj, sort_keys=False))
        return
    cluster = options.connect()
    obj["metadata"].setdefault("namespace", options.namespace_or_default(cluster))
    gitsync = read_gitsync(obj)
    try:
        create_object(cluster, gitsync_resource(Discovery(cluster)), obj, manager="kubectl-gitops-cli")
    except Conflict as exc:
        raise Conflict(f"GitSync {gitsync} exists already", status=409) from exc
    write(f"GitSync {gitsync} created\n")
    if gitsync.service_account is None and gitsync.namespace != SYSTEM_NAMESPACE:
        click.echo(
            f"it waits for a spec.serviceAccountName: only in {SYSTEM_NAMESPACE} may it do without one", err=True
        )


def _read(file: Path, namespace: str | None) -> Object:
    """The one GitSync in a file, in ``namespace`` where given. Raises InvalidInput, InvalidManifest."""
    from kubectl_gitops.source.manifest import parse

    try:
        text = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as exc:
        raise InvalidInput(f"cannot read {file}: {exc.strerror}") from exc
    shown = "<stdin>" if str(file) == "-" else str(file)
    documents = [document for document in parse(text, file=shown) if document.object is not None]
    if len(documents) != 1 or not isinstance(documents[0].object, dict):
        raise InvalidInput(f"{shown} must hold exactly one GitSync, and holds {count_of(len(documents), 'document')}")
    obj: Object = documents[0].object
    try:
        read_gitsync(obj)
    except InvalidInput as exc:
        raise InvalidManifest(str(exc), file=shown, line=documents[0].line) from exc
    declared = obj["metadata"].get("namespace")
    if namespace and declared and namespace != declared:
        raise InvalidInput(f"{shown} says namespace {declared}, and -n says {namespace}")
    if namespace:
        obj["metadata"]["namespace"] = namespace
    return obj


def _build(
    name: str,
    *,
    repo: str,
    revision: str | None,
    path: str | None,
    interval: str | None,
    target_namespace: str | None,
    service_account: str | None,
    prune: bool | None,
    mode: str | None,
) -> Object:
    spec = {
        "source": _given(repoURL=repo, revision=revision, path=path, interval=interval),
        "target": _given(namespace=target_namespace),
        "serviceAccountName": service_account,
        "sync": _given(prune=prune),
        "enforcement": _given(mode=mode),
    }
    kept = {field: value for field, value in spec.items() if value}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": kept}


def _given(**values: Any) -> Object:
    return {name: value for name, value in values.items() if value is not None}
