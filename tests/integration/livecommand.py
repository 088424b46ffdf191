"""``kubectl gitops … --watch`` as people leave it running: what it writes, on a pipe or a terminal, and how it ends."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.integration.commandline import CommandLine
from tests.testbed.installation import BIN
from tests.testbed.waiting import wait_until

SECONDS = 60.0


class LiveCommand:
    """A running command. ``text`` is what it has written to stdout so far."""

    def __init__(self, process: subprocess.Popen[bytes], stdout: int, stderr: Path) -> None:
        self._process = process
        self._stderr = stderr
        self._written = bytearray()
        self._reader = threading.Thread(target=self._read, args=(stdout,))
        self._reader.start()

    @property
    def text(self) -> str:
        return bytes(self._written).decode()

    @property
    def stderr(self) -> str:
        return self._stderr.read_text()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def documents(self) -> list[Any]:
        """The JSON documents, one on each line that is whole."""
        return [json.loads(line) for line in self.text.split("\n")[:-1]]

    @property
    def frame(self) -> str:
        """What the terminal shows: what was written since it was last cleared."""
        return self.text.rpartition("\033[H\033[J")[2].replace("\r\n", "\n")

    def wait_for(self, words: str) -> None:
        """Until the last report that it wrote has these words."""
        self.wait(lambda: words in self.reports()[-1], repr(words))

    def reports(self) -> list[str]:
        """The reports of a stream of tables, without the lines between them."""
        found = [""]
        for line in self.lines:
            if line.startswith("--- ") and line.endswith(" ---"):
                found.append("")
            else:
                found[-1] += f"{line}\n"
        return found

    def wait(self, condition: Any, what: str) -> None:
        def met() -> bool:
            if condition():
                return True
            assert self._process.poll() is None, f"ended with {self._process.returncode}\n{self.text}\n{self.stderr}"
            raise AssertionError(f"{self.text}\n{self.stderr}")

        wait_until(met, SECONDS, what)

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self) -> int:
        code = self._process.wait(SECONDS)
        self._reader.join(SECONDS)
        return code

    def kill(self) -> None:
        self._process.kill()
        self.ended()

    def _read(self, stdout: int) -> None:
        with suppress(OSError), open(stdout, "rb", buffering=0, closefd=True) as stream:  # EIO: the terminal's end
            while piece := stream.read(1 << 16):
                self._written += piece


@contextmanager
def live(
    gitops: CommandLine, *args: str, terminal: bool = False, user: str | None = None, **environ: str
) -> Iterator[LiveCommand]:
    """The command, running in the directory of ``gitops``; on a terminal of 24 rows and 160 columns if asked."""
    environment = gitops.plane.environment(user=user)
    environment["PATH"] = os.pathsep.join([str(BIN), environment["PATH"]])
    environment["XDG_CACHE_HOME"] = str(gitops.directory / ".cache")
    environment |= {"TERM": "xterm"} | environ
    ours, theirs = os.openpty() if terminal else os.pipe()
    if terminal:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 160, 0, 0))
    errors = gitops.directory / "stderr"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            [gitops.plane.kubectl_path, "gitops", *args],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=stderr,
            cwd=gitops.directory,
            env=environment,
        )
    os.close(theirs)
    command = LiveCommand(process, ours, errors)
    try:
        yield command
    finally:
        command.kill()
