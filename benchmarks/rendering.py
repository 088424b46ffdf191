"""One measurement of render-* in a process of its own: python -m benchmarks.rendering WHAT ARGUMENT...

It prints the seconds that what is measured took.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from kubectl_gitops.source.credentials import Credentials
from kubectl_gitops.source.desired import from_directory, from_mirror
from kubectl_gitops.source.mirror import Mirror
from kubectl_gitops.source.render import Renderer, Rendering, RenderOptions
from kubectl_gitops.source.rendercache import RenderCache


def poll(url: str, cache: str) -> float:
    mirror = Mirror(url, cache_directory=Path(cache), allow_file=True)
    mirror.update("main")
    return _seconds(lambda: mirror.update("main"))


def commit(url: str, cache: str, repository: str, authority: str = "") -> float:
    """``authority`` is the file of the one that a server's certificate is of."""
    given = {"ca.crt": Path(authority).read_bytes()} if authority else None
    credentials = Credentials.from_secret(given, where="the bench") if given else None
    mirror = Mirror(url, cache_directory=Path(cache), allow_file=True, credentials=credentials)
    rendered = RenderCache()

    def follow() -> None:
        from_mirror(mirror, mirror.update("main").sha, "", cache=rendered)

    follow()
    file = Path(repository, "app-00000.yaml")
    file.write_text(file.read_text() + "# another change\n")
    subprocess.run(["git", "-C", repository, "commit", "--quiet", "--all", "--message=change"], check=True)
    return _seconds(follow)


def plain(directory: str) -> float:
    return _seconds(lambda: from_directory(Path(directory)))


def overlays(directory: str) -> float:
    rendering = Rendering(options=RenderOptions(renderer=Renderer.OVERLAYS))
    return _seconds(lambda: from_directory(Path(directory), rendering))


def one_by_one(directory: str, kubectl: str) -> float:
    def all_of_them() -> None:
        for place in sorted(Path(directory).iterdir()):
            subprocess.run([kubectl, "kustomize", place], check=True, stdout=subprocess.DEVNULL)

    return _seconds(all_of_them)


def safe_loader(directory: str) -> float:
    return _read(directory, lambda text: list(yaml.load_all(text, yaml.CSafeLoader)))


def events(directory: str) -> float:
    def read(text: bytes) -> None:
        next_event = yaml.CSafeLoader(text).get_event
        while next_event() is not None:
            pass

    return _read(directory, read)


def _read(directory: str, read: Callable[[bytes], object]) -> float:
    def all_files() -> None:
        for file in sorted(Path(directory).iterdir()):
            read(file.read_bytes())

    return _seconds(all_files)


def _seconds(do: Callable[[], object]) -> float:
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


_MEASURED: dict[str, Callable[..., float]] = {
    "poll": poll,
    "commit": commit,
    "plain": plain,
    "overlays": overlays,
    "one-by-one": one_by_one,
    "safe-loader": safe_loader,
    "events": events,
}

if __name__ == "__main__":
    print(_MEASURED[sys.argv[1]](*sys.argv[2:]))
