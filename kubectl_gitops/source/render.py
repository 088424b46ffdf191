"""The files of a path become declared objects: read as they are, or built by kustomize first."""

from __future__ import annotations

import posixpath
from collections.abc import Container, Iterator, Mapping
from enum import StrEnum

from kubectl_gitops.api.objects import Declared
from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source import kustomization, kustomize
from kubectl_gitops.source.declared import declare, refuse_duplicates

_SUFFIXES = (".yaml", ".yml", ".json")


class Renderer(StrEnum):
    """How manifests are made from files. AUTO: by kustomize where there is a kustomization."""

    AUTO = "auto"
    PLAIN = "plain"
    KUSTOMIZE = "kustomize"


def render(files: Mapping[str, bytes], path: str, *, renderer: Renderer = Renderer.AUTO) -> list[Declared]:
    """The objects that ``path`` declares, in a stable order; no object twice.

    ``files`` holds at least what is below ``path`` (for kustomize also what that refers to), by paths
    from the root. ``path`` is "" for the root, and may name one file.
    """
    if chosen(files, path, renderer) is Renderer.KUSTOMIZE:
        return refuse_duplicates(kustomize.build(files, path))
    return refuse_duplicates(_plain(files, path))


def chosen(files: Container[str], path: str, renderer: Renderer) -> Renderer:
    """What AUTO stands for at ``path``."""
    if renderer is not Renderer.AUTO:
        return renderer
    return Renderer.KUSTOMIZE if kustomization.find(files, path) else Renderer.PLAIN


def is_read(file: str, path: str) -> bool:
    """Whether ``file`` has to be known to render ``path``, or to see that kustomize has to."""
    return _is_manifest(file, path) or file == kustomization.find({file}, path)


def _is_manifest(file: str, path: str) -> bool:
    """Whether a plain tree declares what is in ``file``: its suffix counts, as for kubectl, and nothing hidden does."""
    if file == path:
        return True
    parts = posixpath.relpath(file, path or ".").split("/")
    return file.endswith(_SUFFIXES) and not any(part.startswith(".") for part in parts)


def _plain(files: Mapping[str, bytes], path: str) -> Iterator[Declared]:
    for file in sorted(files):
        if _is_manifest(file, path):
            _refuse_other_formats(file)
            yield from declare(files[file], file=file)


def _refuse_other_formats(file: str) -> None:
    """A plain tree with a chart or a kustomization inside is a mistake that would only show as odd objects."""
    name = posixpath.basename(file)
    if name in kustomization.FILE_NAMES:
        raise InvalidManifest(
            "a kustomization inside of a tree of plain manifests", file=file, hint="let the path name its directory"
        )
    if name == "Chart.yaml":
        raise InvalidManifest("Helm charts cannot be rendered", file=file, hint="commit what helm template gives")
