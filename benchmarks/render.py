"""render-*: what Git costs: asking whether anything is new, rendering what is, and reading YAML.

A reconciler goes on for months, so neither its start nor its imports count: each side that is Python is a process that
prepares itself, does once what is measured, and tells how long that took (benchmarks/rendering.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.bench import Bench, Figure, Ground
from benchmarks.measure import Run, in_turn, run, run_told
from benchmarks.objects import write_objects
from tests.testbed.gitserver import GitServer, serving
from tests.testbed.pki import Authority

COUNT = 1000
MANY = 10 * COUNT
OVERLAYS = 500

LS_REMOTE = "git ls-remote"
FETCH = "git fetch"
SAFE_LOADER = "yaml.CSafeLoader"
ONE_BY_ONE = "kubectl kustomize, one by one"
EVENTS = "libyaml's events alone"

Side = Callable[[], Run]

_GIT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "bench",
    "GIT_AUTHOR_EMAIL": "bench@shop.example",
    "GIT_COMMITTER_NAME": "bench",
    "GIT_COMMITTER_EMAIL": "bench@shop.example",
}


class _Repository:
    """A repository of manifests, and a bare mirror of it that only git uses."""

    def __init__(self, ground: Ground, count: int) -> None:
        directory = ground.new_directory()
        self.path, self.mirror = directory / "repository", directory / "mirror"
        self.environment = ground.environment | _GIT
        self._changes = 0
        shutil.copytree(ground.objects(count), self.path)
        self.do("init", "--quiet", "--initial-branch=main")
        self.commit()
        self.do("clone", "--quiet", "--mirror", self.url, str(self.mirror))

    @property
    def url(self) -> str:
        return self.path.as_uri()

    def commit(self) -> None:
        """One more commit, in which one file is not what it was."""
        self._changes += 1
        file = self.path / "app-00000.yaml"
        file.write_text(file.read_text() + f"# change {self._changes}\n")
        self.do("add", "--all")
        self.do("commit", "--quiet", f"--message=change {self._changes}")

    def do(self, *arguments: str) -> None:
        subprocess.run(["git", "-C", self.path, *arguments], env=self.environment, check=True)


def poll(ground: Ground) -> list[Figure]:
    """Nothing is new: what a reconciler does every interval for each repository."""
    repository = _Repository(ground, COUNT)
    asking = ["git", "ls-remote", "--quiet", "--heads", "--tags", "--refs", "--", repository.url]
    sides: dict[str, Side] = {
        "ours": partial(_told, repository.environment, "poll", repository.url, str(ground.new_directory())),
        LS_REMOTE: partial(run, asking, repository.environment),
    }
    return ground.figures("render-poll-unchanged", COUNT, in_turn(sides, dict.fromkeys(sides, 7)))


def one_file(ground: Ground) -> list[Figure]:
    """A commit has changed one file: from asking for it to the objects."""
    repository = _Repository(ground, COUNT)
    cache = str(ground.new_directory())

    def ours() -> Run:
        return _told(repository.environment, "commit", repository.url, cache, str(repository.path))

    def fetch() -> Run:
        repository.commit()
        return run(["git", "-C", repository.mirror, "fetch", "--quiet", "--prune"], repository.environment)

    sides: dict[str, Side] = {"ours": ours, FETCH: fetch}
    return ground.figures("render-one-file-changed", COUNT, in_turn(sides, dict.fromkeys(sides, 5)))


def one_file_over_https(ground: Ground) -> list[Figure]:
    """The same from a server, which runs on this machine and takes its share of it."""
    repository = _Repository(ground, COUNT)
    authority, file = Authority(), ground.new_directory() / "authority.pem"
    file.write_text(authority.pem)
    cache = str(ground.new_directory())
    trusting = repository.environment | {"GIT_SSL_CAINFO": str(file)}
    mirror = ground.new_directory()
    with serving(GitServer(root=repository.path.parent, authority=authority)) as server:
        url = f"{server.url}/{repository.path.name}"
        subprocess.run(["git", "clone", "--quiet", "--mirror", url, mirror], env=trusting, check=True)

        def ours() -> Run:
            return _told(repository.environment, "commit", url, cache, str(repository.path), str(file))

        def fetch() -> Run:
            repository.commit()
            return run(["git", "-C", mirror, "fetch", "--quiet", "--prune"], trusting)

        sides: dict[str, Side] = {"ours": ours, FETCH: fetch}
        return ground.figures("render-one-file-changed-https", COUNT, in_turn(sides, dict.fromkeys(sides, 5)))


def plain(ground: Ground) -> list[Figure]:
    """Objects with the line of each of their fields, beside what only reads the same bytes."""
    directory = str(ground.objects(MANY))
    sides: dict[str, Side] = {
        "ours": partial(_told, ground.environment, "plain", directory),
        SAFE_LOADER: partial(_told, ground.environment, "safe-loader", directory),
        EVENTS: partial(_told, ground.environment, "events", directory),
    }
    return ground.figures("render-plain-10000", MANY, in_turn(sides, dict.fromkeys(sides, 3)))


def overlays(ground: Ground) -> list[Figure]:
    """A directory of kustomizations over one base, each built by itself: several at a time or one by one."""
    root = ground.new_directory()
    directory = write_overlays(root, OVERLAYS)
    environment = ground.environment | {"PATH": os.pathsep.join([str(ground.kubectl.parent), os.environ["PATH"]])}
    sides: dict[str, Side] = {
        "ours": partial(_told, environment, "overlays", str(directory)),
        ONE_BY_ONE: partial(_told, environment, "one-by-one", str(directory), str(ground.kubectl)),
    }
    return ground.figures("render-overlays-500", 3 * OVERLAYS, in_turn(sides, dict.fromkeys(sides, 1)))


def write_overlays(root: Path, count: int) -> Path:
    """``count`` overlays of a base with three objects, and a directory that has them all."""
    base, directory = root / "base", root / "overlays"
    write_objects(base, 3)
    resources = ", ".join(sorted(one.name for one in base.iterdir()))
    (base / "kustomization.yaml").write_text(f"resources: [{resources}]\n")
    for number in range(count):
        overlay = directory / f"shop-{number:03}"
        overlay.mkdir(parents=True)
        text = f"namespace: shop-{number:03}\nresources: [../../base]\ncommonAnnotations: {{shop: '{number}'}}\n"
        (overlay / "kustomization.yaml").write_text(text)
    return directory


def _told(environment: Mapping[str, str], *arguments: str) -> Run:
    """One measurement of benchmarks/rendering.py, by the code of this directory."""
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), environment.get("PYTHONPATH")]))
    return run_told([sys.executable, "-m", "benchmarks.rendering", *arguments], {**environment, "PYTHONPATH": path})


BENCHES = [
    Bench("render-poll-unchanged", poll),
    Bench("render-one-file-changed", one_file),
    Bench("render-one-file-changed-https", one_file_over_https),
    Bench("render-plain-10000", plain),
    Bench("render-overlays-500", overlays),
]
