"""Runs git on one bare repository, through GitPython: isolated, bounded in time, and safe to quote.

Nothing here checks anything out, so no hook, filter, symlink or submodule of a repository is ever run.
A person's own repository is only asked where it keeps what; see kubectl_gitops.source.checkout.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source.address import redact
from kubectl_gitops.source.exchange import TooLong, TooMuch, exchange
from kubectl_gitops.source.process import Process, signal_group, stop

try:
    import git
except ImportError as exc:  # GitPython looks for git when it is imported
    raise SourceError("git cannot be run here", hint="install git, version 2.34 or newer") from exc

_OPTIONS = (
    "-c", "core.hooksPath=/dev/null",
    "-c", "protocol.ext.allow=never",
    # Tidying up must end with the command that began it, under the lock of that command.
    "-c", "gc.autoDetach=false",
    "-c", "maintenance.autoDetach=false",
    # Authors are named as their commits have them, by blame as by log.
    "-c", "mailmap.blob=",
    "-c", "blame.ignoreRevsFile=",
)  # fmt: skip
#: The configuration of the machine and of the person stays out, whatever the environment says.
ISOLATION = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_COUNT": "0",
    "GIT_CONFIG_PARAMETERS": "",
    "GIT_ASKPASS": "",
}
#: What is missing is told, not fetched by the way; older versions find no remote in their configuration.
_LOCAL = {**ISOLATION, "GIT_NO_LAZY_FETCH": "1"}
#: What a hook of git has in its environment and would lead a git that it starts astray. Only taking it away helps.
_ASTRAY = ("GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_QUARANTINE_PATH", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE")
#: By these a person, or a hook, says which repository is meant.
_REPOSITORY = ("GIT_DIR", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE")
#: More than any answer that is held in memory needs: the files of a path, the names of all branches.
MAX_ANSWER_BYTES = 256 << 20
#: No file that a fetch writes, a pack above all, gets longer.
MAX_PACK_BYTES = 4 << 30
#: No process that talks to a server needs more of its own memory; one that does is being led on.
MAX_MEMORY_BYTES = 2 << 30
#: ulimit counts files in blocks and memory in KiB. Not every system can limit memory.
_ULIMIT = 'ulimit -f "$(($1 / 512))" && { ulimit -d "$(($2 / 1024))" 2>/dev/null || :; } && shift 2 && exec "$@"'
#: What servers say is shown, but does not get to move a terminal's cursor.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class Access:
    """What a command that talks to a remote has in its environment, and what it must not have there."""

    environment: Mapping[str, str]
    without: tuple[str, ...] = ()


class Way(Protocol):
    """How a remote is reached."""

    def access(self) -> AbstractContextManager[Access]:
        """For the time of one command."""

    def conceal(self, text: str) -> str:
        """``text`` without what is secret."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended, and what it wrote."""

    status: int
    stdout: bytes
    stderr: str


class GitFailed(SourceError):
    """git ended with an error; ``words`` is the line of its answer that says most."""

    def __init__(self, arguments: tuple[str, ...], stderr: str) -> None:
        self.words = _telling_line(_CONTROL.sub(" ", redact(stderr))) or "it was stopped, or gave no reason"
        self.stderr = stderr
        super().__init__(f"git {arguments[0]}: {self.words}")


class GitCommand:
    """Commands on the repository at ``path``; ``remote`` is how those reach the remote that talk to it."""

    _astray: tuple[str, ...] = _ASTRAY

    def __init__(
        self,
        path: Path,
        *,
        timeout_seconds: float,
        remote: Way | None = None,
        max_pack_bytes: int = MAX_PACK_BYTES,
        max_memory_bytes: int = MAX_MEMORY_BYTES,
    ) -> None:
        self._path = path
        self._remote = remote
        self._timeout_seconds = timeout_seconds
        self._limit = ("sh", "-c", _ULIMIT, "sh", str(max_pack_bytes), str(max_memory_bytes))

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """What git writes to its standard output; GitFailed, or SourceError when it takes too long or says too much."""
        return _checked(arguments, self._answer(arguments, stdin, Access(_LOCAL)))

    def run_remote(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """The same for a command that talks to the remote."""
        assert self._remote is not None
        with self._remote.access() as access:
            answer = self._answer(arguments, stdin, access, prefix=self._limit)
        return _checked(arguments, replace(answer, stderr=self._remote.conceal(answer.stderr)))

    def attempt(self, *arguments: str, environment: Mapping[str, str]) -> Answer:
        """How the command ended, whatever its exit status, with more in its environment."""
        return self._answer(arguments, b"", Access({**_LOCAL, **environment}))

    def records(self, *arguments: str) -> Generator[str]:
        """The NUL-terminated records that git writes, as it writes them. Closing the iterator stops git."""
        with self._started(arguments, Access(_LOCAL)) as process:
            timer = threading.Timer(self._timeout_seconds, signal_group, [process, signal.SIGKILL])
            timer.start()
            try:
                yield from _split(process.stdout)
                _, stderr = process.communicate()
                if process.returncode:
                    raise GitFailed(arguments, _text(stderr))
            finally:
                timer.cancel()

    def _answer(
        self, arguments: tuple[str, ...], stdin: bytes, access: Access, *, prefix: tuple[str, ...] = ()
    ) -> Answer:
        with self._started(arguments, access, prefix=prefix) as process:
            try:
                stdout, stderr = exchange(
                    process, stdin, timeout_seconds=self._timeout_seconds, max_bytes=MAX_ANSWER_BYTES
                )
            except TooLong as exc:
                raise SourceError(f"git {arguments[0]} took more than {self._timeout_seconds:g} s") from exc
            except TooMuch as exc:
                limit = MAX_ANSWER_BYTES >> 20
                raise SourceError(f"git {arguments[0]} was answered with more than {limit} MiB") from exc
            return Answer(process.returncode, stdout, _text(stderr))

    @contextmanager
    def _started(
        self, arguments: tuple[str, ...], access: Access, *, prefix: tuple[str, ...] = ()
    ) -> Iterator[Process]:
        command = [git.Git.GIT_PYTHON_GIT_EXECUTABLE or "git", *_OPTIONS, *arguments]
        try:
            running = git.Git(str(self._path)).execute(
                [*_without((*self._astray, *access.without)), *prefix, *command],
                istream=subprocess.PIPE,
                as_process=True,
                env={**self._repository(), **access.environment},
                # Its own group, so that all that git starts (ssh, helpers) stops with it, and no terminal to ask on.
                start_new_session=True,
            )
        except git.exc.GitCommandNotFound as exc:
            raise SourceError("git cannot be run here", hint="install git, version 2.34 or newer") from exc
        # GitPython's handle ends the process when it is forgotten; ours below ends the whole group, and sooner.
        process = running.proc
        assert process is not None
        try:
            yield process
        finally:
            stop(process)

    def _repository(self) -> dict[str, str]:
        """Names the repository in full: inside a hook of git the environment would name another one."""
        return {
            "GIT_DIR": str(self._path),
            "GIT_COMMON_DIR": str(self._path),
            "GIT_OBJECT_DIRECTORY": str(self._path / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
            "GIT_NAMESPACE": "",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_TERMINAL_PROMPT": "0",
        }


class FetchingCommand(GitCommand):
    """Commands that may fetch what they find missing: the same way, and within the same bounds, as any fetch."""

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return self.run_remote(*arguments, stdin=stdin)


class WorkTreeCommand(GitCommand):
    """Commands on the repository of the work tree at ``path``, found by git and with the person's configuration.

    So git itself checks, as that configuration wants it (``safe.directory``), whether the repository may
    be trusted. Only for questions that make git run nothing, such as ``rev-parse``.
    """

    _astray = (*_ASTRAY, *_REPOSITORY)

    def __init__(self, path: Path, *, timeout_seconds: float) -> None:
        super().__init__(path, timeout_seconds=timeout_seconds)

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return _checked(arguments, self._answer(arguments, stdin, Access({})))

    def _repository(self) -> dict[str, str]:
        # What is above is another repository.
        return {"GIT_CEILING_DIRECTORIES": str(self._path.parent), "GIT_TERMINAL_PROMPT": "0"}


def _checked(arguments: tuple[str, ...], answer: Answer) -> bytes:
    if answer.status:
        raise GitFailed(arguments, answer.stderr)
    return answer.stdout


def _without(names: tuple[str, ...]) -> list[str]:
    """GitPython adds to the environment but cannot take from it, so env(1) has to, where there is need."""
    found = [name for name in names if name in os.environ]
    return ["env", *(part for name in found for part in ("-u", name))] if found else []


def _split(stream: Any) -> Iterator[str]:
    rest = b""
    while chunk := stream.read1(65536):
        *records, rest = (rest + chunk).split(b"\0")
        yield from map(_text, records)


def _text(output: bytes) -> str:
    return output.decode(errors="replace")


def _telling_line(stderr: str) -> str:
    lines = [
        line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith(("warning:", "hint:"))
    ]
    first = next((number for number, line in enumerate(lines) if line.startswith("fatal:")), len(lines) - 1)
    # git only passes on that ssh failed; ssh itself said why, one line before.
    if first > 0 and "Could not read from remote repository" in lines[first]:
        first -= 1
    return lines[first].removeprefix("fatal: ") if lines else ""
