"""A tree of manifests as they are: which of its files count, and what they declare."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from functools import partial

from kubectl_gitops.api.objects import Declared
from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source import chart, kustomization
from kubectl_gitops.source.declared import Refuse, declare, stop
from kubectl_gitops.source.filecache import FileCache
from kubectl_gitops.source.files import Files, refuse_pointers
from kubectl_gitops.source.ignore import Patterns
from kubectl_gitops.source.manifest import decode
from kubectl_gitops.source.variables import Variables

#: In any directory: what below it is no manifest, as patterns of .gitignore.
IGNORE_FILE = ".gitopsignore"

#: Each is matched against each file.
_MAX_PATTERNS, _MAX_PATTERN_LENGTH = 500, 1024

_SUFFIXES = (".yaml", ".yml", ".json")


def build(
    files: Files,
    path: str,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    variables: Variables | None = None,
    cache: FileCache | None = None,
    refuse: Refuse = stop,
) -> Iterator[Declared]:
    """What the manifests at and below ``path`` declare, file by file. ``path`` may name one file, of any name."""
    listed = files.list(path, keep=lambda file: _may_count(file, path), hidden=False)
    wanted = _Wanted(files, path, listed, include=include, exclude=exclude)
    manifests = [file for file in listed if posixpath.basename(file) != IGNORE_FILE or file == path]
    manifests = [file for file in manifests if file == path or wanted(file)]
    manifests = [file for file in manifests if file == path or _is_manifest(file, refuse)]
    texts = files.read(manifests)
    for file in manifests:
        text = texts.pop(file)
        try:
            refuse_pointers({file: text})
        except InvalidManifest as exc:
            refuse(exc)
        else:
            read = partial(declare, text, file=file, variables=variables, refuse=refuse)
            yield from cache.declared(file, text, read) if cache else read()


def _may_count(file: str, path: str) -> bool:
    """As for kubectl a file's suffix counts; nothing hidden does."""
    name = posixpath.basename(file)
    return file == path or name == IGNORE_FILE or (name.endswith(_SUFFIXES) and not name.startswith("."))


class _Wanted:
    """Whether a manifest of the listed ones is included, and neither excluded nor ignored."""

    def __init__(
        self, files: Files, path: str, listed: list[str], *, include: Sequence[str], exclude: Sequence[str]
    ) -> None:
        self._path = path
        self._include, self._exclude = Patterns(include), Patterns(exclude)
        ignore_files = [file for file in listed if posixpath.basename(file) == IGNORE_FILE]
        texts = files.read(ignore_files)
        #: By directory; git too lets the innermost that says anything decide.
        self._ignored = {posixpath.dirname(file): _read_patterns(text, file) for file, text in texts.items()}

    def __call__(self, file: str) -> bool:
        relative = _below(file, self._path)
        if self._include and not self._include.match(relative):
            return False
        return not self._exclude.match(relative) and not self._is_ignored(file)

    def _is_ignored(self, file: str) -> bool:
        directory = posixpath.dirname(file)
        while True:
            patterns = self._ignored.get(directory)
            if patterns and (verdict := patterns.match(_below(file, directory))) is not None:
                return verdict
            if directory == self._path or not directory:
                return False
            directory = posixpath.dirname(directory)


def _read_patterns(text: bytes, file: str) -> Patterns:
    lines = decode(text, file).split("\n")
    for number, line in enumerate(lines, 1):
        if number > _MAX_PATTERNS or len(line) > _MAX_PATTERN_LENGTH:
            words = f"at most {_MAX_PATTERNS} lines of {_MAX_PATTERN_LENGTH} characters each can be read here"
            raise InvalidManifest(words, file=file, line=number)
    return Patterns(lines)


def _below(file: str, directory: str) -> str:
    return posixpath.relpath(file, directory) if directory else file


def _is_manifest(file: str, refuse: Refuse) -> bool:
    """A plain tree with a chart or a kustomization inside is a mistake that would only show as odd objects."""
    name = posixpath.basename(file)
    what = "a kustomization" if name in kustomization.FILE_NAMES else "a Helm chart" if name == chart.FILE_NAME else ""
    if not what:
        return True
    refuse(
        InvalidManifest(
            f"{what} inside of a tree of plain manifests",
            file=file,
            hint="let the path name its directory, or leave that out: spec.source.exclude, or a .gitopsignore"
            + ("; render: overlays takes each kustomization by itself" if name != chart.FILE_NAME else ""),
        )
    )
    return False
