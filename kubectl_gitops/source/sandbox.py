"""Runs kustomize or helm on a private copy of the files that it needs, and of nothing else.

The copy holds regular files only, so no link leads out of it. The program has an empty home, no variable of
our environment but PATH, no terminal, bounded time, memory, output and file sizes, and is ended with all that
it started. Where Linux offers it, it cannot open any other file, run any other program, or reach any network:
see :mod:`kubectl_gitops.source.confine`. To a program that is allowed the network,
:mod:`kubectl_gitops.source.download` gives what it needs for that.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source import confine, download
from kubectl_gitops.source.address import redact
from kubectl_gitops.source.limits import Limits
from kubectl_gitops.source.path import normal_path
from kubectl_gitops.source.process import Process, signal_group, stop

#: What was not noticed to be remote ends here: git may use no protocol, and nothing listens on the discard port.
_NO_NETWORK = {
    "GIT_ALLOW_PROTOCOL": "none",
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"),
}
#: Libraries, for a program that is linked against some; all else of the machine stays closed.
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/nix/store")
_DEVICES = ("/dev/null", "/dev/urandom", "/dev/zero")
#: A wrapper script runs what it likes of the machine's own programs; so says who put it on PATH.
_SCRIPT_PROGRAMS = ("/usr", "/bin")
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - only directories of our own are made there, by mkdtemp
_STDERR_BYTES = 64 * 1024
_EXIT_NOT_RUN = 126
#: How often what was downloaded is looked at.
_LOOK_SECONDS = 0.25
#: The last is how Go ends that finds no room for the stack of one more thread.
_MEMORY_SIGNS = ("out of memory", "cannot allocate memory", "errno=12", "pthread_create failed")
#: As kustomize, the C library, Go and git say it.
_SIZE_SIGNS = ("sigxfsz", "file too large", "file size limit exceeded", f"died of signal {signal.SIGXFSZ.value}")
#: Which nobody can follow here.
_HELMS_ADVICE = "Use --debug flag to render out invalid YAML"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a program may do; as JSON, what :mod:`kubectl_gitops.source.confine` reads."""

    read: list[str]
    execute: list[str]
    write: list[str]
    cpu_seconds: int
    memory_bytes: int
    file_bytes: int
    network: bool


def run(
    program: str,
    arguments: Sequence[str],
    files: Mapping[str, bytes],
    *,
    failure: str,
    limits: Limits,
    inputs: Mapping[str, bytes] | None = None,
    environment: Mapping[str, str] | None = None,
    in_memory: bool = False,
    network: bool = False,
) -> bytes:
    """What ``program`` writes to its standard output, run at the root of a copy of ``files``.

    ``inputs`` are at ``../inputs/`` from there. With ``in_memory`` the copy, and what the program writes, is on no
    disk, where the system offers that; with ``network``, it may download. Raises SourceError that begins with
    ``failure`` and repeats what the program said; LimitExceeded if it took more than it may.
    """
    where = _IN_MEMORY if in_memory and os.access(_IN_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="kubectl-gitops-", dir=where) as temporary:
        place = Path(temporary).resolve()
        for name in ("home", "tree", "inputs"):
            (place / name).mkdir()
        _write(files, place / "tree")
        _write(inputs or {}, place / "inputs")
        rules = _rules(program, place, limits, network=network)
        lent = {**(download.environment(os.environ) if network else _NO_NETWORK), **(environment or {})}
        status = _execute([program, *arguments], place, rules, lent, failure, limits)
        said = _start_of(place / "stderr", _STDERR_BYTES).decode(errors="replace")
        if not status:
            return (place / "stdout").read_bytes()
    said = redact(said.replace(f"{place}/tree/", "").replace(f"{place}/", "").strip())
    if status == _EXIT_NOT_RUN:
        raise SourceError(f"{failure}: {said}")
    _refuse_excess(status, said, failure, limits)
    words = said.removeprefix("Error: ").removeprefix("error: ").removesuffix(_HELMS_ADVICE).strip()
    raise SourceError(f"{failure}: {words or f'it gave no reason, but exit status {status}'}")


def _execute(
    command: list[str], place: Path, rules: Rules, environment: Mapping[str, str], failure: str, limits: Limits
) -> int:
    home = str(place / "home")
    try:
        with (place / "stdout").open("wb") as stdout, (place / "stderr").open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", confine.__file__, orjson.dumps(asdict(rules)).decode(), *command],
                cwd=place / "tree",
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    **dict.fromkeys(("HOME", "TMPDIR"), home),
                    # Go then collects garbage before the limit ends it.
                    "GOMEMLIMIT": str(limits.max_memory_bytes * 4 // 5),
                    **environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
    except OSError as exc:
        raise SourceError(f"{failure}: it cannot be run: {exc.strerror}") from exc
    try:
        return _ended(process, Path(home) if rules.network else None, failure, limits)
    except subprocess.TimeoutExpired as exc:
        raise limits.exceeded("timeout_seconds", f"{failure}: it took more than {limits.timeout_seconds} s") from exc
    finally:
        stop(process)
        # What it may have started, and left behind.
        signal_group(process, signal.SIGKILL)


def _ended(process: Process, downloaded: Path | None, failure: str, limits: Limits) -> int:
    """The exit status; TimeoutExpired when it is late. What is ``downloaded`` must stay below what may be read."""
    if downloaded is None:
        return process.wait(timeout=limits.timeout_seconds)
    deadline = time.monotonic() + limits.timeout_seconds
    while (left := deadline - time.monotonic()) > _LOOK_SECONDS:
        try:
            return process.wait(timeout=_LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            _refuse_downloads(downloaded, failure, limits)
    return process.wait(timeout=max(left, 0))


def _refuse_downloads(downloaded: Path, failure: str, limits: Limits) -> None:
    count = size = 0
    for directory, _, names in os.walk(downloaded):
        for name in names:
            count += 1
            with suppress(OSError):  # gone meanwhile
                size += os.lstat(os.path.join(directory, name)).st_size  # noqa: PTH118 - there may be very many
    if count > limits.max_files:
        raise limits.exceeded("max_files", f"{failure}: what is remote has too many files")
    if size > limits.max_total_bytes:
        raise limits.exceeded("max_total_bytes", f"{failure}: what is remote is too large")


def _rules(program: str, place: Path, limits: Limits, *, network: bool) -> Rules:
    resolved = os.path.realpath(program)
    loaders = [str(path) for library in ("/lib", "/lib64") for path in Path(library).glob("ld-*.so*")]
    is_script = _start_of(Path(resolved), 2) == b"#!"
    return Rules(
        read=[str(place), *_LIBRARIES, *_DEVICES, *(download.readable(os.environ) if network else ())],
        execute=[
            resolved,
            *loaders,
            *(_SCRIPT_PROGRAMS if is_script else ()),
            *(download.programs() if network else ()),
        ],
        write=[str(place / "home"), "/dev/null"],
        # On several processors it uses more than the clock says; the clock ends it first.
        cpu_seconds=limits.timeout_seconds * 4,
        memory_bytes=limits.max_memory_bytes,
        file_bytes=limits.max_total_bytes,
        network=network,
    )


def _refuse_excess(status: int, said: str, failure: str, limits: Limits) -> None:
    if status in {-signal.SIGXCPU, -signal.SIGKILL}:
        raise limits.exceeded("timeout_seconds", f"{failure}: it took too much time")
    said = said.lower()
    if status == -signal.SIGXFSZ or any(sign in said for sign in _SIZE_SIGNS):
        raise limits.exceeded("max_total_bytes", f"{failure}: it makes too much of it")
    if any(sign in said for sign in _MEMORY_SIGNS):
        raise limits.exceeded("max_memory_bytes", f"{failure}: it needs too much memory")


def _start_of(file: Path, size: int) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(size)
    except OSError:
        return b""


def _write(files: Mapping[str, bytes], root: Path) -> None:
    for path, text in files.items():
        target = root / normal_path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            # Never over another: two names can be one where a file system minds no case.
            with target.open("xb") as file:
                file.write(text)
        except OSError as exc:
            raise SourceError(f"cannot copy {path!r} to render it: {exc.strerror}") from exc
