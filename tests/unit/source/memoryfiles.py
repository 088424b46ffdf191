"""Files to render that are nowhere but here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kubectl_gitops.source.files import Keep
from kubectl_gitops.source.limits import Budget, Limits
from kubectl_gitops.source.path import NoSuchPath, is_below


class MemoryFiles:
    sensitive = False

    def __init__(self, files: Mapping[str, str | bytes], limits: Limits | None = None) -> None:
        self.files = {path: text if isinstance(text, bytes) else text.encode() for path, text in files.items()}
        self._budget = Budget(limits or Limits())

    def list(self, directory: str, *, keep: Keep | None = None, hidden: bool = True) -> list[str]:
        below = [path for path in self.files if path == directory or is_below(path, directory)]
        if directory and not below:
            raise NoSuchPath(f"no such path {directory!r}")
        visible = [path for path in below if hidden or not self._is_in_hidden(path, directory)]
        return sorted(path for path in visible if keep is None or keep(path))

    def _is_in_hidden(self, path: str, directory: str) -> bool:
        return any(part.startswith(".") for part in path.removeprefix(directory).split("/")[:-1])

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        wanted = list(paths)
        for path in wanted:
            self._budget.file(path, len(self.files[path]))
        return {path: self.files[path] for path in wanted}

    def shown(self, path: str) -> str:
        return path
