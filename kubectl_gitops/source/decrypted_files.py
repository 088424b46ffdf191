"""Files as a renderer reads them when there is a key: those that SOPS has encrypted are opened, in memory only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kubectl_gitops.api.objects import Declared
from kubectl_gitops.diff.secrets import is_secret
from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source.declared import Refuse
from kubectl_gitops.source.files import Files, Keep
from kubectl_gitops.source.sops import Decryptor


class DecryptedFiles:
    """``files``, each opened when it is read."""

    def __init__(self, files: Files, decryptor: Decryptor) -> None:
        self._files = files
        self._decryptor = decryptor

    @property
    def sensitive(self) -> bool:
        return self._files.sensitive or self._decryptor.has_opened

    def list(self, directory: str, *, keep: Keep | None = None, hidden: bool = True) -> list[str]:
        return self._files.list(directory, keep=keep, hidden=hidden)

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        return {path: self._decryptor.opened(path, text) for path, text in self._files.read(paths).items()}

    def shown(self, path: str) -> str:
        return self._files.shown(path)


def refuse_revealed(declared: Sequence[Declared], decryptor: Decryptor, refuse: Refuse) -> Iterator[Declared]:
    """``declared``, but for objects other than Secrets that hold what was encrypted: whoever reads them could read it.

    Looked for is the text as it was, wherever it stands in a value.
    """
    pattern = re.compile("|".join(map(re.escape, sorted(decryptor.secrets)))) if decryptor.secrets else None
    for one in declared:
        found = None if pattern is None or is_secret(one.object) else _find(one.object, pattern, ())
        if found is None:
            yield one
            continue
        refuse(
            InvalidManifest(
                f"{one.key.described}: {'.'.join(found)} holds what SOPS has encrypted, "
                "which may stand in a Secret only",
                file=one.origin.path,
                line=one.origin.line,
                hint="whoever may read this object could read it: let it refer to a Secret, and encrypt nothing else "
                "(encrypted_regex in .sops.yaml)",
            )
        )


def _find(value: Any, pattern: re.Pattern[str], path: tuple[str, ...]) -> tuple[str, ...] | None:
    """Where in ``value`` the pattern finds something. Manifests nest no deeper than their readers allow."""
    match value:
        case str():
            return path if pattern.search(value) else None
        case dict():
            children: Iterable[tuple[Any, Any]] = value.items()
        case list():
            children = enumerate(value)
        case _:
            return None
    return next((found for key, one in children if (found := _find(one, pattern, (*path, str(key))))), None)
