"""A directory with many kustomizations below it: each is built by itself, several at a time, in a fixed order."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from kubectl_gitops.api.objects import Declared
from kubectl_gitops.errors import InvalidManifest, SourceError
from kubectl_gitops.source import kustomization, kustomize
from kubectl_gitops.source.declared import Refuse, stop
from kubectl_gitops.source.files import Files, read_below
from kubectl_gitops.source.kustomize import Prepared
from kubectl_gitops.source.limits import Limits
from kubectl_gitops.source.variables import Variables


def build(
    files: Files,
    path: str,
    *,
    variables: Variables | None = None,
    limits: Limits,
    remote_bases: bool = False,
    refuse: Refuse = stop,
) -> Iterator[Declared]:
    """What kustomize makes of each kustomization at or below ``path`` that no other one there refers to.

    They come in the order of their paths. Components are parts of others, too.
    """
    roots = _roots(files, path, refuse, remote_bases=remote_bases)
    # kustomize is a process of its own: threads only wait for it.
    with ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="kustomize") as pool:
        outputs = pool.map(lambda one: kustomize.output(files, one, limits), roots)
        for one, output in zip(roots, outputs, strict=True):
            yield from kustomize.declared(one, output, variables=variables, refuse=refuse)


def _roots(files: Files, path: str, refuse: Refuse, *, remote_bases: bool) -> list[Prepared]:
    found = files.list(path, keep=lambda file: posixpath.basename(file) in kustomization.FILE_NAMES, hidden=False)
    directories = sorted({posixpath.dirname(file) for file in found})
    if not directories:
        raise SourceError(f"there is no kustomization at or below {files.shown(path) or 'the root'}")
    known: dict[str, Mapping[str, bytes]] = {}

    def read(directory: str) -> Mapping[str, bytes]:
        """Bases are those of many."""
        if directory not in known:
            known[directory] = read_below(files, directory)
        return known[directory]

    prepared: list[Prepared] = []
    for directory in directories:
        try:
            prepared.append(kustomize.prepare(files, directory, read, remote_bases=remote_bases))
        except InvalidManifest as exc:
            refuse(exc)
    parts = {part for one in prepared for part in one.parts}
    return [one for one in prepared if one.directory not in parts and not one.is_component]
