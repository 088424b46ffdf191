"""The files of a path become declared objects: read as they are, or built by kustomize or helm first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from kubectl_gitops.api.objects import Declared, Origin
from kubectl_gitops.api.rendering import HelmOptions, Renderer, RenderOptions
from kubectl_gitops.errors import InvalidInput, InvalidManifest
from kubectl_gitops.source import chart, helm, kustomization, kustomize, overlays, plain
from kubectl_gitops.source.age_keys import AgeKeys
from kubectl_gitops.source.declared import Refuse, refuse_duplicates, stop
from kubectl_gitops.source.decrypted_files import DecryptedFiles, refuse_revealed
from kubectl_gitops.source.filecache import FileCache
from kubectl_gitops.source.files import Files, names_in
from kubectl_gitops.source.limits import Limits
from kubectl_gitops.source.sops import Decryptor
from kubectl_gitops.source.variables import Variables

__all__ = ["RenderOptions", "Renderer", "Rendering", "chosen", "render"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """How to render, and what it may cost.

    ``release_name`` counts where the options name none, and is that of the chart if it is ""; ``namespace``
    is what templates are told. ``variables`` is None where nothing is to be substituted, ``keys`` where nothing is
    to be decrypted.
    ``remote_bases`` allows kustomizations to refer to what is not in the repository.
    ``refuse`` is told what cannot be taken, by the names of files that people know. ``file_cache`` knows what files
    declared in a rendering that was decided by the same.
    """

    options: RenderOptions = field(default_factory=RenderOptions)
    release_name: str = ""
    namespace: str = "default"
    variables: Variables | None = None
    keys: AgeKeys | None = None
    limits: Limits = field(default_factory=Limits)
    remote_bases: bool = False
    refuse: Refuse = field(default=stop, compare=False)
    file_cache: FileCache | None = field(default=None, compare=False)

    @property
    def decisive(self) -> tuple[Any, ...]:
        """All of it that decides what is rendered, as values of JSON; with values of variables, so never to be kept."""
        known = (dict(self.variables.values), sorted(self.variables.secret)) if self.variables else None
        keys = self.keys.digest if self.keys else None
        return self.options, self.release_name, self.namespace, known, keys, self.remote_bases


def render(files: Files, path: str, rendering: Rendering | None = None) -> list[Declared]:
    """The objects that ``path`` declares, in a stable order; no object twice. ``path`` may name one file.

    Raises InvalidManifest, SourceError, of which NoSuchPath and LimitExceeded.
    """
    rendering = rendering or Rendering()
    if rendering.keys is not None:
        return _render_decrypted(files, path, rendering, rendering.keys)
    return _render(files, path, rendering)


def _render_decrypted(files: Files, path: str, rendering: Rendering, keys: AgeKeys) -> list[Declared]:
    decryptor = Decryptor(keys, references_allowed=rendering.variables is None)
    refuse = rendering.refuse

    def explain(error: InvalidManifest) -> None:
        refuse(decryptor.explained(error))

    try:
        declared = _render(DecryptedFiles(files, decryptor), path, replace(rendering, refuse=explain))
        return list(refuse_revealed(declared, decryptor, refuse))
    except InvalidManifest as exc:
        if (explained := decryptor.explained(exc)) is exc:
            raise
        raise explained from exc


def _render(files: Files, path: str, rendering: Rendering) -> list[Declared]:
    try:
        kind = chosen(files, path, rendering.options.renderer)
        _refuse_misplaced(rendering.options, kind, path)
        declared = [_as_shown(one, files) for one in _bounded(_built(files, path, kind, rendering), rendering.limits)]
    except InvalidManifest as exc:
        if (shown := _with_shown_name(exc, files)) is exc:
            raise
        raise shown from exc
    return refuse_duplicates(declared, rendering.refuse)


def _with_shown_name(exc: InvalidManifest, files: Files) -> InvalidManifest:
    if (shown := files.shown(exc.file)) == exc.file:
        return exc
    return InvalidManifest(exc.reason, file=shown, line=exc.line, column=exc.column, hint=exc.hint)


def chosen(files: Files, path: str, renderer: Renderer) -> Renderer:
    """What AUTO stands for at ``path``: a kustomization comes first, as it may use a chart beside it."""
    if renderer is not Renderer.AUTO:
        return renderer
    names = names_in(files, path)
    if kustomization.find(names, path):
        return Renderer.KUSTOMIZE
    return Renderer.HELM if chart.find(names, path) else Renderer.PLAIN


def _built(files: Files, path: str, kind: Renderer, rendering: Rendering) -> Iterator[Declared]:
    options, variables, limits = rendering.options, rendering.variables, rendering.limits
    refuse = _refusing(rendering.refuse, files)
    match kind:
        case Renderer.KUSTOMIZE:
            return kustomize.build(
                files, path, variables=variables, limits=limits, remote_bases=rendering.remote_bases, refuse=refuse
            )
        case Renderer.OVERLAYS:
            return overlays.build(
                files, path, variables=variables, limits=limits, remote_bases=rendering.remote_bases, refuse=refuse
            )
        case Renderer.HELM:
            release = helm.Release(
                name=options.helm.release_name or rendering.release_name, namespace=rendering.namespace
            )
            return helm.build(files, path, options.helm, release, variables=variables, limits=limits, refuse=refuse)
    return plain.build(
        files,
        path,
        include=options.include,
        exclude=options.exclude,
        variables=variables,
        # What is refused, or decrypted, is looked at each time.
        cache=rendering.file_cache if refuse is stop else None,
        refuse=refuse,
    )


def _refusing(refuse: Refuse, files: Files) -> Refuse:
    """An error that ends the rendering gets the shown name where it is caught."""
    return stop if refuse is stop else lambda exc: refuse(_with_shown_name(exc, files))


def _refuse_misplaced(options: RenderOptions, kind: Renderer, path: str) -> None:
    """An option that would have no effect here is a mistake."""
    where = path or "the root"
    if kind is not Renderer.PLAIN and (options.include or options.exclude):
        raise InvalidInput(f"include and exclude go with plain manifests, and {where} is rendered by {kind}")
    if kind is not Renderer.HELM and options.helm != HelmOptions():
        raise InvalidInput(f"the options for helm go with a chart, and {where} is rendered as {kind}")


def _bounded(declared: Iterable[Declared], limits: Limits) -> Iterator[Declared]:
    for count, one in enumerate(declared):
        if count == limits.max_objects:
            raise limits.exceeded("max_objects", f"{one.origin} is one object too many")
        yield one


def _as_shown(one: Declared, files: Files) -> Declared:
    shown = files.shown(one.origin.path)
    return one if shown == one.origin.path else replace(one, origin=Origin(shown, one.origin.line))
