"""What is said to a process, and what it may answer."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kubectl_gitops.source.exchange import TooLong, TooMuch, exchange
from kubectl_gitops.source.process import Process, stop


@contextmanager
def shell(script: str) -> Iterator[Process]:
    process = subprocess.Popen(
        ["sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        stop(process)


def test_much_may_be_said_while_much_is_answered() -> None:
    text = b"0123456789abcdef" * 100_000
    with shell("echo begin; cat; echo complaint >&2") as process:
        stdout, stderr = exchange(process, text, timeout_seconds=30, max_bytes=1 << 24)
    assert (stdout, stderr, process.returncode) == (b"begin\n" + text, b"complaint\n", 0)


def test_a_process_need_not_listen() -> None:
    with shell("exec 0<&-; echo done; exit 3") as process:
        stdout, _ = exchange(process, b"x" * 1_000_000, timeout_seconds=30, max_bytes=100)
    assert (stdout, process.returncode) == (b"done\n", 3)


def test_of_long_complaints_the_end_is_kept() -> None:
    with shell("head -c 1000000 /dev/zero >&2; echo fatal: no >&2") as process:
        _, stderr = exchange(process, b"", timeout_seconds=30, max_bytes=100)
    assert stderr.endswith(b"fatal: no\n")
    assert len(stderr) <= 65536


def test_an_answer_without_end_is_cut_off() -> None:
    with shell("cat /dev/zero") as process, pytest.raises(TooMuch):
        exchange(process, b"", timeout_seconds=30, max_bytes=1_000_000)


@pytest.mark.parametrize("script", ["sleep 60", "exec 1>&- 2>&-; sleep 60", "while :; do echo x; sleep 0.01; done"])
def test_a_process_that_does_not_end_is_given_up(script: str) -> None:
    with shell(script) as process, pytest.raises(TooLong):
        exchange(process, b"", timeout_seconds=0.3, max_bytes=1_000_000)
