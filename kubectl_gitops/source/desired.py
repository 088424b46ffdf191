"""The desired state, wherever it is written down: in a commit of a repository, a directory, or a stream."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Declared
from kubectl_gitops.source.declared import declare, refuse_duplicates
from kubectl_gitops.source.directory import Tree
from kubectl_gitops.source.history import LastCommits, LocalHistory
from kubectl_gitops.source.path import normal_path
from kubectl_gitops.source.render import Rendering, render
from kubectl_gitops.source.rendercache import RenderCache, key_of
from kubectl_gitops.source.sops import Decryptor

if TYPE_CHECKING:
    # Only who has a mirror needs git, and the time that GitPython takes to be imported.
    from kubectl_gitops.source.commit_files import CommitFiles
    from kubectl_gitops.source.mirror import Mirror

#: Gives the content of an origin's file; None where there is no such file, or none any more.
TextOf = Callable[[str], bytes | None]
#: For lines of an origin's file the last commit that touched each; None for a line that is not committed yet.
Blame = Callable[[str, Collection[int]], Mapping[int, Commit | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What should be. ``where`` says for people where it was read.

    ``commit`` is None where that is no commit; ``file_commits`` has for the path of each origin the
    last commit that changed the file, as far as that is known. ``text_of`` and ``blame`` look things up
    when they are called, and may raise SourceError; ``blame`` is None where there is no history.
    """

    declared: tuple[Declared, ...]
    commit: Commit | None = None
    file_commits: Mapping[str, Commit] = field(default_factory=dict)
    where: str
    text_of: TextOf = field(default=lambda _: None, repr=False, compare=False)
    blame: Blame | None = field(default=None, repr=False, compare=False)


def from_mirror(
    mirror: Mirror, revision: str, path: str, rendering: Rendering | None = None, *, cache: RenderCache | None = None
) -> Desired:
    """What ``path`` declares at ``revision``, as ``mirror`` had it at its last fetch; from ``cache`` if it can be."""
    from kubectl_gitops.source.commit_files import CommitFiles

    rendering = rendering or Rendering()
    path = normal_path(path)
    commit = mirror.resolve(revision)
    named = f"{revision} ({commit.short})" if not commit.sha.startswith(revision) else commit.short
    files = CommitFiles.of(mirror, commit, rendering.limits)
    declared = _rendered(files, path, rendering, cache or RenderCache(), str(mirror.path))
    return Desired(
        declared=declared,
        commit=commit,
        file_commits=mirror.last_commits(commit, {one.origin.path for one in declared}),
        where=f"{named} of {mirror.url}{path and f' path {path}'}",
        text_of=lambda file: mirror.text(commit, file),
        blame=lambda file, lines: mirror.blame(commit, file, lines),
    )


def _rendered(
    files: CommitFiles, path: str, rendering: Rendering, cache: RenderCache, repository: str
) -> tuple[Declared, ...]:
    key = key_of(repository, path, *rendering.decisive)
    found = cache.find(key, files.ids)
    if found is None:
        file_cache = cache.files(key)
        found = tuple(render(files, path, replace(rendering, file_cache=file_cache)))
        cache.keep(key, files.ids(files.listed), found, file_cache)
    return found


def from_directory(directory: Path, rendering: Rendering | None = None) -> Desired:
    """What a directory, or a single file, declares now. In a checkout paths are told from its top."""
    rendering = rendering or Rendering()
    if directory.exists() and not directory.is_dir() and not directory.is_file():
        # A pipe, as shells make of <(command).
        return from_stream(directory.read_bytes(), str(directory), rendering)
    tree = Tree.around(directory, rendering.limits)
    declared = tuple(render(tree, tree.path, rendering))
    kind_of_place = "directory" if directory.is_dir() else "file"
    history = LocalHistory(tree.root) if tree.in_checkout else None
    start = Path() if tree.absolute or tree.in_checkout else Path.cwd()
    return Desired(
        declared=declared,
        file_commits=LastCommits(history, {one.origin.path for one in declared}) if history else {},
        where=f"{kind_of_place} {directory}",
        text_of=lambda file: tree.text_of(file, start=start),
        blame=history.blame if history else None,
    )


def from_stream(text: bytes, name: str = "<stdin>", rendering: Rendering | None = None) -> Desired:
    """What ``text`` declares."""
    rendering = rendering or Rendering()
    if rendering.keys is not None:
        text = Decryptor(rendering.keys, references_allowed=rendering.variables is None).opened(name, text)
    read = declare(text, file=name, variables=rendering.variables, refuse=rendering.refuse)
    declared = tuple(refuse_duplicates(read, rendering.refuse))
    return Desired(declared=declared, where=name, text_of=lambda file: text if file == name else None)
