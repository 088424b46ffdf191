"""Runs git on one bare repository, through GitPython: isolated, bounded in time, and safe to quote.

Nothing here checks anything out, so no hook, filter, symlink or submodule of a repository is ever run.
A person's own repository is only asked where it keeps what; see kubectl_gitops.source.checkout.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source.address import redact
from kubectl_gitops.source.process import Process, signal_group, stop

try:
    import git
except ImportError as exc:  # GitPython looks for git when it is imported
    raise SourceError("git cannot be run here", hint="install git, version 2.32 or newer") from exc

_OPTIONS = (
    "-c", "core.hooksPath=/dev/null",
    "-c", "protocol.ext.allow=never",
    # Tidying up must end with the command that began it, under the lock of that command.
    "-c", "gc.autoDetach=false",
    "-c", "maintenance.autoDetach=false",
    # Authors are named as their commits have them, by blame as by log.
    "-c", "mailmap.blob=",
)  # fmt: skip
#: The configuration of the machine and of the person stays out, whatever the environment says.
_ISOLATION = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_COUNT": "0",
    "GIT_CONFIG_PARAMETERS": "",
    "GIT_ASKPASS": "",
}
#: What a hook of git has in its environment and would lead a git that it starts astray. Only taking it away helps.
_ASTRAY = ("GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_QUARANTINE_PATH", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE")
#: By these a person, or a hook, says which repository is meant.
_REPOSITORY = ("GIT_DIR", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE")


class GitFailed(SourceError):
    """git ended with an error; ``words`` is the line of its answer that says most."""

    def __init__(self, arguments: tuple[str, ...], stderr: str) -> None:
        self.words = _telling_line(redact(stderr)) or "it was stopped, or gave no reason"
        self.stderr = stderr
        super().__init__(f"git {arguments[0]}: {self.words}")


class GitCommand:
    """Commands on the repository at ``path``; ``network`` is the environment of those that talk to a remote."""

    _astray: tuple[str, ...] = _ASTRAY

    def __init__(self, path: Path, *, network: Mapping[str, str], timeout_seconds: float) -> None:
        self._path = path
        self._network = network
        self._timeout_seconds = timeout_seconds

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """What git writes to its standard output; GitFailed, or SourceError when it takes too long."""
        return self._run(arguments, stdin, _ISOLATION)

    def run_remote(self, *arguments: str) -> bytes:
        return self._run(arguments, b"", self._network)

    def records(self, *arguments: str) -> Generator[str]:
        """The NUL-terminated records that git writes, as it writes them. Closing the iterator stops git."""
        with self._started(arguments, _ISOLATION) as process:
            timer = threading.Timer(self._timeout_seconds, signal_group, [process, signal.SIGKILL])
            timer.start()
            try:
                yield from _split(process.stdout)
                _, stderr = process.communicate()
                if process.returncode:
                    raise GitFailed(arguments, _text(stderr))
            finally:
                timer.cancel()

    def _run(self, arguments: tuple[str, ...], stdin: bytes, environment: Mapping[str, str]) -> bytes:
        with self._started(arguments, environment) as process:
            try:
                stdout, stderr = process.communicate(stdin, timeout=self._timeout_seconds)
            except subprocess.TimeoutExpired as exc:
                raise SourceError(f"git {arguments[0]} took more than {self._timeout_seconds:g} s") from exc
            if process.returncode:
                raise GitFailed(arguments, _text(stderr))
            return stdout

    @contextmanager
    def _started(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> Iterator[Process]:
        try:
            running = git.Git(str(self._path)).execute(
                [*_without(self._astray), git.Git.GIT_PYTHON_GIT_EXECUTABLE or "git", *_OPTIONS, *arguments],
                istream=subprocess.PIPE,
                as_process=True,
                env={**self._repository(), **environment},
                # Its own group, so that all that git starts (ssh, helpers) stops with it, and no terminal to ask on.
                start_new_session=True,
            )
        except git.exc.GitCommandNotFound as exc:
            raise SourceError("git cannot be run here", hint="install git, version 2.32 or newer") from exc
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


class WorkTreeCommand(GitCommand):
    """Commands on the repository of the work tree at ``path``, found by git and with the person's configuration.

    So git itself checks, as that configuration wants it (``safe.directory``), whether the repository may
    be trusted. Only for questions that make git run nothing, such as ``rev-parse``.
    """

    _astray = (*_ASTRAY, *_REPOSITORY)

    def __init__(self, path: Path, *, timeout_seconds: float) -> None:
        super().__init__(path, network={}, timeout_seconds=timeout_seconds)

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return self._run(arguments, stdin, {})

    def _repository(self) -> dict[str, str]:
        # What is above is another repository.
        return {"GIT_CEILING_DIRECTORIES": str(self._path.parent), "GIT_TERMINAL_PROMPT": "0"}


def remote_environment(protocol: str, *, use_user_config: bool) -> dict[str, str]:
    """The environment for talking to a remote over ``protocol`` and nothing else.

    With ``use_user_config`` the credential helpers, the ssh configuration and the agent of the person
    who runs this are used; without, only what this program was given.
    """
    allowed = {"GIT_ALLOW_PROTOCOL": protocol}
    if use_user_config:
        return allowed
    ssh = "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes"
    return {**_ISOLATION, **allowed, "GIT_SSH_COMMAND": ssh}


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
