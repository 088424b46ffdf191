"""Which files a kustomization needs, found by reading it; and what of them is somewhere else on the network."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any

from kubectl_gitops.api.objects import Origin
from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source.address import redact
from kubectl_gitops.source.manifest import parse
from kubectl_gitops.source.path import NoSuchPath, is_below, join, leaves_root
from kubectl_gitops.source.remote_base import RemoteReference, fault, is_remote

#: The names that kustomize looks for, in its order.
FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")

# Fields whose entries are files, or directories with another kustomization; and those whose entries are files.
_BASES = ("resources", "bases", "components", "generators", "transformers", "validators")
_FILES = ("crds", "configurations", "patchesStrategicMerge")
# Fields that list objects with a path in them, and generators with lists of "key=path".
_WITH_PATH = ("patches", "patchesJson6902", "replacements")
_GENERATORS = ("configMapGenerator", "secretGenerator")
_GENERATOR_FILES = ("files", "envs", "env")

# Fields by which kustomize runs helm, and fetches charts; and those whose entries configure plugins.
_CHARTS = ("helmCharts", "helmChartInflationGenerator", "helmGlobals")
_PLUGINS = ("generators", "transformers", "validators")
# What a plugin's configuration says of a program or container to run, see kustomize's plugins/execplugin and fnplugin.
_FUNCTION_ANNOTATIONS = ("config.kubernetes.io/function", "config.k8s.io/function")

#: How people allow what is remote.
ALLOWING = "--allow-remote-bases"

Read = Callable[[str], Mapping[str, bytes]]


def find(files: Container[str], directory: str) -> str | None:
    """The kustomization file of ``directory``, if it has one."""
    return next((path for name in FILE_NAMES if (path := posixpath.join(directory, name)) in files), None)


def load(files: Mapping[str, bytes], path: str) -> dict[str, Any]:
    """The one document of the kustomization file at ``path``."""
    documents = list(parse(files[path], file=path))
    if len(documents) > 1 or not all(isinstance(one.object, dict) for one in documents):
        raise InvalidManifest("a kustomization is one mapping", file=path)
    return documents[0].object if documents else {}


def gather(
    read: Read, directory: str, visited: set[str] | None = None, remote: list[RemoteReference] | None = None
) -> dict[str, bytes]:
    """All files that building ``directory`` may need: those below it, and below each directory it refers to.

    The latter directories are put into ``visited``, and references to what is not in the repository into ``remote``:
    without it, they are refused.

    kustomize itself loads no file from outside the directory of the kustomization that names it, so
    more than these it cannot ask for. ``read`` gives the files below a directory, or raises NoSuchPath.
    """
    files, roots = dict(read(directory)), [directory]
    pending, done = [directory], set[str]()
    while pending:
        current = pending.pop()
        if current in done:
            continue
        done.add(current)
        for target, refused in _directories(files, current, remote):
            if not any(target == root or is_below(target, root) for root in roots):
                files.update(_read(read, target, refused))
                roots.append(target)
            if not any(is_below(path, target) for path in files):
                raise refused
            pending.append(target)
    if visited is not None:
        visited |= done - {directory}
    return files


def _directories(
    files: Mapping[str, bytes], directory: str, remote: list[RemoteReference] | None
) -> Iterator[tuple[str, InvalidManifest]]:
    """The directories that the kustomization of ``directory`` refers to, each with the error if it is not there."""
    path = find(files, directory)
    if path is None:
        return
    kustomization = load(files, path)
    _refuse_programs(files, path, kustomization)
    there = [one for one in _references(kustomization) if is_remote(one) and join(directory, one) not in files]
    for reference in there:
        _take_remote(files, path, reference, remote)
    for reference in (one for field in _BASES for one in _strings(kustomization.get(field))):
        if reference in there:
            continue
        target = join(directory, reference)
        if leaves_root(target):
            raise _invalid(files, path, reference, "is outside of the repository")
        if target not in files:
            yield target, _invalid(files, path, reference, "is not there")


def _take_remote(files: Mapping[str, bytes], path: str, reference: str, remote: list[RemoteReference] | None) -> None:
    hint = "copy it into the repository and refer to the copy"
    if remote is None:
        hint += f"; {ALLOWING} allows what is remote"
        raise _invalid(files, path, reference, "is remote: what it gives may change without a commit", hint)
    if why := fault(reference):
        raise _invalid(files, path, reference, why, hint)
    remote.append(RemoteReference(reference, Origin(path, max(_line_of(files, path, reference), 1))))


def _refuse_programs(files: Mapping[str, bytes], path: str, kustomization: Mapping[str, Any]) -> None:
    """InvalidManifest for what would have kustomize run something; it was not allowed to, but would not say where."""
    for field in _CHARTS:
        if field in kustomization:
            hint = "let a GitSync render the chart by itself, or commit what helm template gives"
            raise _invalid(files, path, field, "would have kustomize run helm", hint)
    for entry in (one for field in _PLUGINS for one in _texts(kustomization.get(field))):
        file = join(posixpath.dirname(path), entry)
        is_inline = "\n" in entry or entry.startswith("{")
        if is_inline or file in files:
            for document in parse(entry.encode() if is_inline else files[file], file=path if is_inline else file):
                if _is_program(document.object):
                    raise InvalidManifest(
                        "this plugin of kustomize is a program, and none is run",
                        file=path if is_inline else file,
                        line=0 if is_inline else document.line,
                        hint="plugins whose apiVersion is builtin are part of kustomize, and work",
                    )


def _is_program(plugin: Any) -> bool:
    if not isinstance(plugin, dict):
        return False
    metadata = plugin.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if isinstance(annotations, dict) and any(name in annotations for name in _FUNCTION_ANNOTATIONS):
        return True
    return plugin.get("apiVersion") != "builtin" or plugin.get("kind") == "HelmChartInflationGenerator"


def _read(read: Read, directory: str, refused: InvalidManifest) -> Mapping[str, bytes]:
    try:
        return read(directory)
    except NoSuchPath as exc:
        raise refused from exc


def _invalid(files: Mapping[str, bytes], path: str, reference: str, message: str, hint: str = "") -> InvalidManifest:
    line = _line_of(files, path, reference)
    return InvalidManifest(f"{redact(reference)!r} {message}", file=path, line=line, hint=hint)


def _line_of(files: Mapping[str, bytes], path: str, reference: str) -> int:
    lines = files[path].decode(errors="replace").splitlines()
    return next((number for number, text in enumerate(lines, 1) if reference in text), 0)


def _references(kustomization: Mapping[str, Any]) -> Iterator[str]:
    for field in (*_BASES, *_FILES):
        yield from _strings(kustomization.get(field))
    for field in _WITH_PATH:
        yield from (str(one["path"]) for one in _mappings(kustomization.get(field)) if one.get("path"))
    for field in _GENERATORS:
        for one in _mappings(kustomization.get(field)):
            for sources in _GENERATOR_FILES:
                yield from _strings(one.get(sources))
    yield from (str(one["path"]) for one in _mappings(kustomization.get("openapi")) if one.get("path"))


def _texts(value: Any) -> Iterable[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _strings(value: Any) -> Iterable[str]:
    """The strings in ``value`` that can be paths; others are YAML that stands in place of a file."""
    return [one for one in _texts(value) if "\n" not in one and not one.startswith("{")]


def _mappings(value: Any) -> Iterable[dict[str, Any]]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
