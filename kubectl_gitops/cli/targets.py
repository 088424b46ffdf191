"""What a subcommand works on: a GitSync in the cluster, or a directory, file, repository or stream."""

from __future__ import annotations

import functools
import os
import posixpath
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from kubectl_gitops.api.gitsync import GitSync, read_gitsync
from kubectl_gitops.api.names import API_VERSION, KIND, SYSTEM_NAMESPACE
from kubectl_gitops.api.objects import Object
from kubectl_gitops.api.rendering import HelmOptions, Renderer, RenderOptions
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery, Resource
from kubectl_gitops.cluster.reading import get_object, list_objects
from kubectl_gitops.errors import Forbidden, InvalidInput, NotFound, SourceError
from kubectl_gitops.source.age_keys import AgeKeys, read_age_keys
from kubectl_gitops.source.declared import Refuse, stop
from kubectl_gitops.source.desired import Desired, from_directory, from_mirror, from_stream
from kubectl_gitops.source.limits import Limits, read_limits
from kubectl_gitops.source.render import Rendering
from kubectl_gitops.source.variable_sources import named, read_variables
from kubectl_gitops.source.variables import Variables

Command = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """Where declared objects come from, if not from a GitSync: ``-f``, and revision and path in a repository.

    ``variables`` is None where nothing is to be substituted. ``limits`` and ``remote_bases`` count for a GitSync, too.
    """

    filename: str | None
    revision: str | None
    path: str | None
    render: RenderOptions = field(default_factory=RenderOptions)
    variables: Mapping[str, str] | None = None
    limits: Limits = field(default_factory=Limits)
    remote_bases: bool = False

    def read(self, namespace: str | None = None) -> Desired:
        """The declared objects of ``-f``: at least one. Raises InvalidInput, InvalidManifest, SourceError.

        ``namespace`` is what the templates of a chart are told.
        """
        desired = self.read_as_far_as_possible(namespace, refuse=stop)
        if not desired.declared:
            raise nothing_declared(desired)
        return desired

    def read_as_far_as_possible(self, namespace: str | None = None, *, refuse: Refuse) -> Desired:
        """The same, and maybe none; ``refuse`` is told what cannot be taken, and may go on."""
        assert self.filename is not None
        rendering = Rendering(
            options=self.render,
            namespace=namespace or "default",
            variables=None if self.variables is None else Variables(values=self.variables),
            keys=AgeKeys.from_environment(os.environ),
            limits=self.limits,
            remote_bases=self.remote_bases,
            refuse=refuse,
        )
        return self._read(self.filename, rendering)

    def read_gitsync(self, gitsync: GitSync, cluster: Cluster) -> Desired:
        """What a GitSync declares, at the revision and path that the options put in the place of its own."""
        substitute = gitsync.rendering.substitute
        return read_repository(
            gitsync.repo_url,
            self.revision or gitsync.revision,
            self.path or gitsync.path,
            Rendering(
                options=gitsync.rendering,
                release_name=gitsync.name,
                namespace=gitsync.target_namespace,
                variables=read_variables(substitute, cluster, gitsync.namespace),
                keys=read_age_keys(gitsync.rendering.decryption, cluster, gitsync.namespace),
                limits=self.limits,
                remote_bases=self.remote_bases,
            ),
        )

    def _read(self, filename: str, rendering: Rendering) -> Desired:
        if filename == "-":
            if self.revision or self.path:
                raise InvalidInput("--revision and --path go with a directory or a repository, not with stdin")
            return from_stream(sys.stdin.buffer.read(), rendering=rendering)
        if is_repository_url(filename):
            return read_repository(filename, self.revision or "HEAD", self.path or ".", rendering)
        if self.revision:
            repository, path = _in_repository(Path(filename))
            return read_repository(str(repository), self.revision, posixpath.join(path, self.path or ""), rendering)
        place = Path(filename, self.path or "")
        if not place.exists():
            raise InvalidInput(f"there is no file or directory {place}")
        return from_directory(place, rendering)


def nothing_declared(desired: Desired) -> InvalidInput:
    """The error where there is nothing to work on."""
    return InvalidInput(
        f"{desired.where} declares no object at all", hint="in a directory, .yaml, .yml and .json files count"
    )


def _in_repository(place: Path) -> tuple[Path, str]:
    """The repository that a path on this disk is, or is in, and the path from there."""
    whole = place.expanduser().resolve()
    is_bare = (whole / "objects").is_dir() or whole.suffix == ".bundle"
    checkouts = [] if is_bare else [one for one in (whole, *whole.parents) if (one / ".git").exists()]
    return (checkouts[0], whole.relative_to(checkouts[0]).as_posix()) if checkouts else (whole, ".")


def is_repository_url(text: str) -> bool:
    """Whether ``-f`` names a repository by URL or as ``user@host:path``, and not something on this disk."""
    return "://" in text or ("@" in text.partition(":")[0] and ":" in text and not Path(text).exists())


def read_repository(url: str, revision: str, path: str, rendering: Rendering) -> Desired:
    """The declared objects of a repository, reached with the person's own git configuration and credentials."""
    # git takes long to be imported, and most commands read no repository
    from kubectl_gitops.source.mirror import Mirror, default_cache_directory

    mirror = Mirror(url, cache_directory=default_cache_directory(), allow_file=True, use_user_config=True)
    mirror.update(revision)
    return from_mirror(mirror, revision, path, rendering)


def read_commit(url: str, sha: str, path: str, rendering: Rendering) -> Desired:
    """The declared objects of a repository at a commit; the remote is only asked if the commit is not here yet."""
    from kubectl_gitops.source.mirror import Mirror, default_cache_directory

    mirror = Mirror(url, cache_directory=default_cache_directory(), allow_file=True, use_user_config=True)
    try:
        mirror.resolve(sha)
    except SourceError:
        mirror.fetch()
    return from_mirror(mirror, sha, path, rendering)


def source_options(command: Command) -> Command:
    """``-f`` and all that says how to read it; the command takes ``source: SourceOptions``."""

    @functools.wraps(command)
    def with_source(
        *args: Any,
        filename: str | None,
        revision: str | None,
        path: str | None,
        render: str,
        values_files: tuple[str, ...],
        release_name: str | None,
        variables: tuple[str, ...],
        limits: tuple[str, ...],
        remote_bases: bool,
        **kwargs: Any,
    ) -> Any:
        helm = HelmOptions(release_name=release_name or "", values_files=values_files)
        source = SourceOptions(
            filename=filename,
            revision=revision,
            path=path,
            render=RenderOptions(renderer=Renderer(render), helm=helm),
            variables=_assigned(variables) if variables else None,
            limits=read_limits(limits),
            remote_bases=remote_bases,
        )
        return command(*args, source=source, **kwargs)

    for option in reversed(_source_options()):
        option(with_source)
    return with_source


def _assigned(settings: tuple[str, ...]) -> dict[str, str]:
    """``NAME=VALUE``, each."""
    assigned = dict(setting.partition("=")[::2] for setting in settings if "=" in setting)
    if len(assigned) < len({setting.partition("=")[0] for setting in settings}):
        raise InvalidInput("--set-var takes NAME=VALUE")
    return named(assigned, "--set-var")


def _source_options() -> list[Callable[[Command], Command]]:
    return [
        click.option(
            "-f",
            "--filename",
            metavar="WHERE",
            help="A directory, a file, a repository's URL, or - for stdin. Files that SOPS has encrypted are "
            "opened with the age keys in SOPS_AGE_KEY or SOPS_AGE_KEY_FILE.",
        ),
        click.option(
            "--revision",
            metavar="REV",
            help="A branch, tag, commit, refs/… or range of versions, instead of the GitSync's or HEAD.",
        ),
        click.option(
            "--path", metavar="PATH", help="The path in the repository, instead of the GitSync's or its root."
        ),
        click.option(
            "--render",
            type=click.Choice([renderer.value for renderer in Renderer]),
            default=Renderer.AUTO.value,
            show_default=True,
            help="How files become objects.",
        ),
        click.option(
            "--values",
            "values_files",
            metavar="FILE",
            multiple=True,
            help="Of a Helm chart: a file with values, relative to the chart. May be repeated.",
        ),
        click.option(
            "--release-name", metavar="NAME", help="Of a Helm chart: the release, instead of the chart's name."
        ),
        click.option(
            "--set-var",
            "variables",
            metavar="NAME=VALUE",
            multiple=True,
            help="Replace ${NAME} in manifests. May be repeated.",
        ),
        click.option(
            "--limit",
            "limits",
            metavar="NAME=NUMBER",
            multiple=True,
            help="Allow a repository more or less, such as max-file-bytes=64Mi. May be repeated.",
        ),
        click.option(
            "--allow-remote-bases",
            "remote_bases",
            is_flag=True,
            help="Let a kustomization download, by https and without credentials, what it refers to elsewhere.",
        ),
    ]


def system_namespace_option(command: Command) -> Command:
    """``--system-namespace``; the command takes ``system_namespace: str``."""
    return click.option(
        "--system-namespace",
        metavar="NAME",
        default=SYSTEM_NAMESPACE,
        show_default=True,
        help="Where the reconciler keeps its snapshots.",
    )(command)


def gitsync_resource(discovery: Discovery) -> Resource:
    """The GitSync resource. Raises InvalidInput that says how to install it."""
    found = discovery.find(API_VERSION, KIND)
    if found is None:
        raise InvalidInput(
            "GitSync is not installed in this cluster",
            hint="kubectl gitops install installs it; with -f, a directory or repository needs no installation",
        )
    return found


def find_gitsync(cluster: Cluster, discovery: Discovery, namespace: str, name: str) -> Object:
    """The GitSync object. Raises NotFound that names those there are."""
    resource = gitsync_resource(discovery)
    found = get_object(cluster, resource, namespace, name)
    if found is None:
        there = _known(cluster, resource, namespace)
        raise NotFound(f"no GitSync {name} in namespace {namespace}{there}", hint="-n names another namespace")
    return found


def _known(cluster: Cluster, resource: Resource, namespace: str, limit: int = 10) -> str:
    """The names of the GitSyncs that there are, in brackets; "" for who may not see them."""
    try:
        items = list_objects(cluster, resource, namespace=namespace).items
    except Forbidden:
        return ""
    names = sorted(obj["metadata"]["name"] for obj in items)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return f" (there is {', '.join(names[:limit])}{more})" if names else " (there is none at all)"


def find_gitsyncs(cluster: Cluster, discovery: Discovery, namespace: str, name: str | None) -> list[Object]:
    """One GitSync by name, or all in a namespace ("": everywhere), by namespace and name."""
    if name is not None:
        if not namespace:
            raise InvalidInput("a name is one of a namespace: give -n with NAME, or -A without it")
        return [find_gitsync(cluster, discovery, namespace, name)]
    items = list_objects(cluster, gitsync_resource(discovery), namespace=namespace).items
    return sorted(items, key=lambda o: (o["metadata"]["namespace"], o["metadata"]["name"]))


def gitsync_of(obj: Object) -> GitSync:
    return read_gitsync({name: value for name, value in obj.items() if name != "status"})
