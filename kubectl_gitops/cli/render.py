"""``kubectl gitops render``: print the objects that Git declares."""

from __future__ import annotations

from pathlib import Path

import click

from kubectl_gitops.api.objects import Declared, Object
from kubectl_gitops.cli.options import ClusterOptions, cluster_options, output_option
from kubectl_gitops.cli.output import write
from kubectl_gitops.cli.render_files import write_files
from kubectl_gitops.cli.targets import SourceOptions, find_gitsync, gitsync_of, source_options
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.report.jsontext import to_json_text
from kubectl_gitops.report.text import count_of, printable
from kubectl_gitops.report.yamltext import to_yaml
from kubectl_gitops.sync.showing import shown


@click.command("render")
@click.argument("name", required=False)
@source_options
@output_option("yaml", "json", "dir")
@click.option(
    "--to", "directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path), help="With -o dir: where to."
)
@click.option("--force", is_flag=True, help="With -o dir: write into a directory that is not empty.")
@cluster_options
def command(
    name: str | None,
    source: SourceOptions,
    output: str,
    directory: Path | None,
    force: bool,
    options: ClusterOptions,
) -> None:
    """Print the objects that Git declares, each with the file and line it comes from.

    NAME is a GitSync; with -f, a directory, a file, a repository or stdin, and no cluster is needed. Values of
    Secrets are shown as ***.

    With -o dir --to DIR, each object is written to a file NAMESPACE/KIND-NAME.yaml below DIR. Those that name no
    namespace are in the directory cluster.
    """
    if (output == "dir") != (directory is not None) or (force and directory is None):
        raise InvalidInput("-o dir and --to DIR go together, and --force with them")
    if source.filename is not None:
        if name:
            raise InvalidInput("give the name of a GitSync or -f, not both")
        desired = source.read(options.namespace)
    elif name:
        cluster = options.connect()
        namespace = options.namespace_or_default(cluster)
        gitsync = gitsync_of(find_gitsync(cluster, Discovery(cluster), namespace, name))
        desired = source.read_gitsync(gitsync, cluster)
    else:
        raise InvalidInput("say what to render: the name of a GitSync, or -f with a directory or repository")
    if directory is not None:
        count = write_files(desired.declared, directory, force=force)
        write(f"wrote {count_of(count, 'file')} below {printable(str(directory))}\n")
        return
    write(_json(desired.declared) if output == "json" else _yaml(desired.declared))


def _yaml(declared: tuple[Declared, ...]) -> str:
    return "".join(
        f"---\n# {printable(str(one.origin))}\n{to_yaml(shown(one.object), sort_keys=False)}" for one in declared
    )


def _json(declared: tuple[Declared, ...]) -> str:
    items: list[Object] = [shown(one.object) for one in declared]
    return to_json_text({"apiVersion": "v1", "kind": "List", "items": items})
