"""Which files a Helm chart needs, found by reading it; and that none of them is somewhere else on the network.

A chart has its dependencies in its ``charts`` directory. Those that it refers to by ``file://`` are put there
when its files are gathered, as ``helm dependency build`` would; any other must have been committed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source.manifest import parse
from kubectl_gitops.source.path import NoSuchPath, is_below, join, leaves_root

FILE_NAME = "Chart.yaml"
#: Where charts of the first version have their dependencies.
_REQUIREMENTS = "requirements.yaml"
_LOCAL = "file://"
_MAX_DEPTH = 16

Read = Callable[[str], Mapping[str, bytes]]


@dataclass(slots=True)
class Gathered:
    """A chart with its dependencies: where each file goes, and where it is from if that is elsewhere."""

    name: str
    files: dict[str, bytes]
    origins: dict[str, str] = field(default_factory=dict)

    def origin(self, path: str) -> str:
        """The file of the repository that is at ``path`` in what was gathered."""
        return self.origins.get(path, path)


def find(files: Iterable[str], directory: str) -> str | None:
    """The Chart.yaml of ``directory``, if it has one."""
    path = posixpath.join(directory, FILE_NAME)
    return path if path in files else None


def gather(read: Read, directory: str) -> Gathered:
    """All files of the chart in ``directory``. ``read`` gives the files below a directory, or raises NoSuchPath."""
    files = dict(read(directory))
    gathered = Gathered(str(_load(files, posixpath.join(directory, FILE_NAME)).get("name") or ""), files)
    _add_dependencies(gathered, read, directory, [directory])
    return gathered


def _add_dependencies(gathered: Gathered, read: Read, directory: str, above: list[str]) -> None:
    """Puts the dependencies of the chart at the end of ``above``, whose files are in ``directory``, into ``charts``."""
    for dependency in list(_dependencies(gathered, directory)):
        if _is_vendored(gathered.files, directory, dependency.name):
            continue
        if not dependency.repository.startswith(_LOCAL):
            raise dependency.not_here()
        target = join(above[-1], dependency.repository.removeprefix(_LOCAL))
        if leaves_root(target):
            raise dependency.error("is outside of the repository")
        if target in above or len(above) == _MAX_DEPTH:
            raise dependency.error("depends on itself")
        try:
            files = read(target)
        except NoSuchPath as exc:
            raise dependency.error("is not there") from exc
        if posixpath.join(target, FILE_NAME) not in files:
            raise dependency.error(f"is no chart: it has no {FILE_NAME}")
        place = posixpath.join(directory, "charts", dependency.name)
        for path, text in files.items():
            copied = posixpath.join(place, posixpath.relpath(path, target or "."))
            gathered.files[copied] = text
            gathered.origins[copied] = path
        _add_dependencies(gathered, read, place, [*above, target])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dependency:
    name: str
    repository: str
    file: str
    line: int

    def error(self, words: str) -> InvalidManifest:
        return InvalidManifest(
            f"the dependency {self.name} ({self.repository}) {words}", file=self.file, line=self.line
        )

    def not_here(self) -> InvalidManifest:
        source = f"is from {self.repository}, and " if self.repository else ""
        return InvalidManifest(
            f"the dependency {self.name} {source}is not in the chart's charts directory: nothing is downloaded",
            file=self.file,
            line=self.line,
            hint="run helm dependency update, and commit what it puts into charts",
        )


def _dependencies(gathered: Gathered, directory: str) -> Iterator[_Dependency]:
    for name in (FILE_NAME, _REQUIREMENTS):
        path = posixpath.join(directory, name)
        if path not in gathered.files:
            continue
        shown = gathered.origin(path)
        listed = _load(gathered.files, path, shown=shown).get("dependencies")
        for one in listed if isinstance(listed, list) else []:
            if not isinstance(one, dict) or not isinstance(one.get("name"), str):
                raise InvalidManifest("each of the dependencies is a mapping with a name", file=shown)
            if "/" in one["name"] or one["name"] in {"", ".", ".."}:
                raise InvalidManifest(f"{one['name']!r} is no name of a chart", file=shown)
            yield _Dependency(
                name=one["name"],
                repository=str(one.get("repository") or ""),
                file=shown,
                line=_line_of(gathered.files[path], one["name"]),
            )


def _is_vendored(files: Mapping[str, bytes], directory: str, name: str) -> bool:
    charts = posixpath.join(directory, "charts")
    for path in files:
        if not is_below(path, charts):
            continue
        first, _, rest = posixpath.relpath(path, charts).partition("/")
        if not rest and first.endswith(".tgz") and first.startswith(f"{name}-"):
            return True
        if rest == FILE_NAME and (first == name or _load(files, path).get("name") == name):
            return True
    return False


def _load(files: Mapping[str, bytes], path: str, *, shown: str = "") -> dict[str, Any]:
    if path not in files:
        raise InvalidManifest("there is no such file, so this is no chart", file=shown or path)
    documents = list(parse(files[path], file=shown or path))
    if len(documents) != 1 or not isinstance(documents[0].object, dict):
        raise InvalidManifest("this is one mapping", file=shown or path)
    loaded: dict[str, Any] = documents[0].object
    return loaded


def _line_of(text: bytes, name: str) -> int:
    lines = text.decode(errors="replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if "name:" in line and name in line), 0)
