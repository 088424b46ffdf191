"""Runs ``helm template`` on a private copy of a chart: no network, no cluster, no plugins, no home directory.

So ``lookup`` finds nothing, ``getHostByName`` answers nothing, and ``.Files`` is what the chart has.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson

from kubectl_gitops.api.objects import Declared, Object, Origin
from kubectl_gitops.api.rendering import HelmOptions
from kubectl_gitops.errors import InvalidInput, InvalidManifest, SourceError
from kubectl_gitops.source import chart
from kubectl_gitops.source.chart import Gathered
from kubectl_gitops.source.declared import Refuse, expand, stop
from kubectl_gitops.source.document import ParsedDocument
from kubectl_gitops.source.encrypted import refuse_encrypted_files
from kubectl_gitops.source.files import Files, read_below, refuse_pointers
from kubectl_gitops.source.limits import Limits
from kubectl_gitops.source.manifest import parse
from kubectl_gitops.source.path import NoSuchPath, join, leaves_root
from kubectl_gitops.source.sandbox import run
from kubectl_gitops.source.variables import UnknownVariable, Variables, line_of

_MAX_RELEASE_NAME = 53
_RELEASE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
# helm writes this before each document; a document itself cannot have a line of three hyphens.
_SOURCE = re.compile(r"^---\n# Source: (.+)$", re.MULTILINE)
_INPUTS = "../inputs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What templates see as ``.Release``; named as the chart where ``name`` is ""."""

    name: str
    namespace: str


def build(
    files: Files,
    directory: str,
    options: HelmOptions,
    release: Release,
    *,
    variables: Variables | None = None,
    limits: Limits,
    refuse: Refuse = stop,
) -> Iterator[Declared]:
    """What the templates of the chart in ``directory`` give, each object with the template it was made by.

    Hooks are objects like all others, except that those which test a release are left out.
    """
    gathered = chart.gather(lambda below: read_below(files, below), directory)
    values = _values(files, directory, options)
    for texts in (gathered.files, values):
        refuse_pointers({gathered.origin(path): text for path, text in texts.items()})
    refuse_encrypted_files(values | _own_values(gathered, directory))
    output = _template(gathered, directory, options, release, values, limits, in_memory=files.sensitive)
    origins = _Origins(gathered, directory, output)
    try:
        documents = list(parse(output, file=directory, substitute=variables.substitute if variables else None))
    except InvalidManifest as exc:
        raise _at_its_source(exc, origins, {**gathered.files, **values}) from exc
    for document in documents:
        for one in expand(_without_line(document), origins.path(document.line), variables, refuse):
            yield Declared(object=one.object, origin=origins.of(document.line, one.object))


def _without_line(document: ParsedDocument) -> ParsedDocument:
    """Lines of what helm printed mean nothing to anybody."""
    return ParsedDocument(object=document.object, line=0)


def _template(
    gathered: Gathered,
    directory: str,
    options: HelmOptions,
    release: Release,
    values: Mapping[str, bytes],
    limits: Limits,
    *,
    in_memory: bool,
) -> bytes:
    inputs = {f"{number}.yaml": text for number, text in enumerate(values.values())}
    if options.values:
        inputs[f"{len(inputs)}.yaml"] = orjson.dumps(options.values)
    arguments = [
        "template", _release_name(release.name or gathered.name), f"./{directory}",
        f"--namespace={release.namespace}", "--skip-tests",
        *(() if options.skip_crds else ("--include-crds",)),
        *(f"--values={_INPUTS}/{name}" for name in inputs),
        *((f"--kube-version={options.kube_version}",) if options.kube_version else ()),
        *(f"--api-versions={version}" for version in options.api_versions),
    ]  # fmt: skip
    return run(
        _tool(),
        arguments,
        gathered.files,
        inputs=inputs,
        failure=f"helm cannot render {directory or 'the root'}",
        limits=limits,
        in_memory=in_memory,
        environment={"HELM_NAMESPACE": release.namespace, "KUBECONFIG": "/dev/null"},
    )


def _tool() -> str:
    if found := shutil.which("helm"):
        return found
    raise SourceError(
        "there is no helm on PATH, and this is a Helm chart",
        hint="install helm 3, or commit what helm template gives",
    )


def _release_name(name: str) -> str:
    if len(name) > _MAX_RELEASE_NAME or not _RELEASE_NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} cannot be the name of a Helm release: at most {_MAX_RELEASE_NAME} lower case letters, digits, "
            "'-' and '.'",
            hint="spec.source.helm.releaseName, or --release-name, gives another",
        )
    return name


def _values(files: Files, directory: str, options: HelmOptions) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name in options.values_files:
        path = join(directory, name)
        if leaves_root(path) or "://" in name:
            raise InvalidInput(f"the values file {name!r} is outside of the repository")
        try:
            if files.list(path) != [path]:
                raise InvalidInput(f"the values file {files.shown(path)!r} is a directory")
        except NoSuchPath as exc:
            hint = "values files are relative to the chart"
            raise InvalidInput(f"there is no values file {files.shown(path)!r}", hint=hint) from exc
        found.pop(path, None)
        found.update(files.read([path]))
    return found


def _own_values(gathered: Gathered, directory: str) -> dict[str, bytes]:
    path = posixpath.join(directory, "values.yaml")
    return {path: gathered.files[path]} if path in gathered.files else {}


class _Origins:
    """Which template each line of helm's output is from, and where in it an object begins."""

    def __init__(self, gathered: Gathered, directory: str, output: bytes) -> None:
        self._gathered = gathered
        self._directory = directory
        self._copies = {origin: copied for copied, origin in gathered.origins.items()}
        text = output.decode(errors="replace")
        self._sources: list[str] = []
        self._lines: list[int] = []
        line, counted = 1, 0
        for match in _SOURCE.finditer(text):
            line, counted = line + text.count("\n", counted, match.start()), match.start()
            self._lines.append(line)
            self._sources.append(match[1])

    def path(self, line: int) -> str:
        """The template; of a packed chart the Chart.yaml of the whole."""
        index = bisect_right(self._lines, line) - 1
        # helm begins each with the name of the chart, whatever its directory is called.
        source = self._sources[index].partition("/")[2] if index >= 0 else ""
        copied = posixpath.join(self._directory, source)
        if source and copied in self._gathered.files:
            return self._gathered.origin(copied)
        return posixpath.join(self._directory, chart.FILE_NAME)

    def of(self, line: int, obj: Object) -> Origin:
        path = self.path(line)
        return Origin(path, self._line_in(path, obj))

    def _line_in(self, path: str, obj: Object) -> int:
        """Where the one document of the template that has the object's kind begins; 1 where there are several."""
        template = self._gathered.files.get(self._copies.get(path, path), b"")
        lines = template.decode(errors="replace").splitlines()
        starts, begin, found = [], 0, False
        kind = re.compile(rf"kind:\s*[\"']?{re.escape(str(obj['kind']))}[\"']?\s*(#.*)?")
        for number, line in enumerate([*lines, "---"], 1):
            if line.startswith("---"):
                if found:
                    starts.append(begin)
                begin, found = 0, False
            elif line.startswith(("apiVersion:", "kind:")):
                begin = begin or number
                found = found or kind.fullmatch(line.strip()) is not None
        return starts[0] if len(starts) == 1 else 1


def _at_its_source(exc: InvalidManifest, origins: _Origins, files: Mapping[str, bytes]) -> InvalidManifest:
    """The error with its place in the repository, as far as that can be told, instead of that in helm's output."""
    if isinstance(exc, UnknownVariable) and (origin := line_of(exc.reference, files)):
        return InvalidManifest(exc.reason, file=origin.path, line=origin.line, hint=exc.hint)
    return InvalidManifest(f"what this template gives: {exc.reason}", file=origins.path(exc.line), hint=exc.hint)
