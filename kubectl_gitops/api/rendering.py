"""How files become objects, as ``spec.source`` of a GitSync or the options of a command say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kubectl_gitops.api.objects import Object


class Renderer(StrEnum):
    """How manifests are made from files. AUTO: by what is there, a kustomization, a chart, or neither.

    OVERLAYS is never chosen by AUTO: each kustomization below a path, by itself.
    """

    AUTO = "auto"
    PLAIN = "plain"
    KUSTOMIZE = "kustomize"
    OVERLAYS = "overlays"
    HELM = "helm"


@dataclass(frozen=True, slots=True, kw_only=True)
class HelmOptions:
    """``spec.source.helm``. ``release_name`` is "" where whoever renders names the release.

    ``values_files`` are relative to the chart; ``values`` outdo them, and the later file the earlier.
    """

    release_name: str = ""
    values_files: tuple[str, ...] = ()
    values: Object = field(default_factory=dict)
    skip_crds: bool = False
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableSource:
    """A ConfigMap or Secret, in the GitSync's namespace, each of whose keys is a variable."""

    kind: str
    name: str
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Substitution:
    """``spec.source.substitute``: ``inline`` outdoes ``sources``, and the later source the earlier."""

    inline: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[VariableSource, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decryption:
    """``spec.source.decryption``: the Secret, in the GitSync's namespace, with the age keys of encrypted files."""

    secret_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """All of it. ``include`` and ``exclude`` are patterns as in .gitignore, for plain trees; ``helm`` is for charts."""

    renderer: Renderer = Renderer.AUTO
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    helm: HelmOptions = field(default_factory=HelmOptions)
    substitute: Substitution | None = None
    decryption: Decryption | None = None


def read_render_options(source: Mapping[str, Any]) -> RenderOptions:
    """From a ``spec.source`` that the schema has found valid and filled with its defaults."""
    helm = source.get("helm") or {}
    return RenderOptions(
        renderer=Renderer(source["render"]),
        include=tuple(source.get("include") or ()),
        exclude=tuple(source.get("exclude") or ()),
        helm=HelmOptions(
            release_name=helm.get("releaseName") or "",
            values_files=tuple(helm.get("valuesFiles") or ()),
            values=helm.get("values") or {},
            skip_crds=helm.get("skipCRDs", False),
            kube_version=helm.get("kubeVersion") or "",
            api_versions=tuple(helm.get("apiVersions") or ()),
        ),
        substitute=_read_substitution(source["substitute"]) if source.get("substitute") is not None else None,
        decryption=_read_decryption(source.get("decryption")),
    )


def _read_decryption(decryption: Mapping[str, Any] | None) -> Decryption | None:
    return Decryption(secret_name=decryption["secretRef"]["name"]) if decryption is not None else None


def _read_substitution(substitute: Mapping[str, Any]) -> Substitution:
    return Substitution(
        inline=substitute.get("inline") or {},
        sources=tuple(
            VariableSource(kind=one["kind"], name=one["name"], optional=one.get("optional", False))
            for one in substitute.get("from") or ()
        ),
    )
