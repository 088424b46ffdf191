"""What a replica calls itself in leases.

A name that is kept on the disk, and only used by who holds the lock beside it: a container that is restarted takes up
its own lease at once, and a second process with the same directory is another replica.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from kubectl_gitops.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class ReplicaName:
    """``lock`` is the descriptor by which the name is ours until this process ends; None where it need not be."""

    text: str
    lock: int | None = None


def replica_name(directory: Path) -> ReplicaName:
    """The name kept in ``directory``, or a new one. Raises InvalidInput where nothing can be written there."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / "replica"
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return ReplicaName(_new_name())
        kept = os.read(lock, 200).decode("ascii", errors="replace").strip()
        if not _NAME.fullmatch(kept) or not kept.startswith(f"{_host()}-"):
            kept = _new_name()
            os.ftruncate(lock, 0)
            os.pwrite(lock, kept.encode(), 0)
        return ReplicaName(kept, lock)
    except OSError as exc:
        raise InvalidInput(
            f"cannot write in {directory}: {exc.strerror}", hint="give another --cache-directory"
        ) from exc


_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def _new_name() -> str:
    return f"{_host()}-{secrets.token_hex(4)}"


def _host() -> str:
    """The host name, which in a cluster is the pod's, as a part of an object's name."""
    return re.sub(r"[^a-z0-9]+", "-", socket.gethostname().lower()).strip("-")[:180] or "host"
