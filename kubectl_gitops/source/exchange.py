"""One exchange with a process, bounded in time and in size: what it is told, and what it answers."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable
from typing import IO

from kubectl_gitops.source.process import Process

_CHUNK = 65536
#: Of what a process complains about, the end says most.
_MAX_STDERR_BYTES = 65536


class TooLong(Exception):
    """The process did not end in time."""


class TooMuch(Exception):
    """The process wrote more than it may."""


def exchange(process: Process, stdin: bytes, *, timeout_seconds: float, max_bytes: int) -> tuple[bytes, bytes]:
    """Its standard output, of at most ``max_bytes``, and the end of its standard error, when it has ended.

    Raises TooLong and TooMuch; the process may run on then.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    deadline = time.monotonic() + timeout_seconds
    stdout, stderr = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdin, selectors.EVENT_WRITE, _writer(process.stdin, stdin))
        selector.register(process.stdout, selectors.EVENT_READ, _reader(process.stdout, stdout))
        selector.register(process.stderr, selectors.EVENT_READ, _reader(process.stderr, stderr))
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready and time.monotonic() >= deadline:
                raise TooLong
            for key, _ in ready:
                proceed: Callable[[], bool] = key.data
                if not proceed():
                    selector.unregister(key.fileobj)
            if len(stdout) > max_bytes:
                raise TooMuch
            del stderr[:-_MAX_STDERR_BYTES]
    _wait(process, deadline)
    return bytes(stdout), bytes(stderr)


def _reader(stream: IO[bytes], into: bytearray) -> Callable[[], bool]:
    def read() -> bool:
        chunk = os.read(stream.fileno(), _CHUNK)
        into.extend(chunk)
        return bool(chunk)

    return read


def _writer(stream: IO[bytes], text: bytes) -> Callable[[], bool]:
    os.set_blocking(stream.fileno(), False)
    rest = memoryview(text)

    def write() -> bool:
        nonlocal rest
        try:
            rest = rest[os.write(stream.fileno(), rest[:_CHUNK]) :] if rest else rest
        except BlockingIOError:
            return True
        except BrokenPipeError:
            rest = rest[:0]
        if not rest:
            stream.close()
        return bool(rest)

    return write


def _wait(process: Process, deadline: float) -> None:
    """A process may close its output and run on."""
    try:
        process.wait(max(0.0, deadline - time.monotonic()) + 0.001)
    except subprocess.TimeoutExpired as exc:
        raise TooLong from exc
