"""``kubectl gitops check``: what is wrong with what Git declares, told without a cluster."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kubectl_gitops.api.finding import Finding, FindingKind, Position
from kubectl_gitops.api.objects import Declared, Object, Origin
from kubectl_gitops.cli.authors import warn
from kubectl_gitops.cli.failures import exit_with_differences
from kubectl_gitops.cli.options import ClusterOptions, cluster_options, output_option
from kubectl_gitops.cli.output import style_of, write
from kubectl_gitops.cli.targets import SourceOptions, is_repository_url, nothing_declared, source_options
from kubectl_gitops.errors import GitOpsError, InvalidInput, InvalidManifest
from kubectl_gitops.report.model import CheckReport
from kubectl_gitops.report.text import count_of, without_credentials
from kubectl_gitops.source.declared import Duplicate
from kubectl_gitops.source.desired import Desired, TextOf, from_directory

if TYPE_CHECKING:
    from kubectl_gitops.check.objects import Checked

#: As the table of report/checked.py has them.
FORMATS: Final = ("table", "json", "yaml", "name", "markdown", "junit", "sarif")


@click.command("check")
@source_options
@click.option(
    "--crds",
    "definitions",
    metavar="PATH",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="A directory or file with CRDs that WHERE does not declare itself. May be repeated.",
)
@click.option(
    "--cluster", "in_cluster", is_flag=True, help="Check the installation in the cluster, not what Git declares."
)
@output_option(*FORMATS)
@cluster_options
def command(
    source: SourceOptions, definitions: tuple[Path, ...], in_cluster: bool, output: str, options: ClusterOptions
) -> None:
    """Find what is wrong with what Git declares, without a cluster.

    Reads -f, a directory, a file, a repository or stdin, and reports all mistakes at once, each with its file and line:
    files that cannot be read, unknown kinds and fields, missing fields, values of a wrong type, metadata that only the
    cluster may set, GitSyncs and annotations of kubectl-gitops that are wrong, objects declared twice.

    Kubernetes' own kinds are checked by its published schemas, custom resources by their CRDs, as far as WHERE declares
    these or --crds names them; all others are counted as not checked.

    With --cluster, what is wrong with the installation: missing objects and rights, pods that do not run, a webhook
    that is not reached or not trusted, versions that do not go together, clocks that differ.

    Exit codes: 0 nothing is wrong, 1 something is, 2 an error.
    """
    if in_cluster:
        if source.filename or definitions:
            raise InvalidInput("--cluster checks the installation: give it without -f and --crds")
        from kubectl_gitops.cli.check_cluster import check_cluster

        check_cluster(options, output)
        return
    from kubectl_gitops.report.checked import render

    declared = [one.object for path in definitions for one in from_directory(path).declared]
    report = _checked(source, declared, options.namespace or "")
    style = style_of(sys.stdout)
    write(render(report, output, style=style), style=style)
    if report.findings:
        exit_with_differences()


def _checked(source: SourceOptions, definitions: list[Object], namespace: str) -> CheckReport:
    # jsonschema takes long to be imported, and --help needs none of it
    from kubectl_gitops.check import kubernetes
    from kubectl_gitops.check.objects import check_objects
    from kubectl_gitops.check.schemas import Schemas

    if source.filename is None:
        raise InvalidInput("say what to check: -f with a directory, a file, a repository or -")
    desired, refused = _read(source, source.filename, namespace)
    schemas = Schemas([*definitions, *(one.object for one in desired.declared)])
    checked = list(check_objects(desired.declared, schemas, namespace=namespace))
    if given_up := len(schemas.patterns.given_up):
        warn(f"{count_of(given_up, 'pattern')} of CRDs cannot be matched here, so nothing was checked by them")
    return CheckReport(
        subject=without_credentials(desired.where),
        repo_url=source.filename if is_repository_url(source.filename) else "",
        path=source.path or "",
        revision=desired.commit,
        ref=source.revision or "",
        kubernetes=kubernetes.version(),
        total=len(checked),
        findings=tuple(sorted([*map(_refusal, refused), *_findings(checked, desired.text_of)], key=_by_place)),
        unchecked=tuple(_kind_of(one.declared) for one in checked if not one.has_schema),
    )


def _read(source: SourceOptions, filename: str, namespace: str) -> tuple[Desired, list[InvalidManifest]]:
    """What is declared, and what cannot be taken. Raises InvalidInput where there is neither."""
    refused: list[InvalidManifest] = []
    try:
        desired = source.read_as_far_as_possible(namespace or None, refuse=refused.append)
    except InvalidManifest as exc:  # of a kustomization or a chart as a whole
        desired = Desired(declared=(), where=filename)
        refused.append(exc)
    if not desired.declared and not refused:
        raise nothing_declared(desired)
    return desired, refused


def _refusal(exc: InvalidManifest) -> Finding:
    kind = FindingKind.DUPLICATE if isinstance(exc, Duplicate) else FindingKind.UNREADABLE
    message = f"{exc.reason}; {exc.hint}" if exc.hint else exc.reason
    return Finding(kind=kind, origin=Origin(exc.file, exc.line), message=without_credentials(message))


def _findings(checked: Iterable[Checked], text_of: TextOf) -> Iterator[Finding]:
    lines = _Lines(text_of)
    for one in checked:
        for fault in one.faults:
            yield Finding(
                kind=fault.kind,
                origin=lines.of(one.declared.origin, fault.position),
                message=without_credentials(fault.message),
                key=one.declared.key,
                api_version=one.declared.api_version,
                path=fault.position,
            )


class _Lines:
    """Where fields are set; an object's own line where that cannot be told."""

    def __init__(self, text_of: TextOf) -> None:
        from kubectl_gitops.source.fieldlines import FileLines

        self._read, self._text_of = FileLines, text_of
        self._files: dict[str, FileLines | None] = {}

    def of(self, origin: Origin, position: Position) -> Origin:
        if not position or origin.line <= 0:
            return origin
        if origin.path not in self._files:
            try:
                text = self._text_of(origin.path)
                self._files[origin.path] = None if text is None else self._read(text, file=origin.path)
            except GitOpsError:  # a template, or gone in the meantime
                self._files[origin.path] = None
        lines = self._files[origin.path]
        return origin if lines is None else Origin(origin.path, lines.at(origin.line).find(position).line)


def _kind_of(one: Declared) -> str:
    return f"{one.kind}.{one.key.group}" if one.key.group else one.kind


def _by_place(one: Finding) -> tuple[str, int, str, str]:
    return (one.origin.path, one.origin.line, str(one.path), one.message)
