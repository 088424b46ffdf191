"""Build the control plane from the Go module in ``controlplane/``: once per version, into a cache."""

from __future__ import annotations

import fcntl
import hashlib
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parent / "kubernetes"
# main.go behaves as the one of these that it is called by.
COMPONENTS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "kubelet",
    "kube-proxy",
)
_VERSION_PACKAGE = "k8s.io/component-base/version"


class BuildFailed(Exception):
    """Go is missing or too old, or the build failed; the message says which and why."""


def kubernetes_version(source: Path = SOURCE) -> str:
    return _go_mod_line(source, r"\tk8s\.io/kubernetes (v\S+)")


def required_go(source: Path = SOURCE) -> tuple[int, int]:
    major, minor = _go_mod_line(source, r"go (\d+\.\d+)\S*").split(".")
    return int(major), int(minor)


def _go_mod_line(source: Path, pattern: str) -> str:
    match = re.search(f"^{pattern}$", (source / "go.mod").read_text(), re.MULTILINE)
    assert match, f"{source / 'go.mod'} has no line like {pattern}"
    return match[1]


def cache_key(source: Path = SOURCE) -> str:
    """Changes with everything that the built programs depend on, also where a home is shared by machines."""
    digest = hashlib.sha256()
    for name in ("main.go", "go.mod", "go.sum"):
        digest.update((source / name).read_bytes() + b"\0")
    return f"{kubernetes_version(source)}-{sys.platform}-{platform.machine()}-{digest.hexdigest()[:12]}"


def build(directory: Path) -> None:
    """Make ``directory`` with a program for each component, all or nothing.

    Of several processes that want it at the same time one builds, and the others wait for it.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    with locked(directory, "the control plane"):
        if not directory.is_dir():
            check_go()
            _install(directory)


@contextmanager
def locked(directory: Path, what: str) -> Iterator[None]:
    """Held by the one process that may make ``directory``; ``what`` is built into it."""
    path = directory.with_name(directory.name + ".lock")
    # The kernel gives the lock back when its holder dies, so that no stale one is ever left.
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process is building {what}: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def check_go(source: Path = SOURCE) -> None:
    """BuildFailed where no Go is here that can build the module in ``source``, or fetch one that can."""
    go = shutil.which("go")
    if go is None:
        raise BuildFailed(f"Go is not installed (go is not on PATH); {_dotted(required_go(source))} or newer is needed")
    version, toolchain = _output(go, "version").split()[2], _output(go, "env", "GOTOOLCHAIN").strip()
    check_go_version(version, toolchain=toolchain, needed=required_go(source))


def _output(*command: str) -> str:
    # Outside the module: inside it, go would already fetch the toolchain that go.mod asks for.
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout


def check_go_version(version: str, *, toolchain: str, needed: tuple[int, int] | None = None) -> None:
    """Refuse a Go that can neither build the module nor fetch one that can."""
    needed = needed or required_go()
    match = re.search(r"go(\d+)\.(\d+)", version)
    if match is None or (int(match[1]), int(match[2])) >= needed:  # no number: a development version
        return
    if toolchain in {"", "local"}:  # "": before Go 1.21, which knows no toolchains
        raise BuildFailed(
            f"Go is too old: this is {version}, and {_dotted(needed)} or newer is needed"
            + (" (GOTOOLCHAIN=local keeps it from fetching one)" if toolchain else "")
        )
    say(f"this is {version}; Go fetches {_dotted(needed)} (GOTOOLCHAIN={toolchain})")


def _dotted(version: tuple[int, int]) -> str:
    return f"Go {version[0]}.{version[1]}"


def _install(directory: Path) -> None:
    building = directory.with_name(directory.name + ".building")
    shutil.rmtree(building, ignore_errors=True)  # left by a build that was killed: we hold the lock
    building.mkdir()
    try:
        say(
            f"building etcd and Kubernetes {kubernetes_version()} for the tests, once: "
            "about 7 minutes on 2 cores, less where Go has compiled it before"
        )
        started = time.monotonic()
        go_build(build_command(building / "controlplane"), SOURCE)
        for name in COMPONENTS:
            (building / name).symlink_to("controlplane")
        building.rename(directory)
        say(f"built in {_clock(time.monotonic() - started)}: {directory}")
    finally:
        shutil.rmtree(building, ignore_errors=True)


def build_command(output: Path) -> list[str]:
    version = kubernetes_version()
    major, minor = version.removeprefix("v").split(".")[:2]
    stamps = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    ldflags = ["-s", "-w", *(f"-X {_VERSION_PACKAGE}.{name}={value}" for name, value in stamps.items())]
    # No VCS stamp: git refuses to answer in a work tree of another user, and go then fails.
    return ["go", "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", " ".join(ldflags), "-o", str(output), "."]


def go_build(command: list[str], source: Path) -> None:
    """Run ``go build -v`` in ``source`` and tell how far it is."""
    with subprocess.Popen(command, cwd=source, stderr=subprocess.PIPE, text=True) as go:
        try:
            assert go.stderr is not None
            progress = Progress(sys.stderr)
            progress.follow(go.stderr)
        except BaseException:
            go.kill()
            raise
    if go.returncode:
        raise BuildFailed("go build failed:\n" + "\n".join(progress.messages))


class Progress:
    """Tells how far ``go build -v`` is: one line that changes on a terminal, one every 15 s elsewhere."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._on_terminal = out.isatty()
        self._started = time.monotonic()
        self._packages = 0
        self._modules = 0
        self.messages: deque[str] = deque(maxlen=20)

    def follow(self, lines: IO[str]) -> None:
        # Linking takes half a minute without a word, so the clock must not wait for lines.
        reader = threading.Thread(target=self._read, args=(lines,), daemon=True)
        reader.start()
        while True:
            reader.join(timeout=1 if self._on_terminal else 15)
            self._show()
            if not reader.is_alive():
                break
        if self._on_terminal:
            self._out.write("\n")

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            self.note(line.rstrip())

    def note(self, line: str) -> None:
        if line.startswith("go: downloading "):
            self._modules += 1
        elif re.fullmatch(r"[\w./~+-]+", line):  # -v prints the import path of each package it compiles
            self._packages += 1
        else:
            self.messages.append(line)

    def __str__(self) -> str:
        fetched = f"{self._modules} modules fetched, " if self._modules else ""
        return f"  {_clock(time.monotonic() - self._started)}  {fetched}{self._packages} packages compiled"

    def _show(self) -> None:
        self._out.write(f"\r{self}" if self._on_terminal else f"{self}\n")
        self._out.flush()


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def say(message: str) -> None:
    """To whoever waits for the build."""
    print(message, file=sys.stderr, flush=True)
