"""The reconciler's process hears that it shall stop."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from kubectl_gitops.reconciler.__main__ import _signals


@pytest.fixture
def _signals_as_before() -> Iterator[None]:
    handler = signal.getsignal(signal.SIGUSR1)
    yield
    os.close(signal.set_wakeup_fd(-1))
    signal.signal(signal.SIGUSR1, handler)


@pytest.mark.usefixtures("_signals_as_before")
def test_a_signal_is_heard_whichever_thread_the_kernel_gives_it_to() -> None:
    with _signals(signal.SIGUSR1) as heard:
        heard.settimeout(30)
        ended = threading.Event()
        other = threading.Thread(target=ended.wait)
        other.start()
        assert other.ident
        signal.pthread_kill(other.ident, signal.SIGUSR1)
        assert heard.recv(1) == bytes([signal.SIGUSR1])
        ended.set()
        other.join()
