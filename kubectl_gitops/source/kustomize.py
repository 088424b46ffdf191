"""Runs kustomize on a private copy of what a kustomization needs: no plugins, no home directory.

And no network, unless what is remote was allowed, and the kustomization refers to some.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from kubectl_gitops.api.objects import Declared
from kubectl_gitops.errors import InvalidManifest, SourceError
from kubectl_gitops.source import kustomization
from kubectl_gitops.source.declared import Refuse, stop, taken
from kubectl_gitops.source.encrypted import refuse_encrypted
from kubectl_gitops.source.files import Files, names_in, read_below
from kubectl_gitops.source.limits import Limits
from kubectl_gitops.source.manifest import parse
from kubectl_gitops.source.provenance import ORIGIN_OPTION, Provenance, without_note
from kubectl_gitops.source.remote_base import RemoteReference
from kubectl_gitops.source.sandbox import run
from kubectl_gitops.source.variables import UnknownVariable, Variables, line_of

Read = Callable[[str], Mapping[str, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A kustomization that can be built: all files that are needed for it, and the directories of its parts.

    ``top`` is its file; ``remote`` is what it and its parts refer to elsewhere. ``keeps_notes`` says that it asks for
    the origins of objects itself.
    """

    directory: str
    needed: Mapping[str, bytes]
    top: str
    parts: frozenset[str]
    remote: tuple[RemoteReference, ...]
    options: Mapping[str, Any]

    @property
    def keeps_notes(self) -> bool:
        return ORIGIN_OPTION in (self.options.get("buildMetadata") or [])

    @property
    def is_component(self) -> bool:
        return self.options.get("kind") == "Component"


def build(
    files: Files,
    directory: str,
    *,
    variables: Variables | None = None,
    limits: Limits,
    remote_bases: bool = False,
    refuse: Refuse = stop,
) -> Iterator[Declared]:
    """What ``kustomize build`` makes of ``directory``, each object with the file and line it was made from."""
    prepared = prepare(files, directory, lambda below: read_below(files, below), remote_bases=remote_bases)
    return declared(prepared, output(files, prepared, limits), variables=variables, refuse=refuse)


def prepare(files: Files, directory: str, read: Read, *, remote_bases: bool) -> Prepared:
    """``read`` gives the files below a directory, or raises NoSuchPath. Without ``remote_bases`` none is remote."""
    top = kustomization.find(names_in(files, directory), directory)
    if top is None:
        names = ", ".join(kustomization.FILE_NAMES)
        raise SourceError(f"there is no kustomization in {directory or 'the root'} ({names})")
    parts, remote = set[str](), list[RemoteReference]()
    needed = kustomization.gather(read, directory, parts, remote if remote_bases else None)
    return Prepared(
        directory=directory,
        needed=needed,
        top=top,
        parts=frozenset(parts),
        remote=tuple(remote),
        options=kustomization.load(needed, top),
    )


def output(files: Files, prepared: Prepared, limits: Limits) -> bytes:
    """What kustomize writes. Any number of threads may call it at the same time."""
    needed, top = prepared.needed, prepared.top
    return run(
        *_tool(f"./{prepared.directory}"),
        needed if prepared.keeps_notes else {**needed, top: _asking_for_origins(needed[top], prepared.options, top)},
        failure=f"kustomize cannot build {files.shown(prepared.directory) or 'the root'}",
        limits=limits,
        in_memory=files.sensitive,
        network=bool(prepared.remote),
    )


def declared(
    prepared: Prepared, output: bytes, *, variables: Variables | None = None, refuse: Refuse = stop
) -> Iterator[Declared]:
    """The objects that kustomize wrote, each with its origin."""
    needed, top = prepared.needed, prepared.top
    provenance = Provenance(needed, top, prepared.remote)
    try:
        documents = list(parse(output, file=top, substitute=variables.substitute if variables else None))
    except UnknownVariable as exc:
        origin = line_of(exc.reference, needed)
        raise InvalidManifest(
            exc.reason, file=origin.path if origin else top, line=origin.line if origin else 0, hint=exc.hint
        ) from exc
    for document in documents:
        origin = provenance.of(document.object)
        # The file that declares it is not encrypted, or it would have had no origin.
        refuse_encrypted(document.object, origin, what="a patch of this")
        obj = document.object if prepared.keeps_notes else without_note(document.object)
        yield from taken(obj, origin, None, variables, refuse)


def _asking_for_origins(text: bytes, options: Mapping[str, Any], path: str) -> bytes:
    """The kustomization with one more option: added at its end, or all written anew as JSON where that goes wrong."""
    wanted = {**options, "buildMetadata": [*(options.get("buildMetadata") or []), ORIGIN_OPTION]}
    longer = text + f"\nbuildMetadata: [{ORIGIN_OPTION}]\n".encode()
    try:
        if kustomization.load({path: longer}, path) == wanted:
            return longer
    except InvalidManifest:
        pass
    return orjson.dumps(wanted)


def _tool(directory: str) -> tuple[str, list[str]]:
    """The program, and its arguments."""
    if kustomize := shutil.which("kustomize"):
        return kustomize, ["build", directory]
    if kubectl := shutil.which(os.environ.get("KUBECTL") or "kubectl"):
        return kubectl, ["kustomize", directory]
    raise SourceError("there is no kustomize and no kubectl on PATH", hint="install one, or let KUBECTL name kubectl")
