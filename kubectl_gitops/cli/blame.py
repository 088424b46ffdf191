"""``kubectl gitops blame``: who set each field of an object, in the cluster and in Git."""

from __future__ import annotations

import sys
from dataclasses import replace

import click

from kubectl_gitops.api.objects import Object, key_of
from kubectl_gitops.cli.gitside import GitSide, of_gitsync, of_source
from kubectl_gitops.cli.objectname import take_object_name
from kubectl_gitops.cli.options import ClusterOptions, cluster_options, output_option
from kubectl_gitops.cli.output import style_of, write
from kubectl_gitops.cli.targets import SourceOptions, source_options, system_namespace_option
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.reading import get_object
from kubectl_gitops.diff.blame import blamed_fields
from kubectl_gitops.diff.choosing import chosen
from kubectl_gitops.errors import InvalidInput, NotFound
from kubectl_gitops.report.blame import BLAME_FORMATS
from kubectl_gitops.report.model import BlameReport
from kubectl_gitops.sync.showing import shown


@click.command("blame")
@click.argument("words", metavar="KIND/NAME [FIELD]", nargs=-1)
@source_options
@output_option("table", "json", "yaml")
@system_namespace_option
@cluster_options
def command(
    words: tuple[str, ...], source: SourceOptions, output: str, system_namespace: str, options: ClusterOptions
) -> None:
    """Show who set each field of an object, in the cluster and in Git.

    KIND/NAME is as for kubectl: deploy/web, deployment.apps/web, deploy web. With FIELD, only that field and what is
    below it: spec.replicas, or spec.template.spec.containers[name=web].

    In the cluster it was a field manager; what none owns is a default. In Git it was the last commit that touched the
    line: of what the object's GitSync has synced, or of -f, a directory, a file or a repository. A field that Git has
    otherwise is marked with !.

    Exit codes: 0 done, whether anything differs or not, 2 an error.
    """
    (kind, name), rest = take_object_name(words)
    if len(rest) > 1:
        raise InvalidInput(f"one FIELD at a time, not {' and '.join(rest)}", hint="a field above both shows both")
    if source.filename is None and (source.revision or source.path):
        raise InvalidInput(
            "--revision and --path go with -f", hint="a GitSync's object is as at the revision that was synced"
        )
    cluster = options.connect()
    discovery = Discovery(cluster)
    resource = discovery.resolve(kind)
    namespace = options.namespace_or_default(cluster)
    live = get_object(cluster, resource, namespace, name)
    if live is None:
        where = f" in namespace {namespace}" if resource.namespaced else ""
        hint = "-n names another namespace" if resource.namespaced else ""
        raise NotFound(f"there is no {resource.kind} {name}{where}", hint=hint)
    if source.filename is None:
        git = of_gitsync(live, cluster, discovery, system_namespace)
    else:
        git = of_source(live, cluster, discovery, source, namespace)
    report = _report(live, git, rest[0] if rest else "")
    style = style_of(sys.stdout)
    write(BLAME_FORMATS[output](report, style), style=style)


def _report(live: Object, git: GitSide, field: str) -> BlameReport:
    fields = chosen(blamed_fields(shown(live), git.changes), field)
    sources = git.sources(one.path for one in fields)
    return BlameReport(
        key=key_of(live),
        api_version=live["apiVersion"],
        subject=git.subject,
        repo_url=git.repo_url,
        path=git.path,
        ref=git.ref,
        revision=git.revision,
        origin=git.origin,
        commit=git.commit,
        fields=tuple(replace(one, source=source) for one, source in zip(fields, sources, strict=True)),
    )
