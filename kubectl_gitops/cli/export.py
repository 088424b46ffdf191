"""``kubectl gitops export``: write live objects as clean manifests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from kubectl_gitops.api.objects import Object, digest
from kubectl_gitops.cli.authors import warn
from kubectl_gitops.cli.exportable import SECRETS_LEFT_OUT, Export, all_in, chosen
from kubectl_gitops.cli.options import ClusterOptions, cluster_options, output_option
from kubectl_gitops.cli.output import write
from kubectl_gitops.cli.render_files import prepare_directory, safe_name, write_file
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.diff.secrets import is_secret
from kubectl_gitops.errors import GitOpsError, InvalidInput
from kubectl_gitops.report.jsontext import to_json_text
from kubectl_gitops.report.text import count_of, printable
from kubectl_gitops.report.yamltext import to_yaml


@click.command("export")
@click.argument("words", nargs=-1, metavar="[KIND/NAME... | KIND]")
@click.option("-l", "--selector", metavar="SELECTOR", help="With KIND or --all-in-namespace: only those labelled so.")
@click.option("--all-in-namespace", is_flag=True, help="All of the namespace that may be somebody's to declare.")
@click.option(
    "-d",
    "--directory",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a file for each object there, instead of all to stdout.",
)
@click.option("--force", is_flag=True, help="With -d: write into a directory that is not empty.")
@click.option("--include-secrets", is_flag=True, help="With -d: Secrets, too, their values in clear.")
@output_option("yaml", "json")
@cluster_options
def command(
    words: tuple[str, ...],
    selector: str | None,
    all_in_namespace: bool,
    directory: Path | None,
    force: bool,
    include_secrets: bool,
    output: str,
    options: ClusterOptions,
) -> None:
    """Write live objects as clean manifests, to start a repository from.

    What the cluster has put into them is left out: status, managedFields, uid, addresses and ports that it assigned,
    defaults, notes of controllers; and the namespace, so that they can be applied to another. Objects that others own
    (a Deployment's ReplicaSets and Pods) are left out and counted.

    Secrets are refused, or left out of --all-in-namespace. --include-secrets writes them with -d alone, into files
    that nobody else can read (mode 0600). They never go to stdout.

    \b
    Examples:
      kubectl gitops export deploy/web svc/web -n shop
      kubectl gitops export deploy,svc -l app=web -n shop
      kubectl gitops export --all-in-namespace -n shop -d deploy
    """  # noqa: D301 - click's mark for lines to leave as they are
    _check(words, selector, directory, whole=all_in_namespace, force=force, include_secrets=include_secrets)
    cluster = options.connect()
    namespace = options.namespace_or_default(cluster)
    discovery = Discovery(cluster)
    if all_in_namespace:
        found = all_in(cluster, discovery, namespace, selector=selector, include_secrets=include_secrets)
    else:
        found = chosen(cluster, discovery, words, namespace, selector=selector, include_secrets=include_secrets)
    if found.manifests and directory is not None:
        _write_files(found, directory, output, force=force)
    elif found.manifests:
        write(_document(found, output))
    _tell(found, include_secrets=include_secrets)
    if found.unseen:
        raise GitOpsError(f"{count_of(len(found.unseen), 'kind')} could not be read, and may be missing in the export")
    if not found.manifests:
        raise InvalidInput(f"there is nothing to export in namespace {namespace}", hint="-n names another namespace")


def _check(
    words: tuple[str, ...],
    selector: str | None,
    directory: Path | None,
    *,
    whole: bool,
    force: bool,
    include_secrets: bool,
) -> None:
    """Raises InvalidInput for what does not go together, before anything is sent."""
    if bool(words) == whole:
        raise InvalidInput(f"give KIND/NAME, KIND or --all-in-namespace{', not both' if words else ''}")
    if selector and any("/" in word for word in words):
        raise InvalidInput("-l selects among the objects of a KIND: give no KIND/NAME with it")
    if directory is None and (force or include_secrets):
        option = "--include-secrets" if include_secrets else "--force"
        raise InvalidInput(f"{option} goes with -d DIR", hint="Secrets are never written to stdout" * include_secrets)


def _document(found: Export, output: str) -> str:
    assert not any(map(is_secret, found.manifests))
    if output == "json":
        return to_json_text({"apiVersion": "v1", "kind": "List", "items": list(found.manifests)})
    return "---\n".join(to_yaml(manifest, sort_keys=False) for manifest in found.manifests)


def _write_files(found: Export, directory: Path, output: str, *, force: bool) -> None:
    """``<kind>-<name>.yaml`` each; those of Secrets readable by their owner alone."""
    try:
        prepare_directory(directory, force=force)
        for path, manifest in _files(found, output):
            text = to_json_text(manifest) if output == "json" else to_yaml(manifest, sort_keys=False)
            write_file(directory, path, text, private=is_secret(manifest))
    except OSError as exc:
        raise GitOpsError(f"cannot write {exc.filename or directory}: {exc.strerror or type(exc).__name__}") from exc
    write(f"wrote {count_of(len(found.manifests), 'file')} below {printable(str(directory))}\n")


def _files(found: Export, output: str) -> Iterator[tuple[Path, Object]]:
    taken: set[str] = set()
    for manifest in found.manifests:
        name = f"{safe_name(manifest['kind'].lower())}-{safe_name(manifest['metadata']['name'])}"
        if name in taken:  # a kind of the same name in another API group
            name = f"{name}.{digest([manifest['apiVersion'], manifest['metadata']['name']])[:8]}"
        taken.add(name)
        yield Path(f"{name}.{output}"), manifest


def _tell(found: Export, *, include_secrets: bool) -> None:
    """On stderr what is not in the export, and what there is to mind about it."""
    for why, kinds in sorted(found.left_out.items()):
        named = ", ".join(f"{kinds[kind]} {kind}" for kind in sorted(kinds))
        hint = "; --include-secrets with -d writes them" if why == SECRETS_LEFT_OUT else ""
        click.echo(printable(f"left out: {count_of(kinds.total(), 'object')} {why} ({named}){hint}"), err=True)
    for one in found.unseen:
        warn(f"not exported: {one.what}: {one.why}")
    secrets = sum(map(is_secret, found.manifests))
    if include_secrets and secrets:
        warn(
            f"{count_of(secrets, 'Secret')} written in clear, to files that only you can read: "
            "encrypt them before you commit them"
        )
