"""Where a rendered object came from: kustomize notes the file in an annotation, the line is found by reading that."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping
from typing import Any

from kubectl_gitops.api.objects import Declared, Object, Origin
from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source.declared import declare
from kubectl_gitops.source.encrypted import EncryptedManifest
from kubectl_gitops.source.manifest import parse
from kubectl_gitops.source.remote_base import RemoteReference, origin_of

#: The value of ``buildMetadata`` that has kustomize write the annotation.
ORIGIN_OPTION = "originAnnotations"
_ANNOTATION = "config.kubernetes.io/origin"

_GENERATOR_NAME = re.compile(r"""(?:^|[\s{,])name:\s*["']?([^\s"',}#]+)""")


class Provenance:
    """Origins of what was rendered from the kustomization file ``top``, all in ``files``, or of what is ``remote``."""

    def __init__(self, files: Mapping[str, bytes], top: str, remote: Collection[RemoteReference] = ()) -> None:
        self._files = files
        self._top = top
        self._remote = remote
        self._declared: dict[str, list[Declared]] = {}

    def of(self, obj: Object) -> Origin:
        """The origin that the annotation of ``obj`` names; the kustomization itself where nothing is known.

        What another repository declares has the line that refers to it. EncryptedManifest where the file is encrypted,
        which only there has a line.
        """
        note = _read(obj)
        if (referring := origin_of(note, self._remote)) is not None:
            return referring
        if source := note.get("path"):
            path = self._path(source)
            return Origin(path, self._object_line(path, obj))
        # A generator's object has no file of its own but an entry in a kustomization.
        path = self._path(note["configuredIn"]) if note.get("configuredIn") else self._top
        return Origin(path, self._entry_line(path, obj))

    def _path(self, relative: str) -> str:
        return posixpath.normpath(posixpath.join(posixpath.dirname(self._top), relative))

    def _object_line(self, path: str, obj: Object) -> int:
        """The line of the object in ``path`` that became ``obj``: of its kind, and with a name that its own contains.

        Prefixes, suffixes and hashes only ever add to a name; of several names the longest is meant.
        """
        name, namespace = _name(obj), _metadata(obj).get("namespace") or ""

        def likeness(one: Declared) -> tuple[bool, bool, int, bool]:
            return one.kind == obj.get("kind"), one.name in name, len(one.name), one.namespace == namespace

        best = max(self._objects(path), key=likeness, default=None)
        return best.origin.line if best else 1

    def _objects(self, path: str) -> list[Declared]:
        if path not in self._declared:
            try:
                self._declared[path] = declare(self._files.get(path, b""), file=path)
            except EncryptedManifest:
                raise
            except InvalidManifest:
                # kustomize could read it, and what it made of it is checked elsewhere; only the line is lost.
                self._declared[path] = []
        return self._declared[path]

    def _entry_line(self, path: str, obj: Object) -> int:
        lines = self._files.get(path, b"").decode(errors="replace").splitlines()
        found = [(match[1], number) for number, line in enumerate(lines, 1) if (match := _GENERATOR_NAME.search(line))]
        contained = [(name, number) for name, number in found if name in _name(obj)]
        return max(contained, key=lambda one: len(one[0]), default=("", 1))[1]


def without_note(obj: Object) -> Object:
    """``obj`` as it would have been rendered without the annotation."""
    metadata = _metadata(obj)
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != _ANNOTATION}
    rest = {key: value for key, value in metadata.items() if key != "annotations"}
    return {**obj, "metadata": {**rest, "annotations": annotations} if annotations else rest}


def _read(obj: Object) -> dict[str, Any]:
    annotations = _metadata(obj).get("annotations")
    text = annotations.get(_ANNOTATION) if isinstance(annotations, dict) else None
    try:
        documents = list(parse(str(text or "").encode(), file=_ANNOTATION))
    except InvalidManifest:
        return {}
    note = documents[0].object if documents else {}
    return {key: str(value) for key, value in note.items()} if isinstance(note, dict) else {}


def _metadata(obj: Object) -> dict[str, Any]:
    metadata = obj.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _name(obj: Object) -> str:
    return str(_metadata(obj).get("name") or "")
