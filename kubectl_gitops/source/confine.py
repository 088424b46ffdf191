"""Confines the process that runs it, then becomes another program: ``confine.py RULES PROGRAM ARGUMENT...``

A script of its own, which imports the standard library only, because what it does must happen in the new
process before the program starts, and Python code may not run between fork and exec of a process with
threads. RULES is the JSON of :class:`kubectl_gitops.source.sandbox.Rules`.

Resource limits hold everywhere. Where Linux offers it there is more, each on its own: Landlock, so that no
file but those in RULES can be opened, written or run, and no TCP connection made; and a network namespace of
its own, in which there is no network at all. RULES may allow the network.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_NO_NEW_PRIVS = 38
# System calls of Landlock: the same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1
# include/uapi/linux/landlock.h
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_ALL_WRITES = 0x1FF0 | _WRITE_FILE  # remove, make, of every kind
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
_ALL_NETWORK, _ALL_SCOPES = 3, 3
# From this version on, threads are counted for each user namespace, not for all that a user runs.
_COUNTS_PER_NAMESPACE = (5, 14)
_MAX_THREADS = 512


def main() -> None:
    rules, command = json.loads(sys.argv[1]), sys.argv[2:]
    libc = ctypes.CDLL(None, use_errno=True)
    namespaces = _CLONE_NEWUSER | (0 if rules["network"] else _CLONE_NEWNET)
    own_namespace = sys.platform == "linux" and libc.unshare(namespaces) == 0
    _limit_resources(rules, own_namespace=own_namespace)
    if sys.platform == "linux":
        _restrict_files(libc, rules)
    try:
        os.execv(command[0], command)  # noqa: S606 - that is what this is for
    except OSError as exc:
        print(f"{command[0]} cannot be run: {exc.strerror}", file=sys.stderr)
        sys.exit(126)


def _limit_resources(rules: dict[str, Any], *, own_namespace: bool) -> None:
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: rules["cpu_seconds"],
        resource.RLIMIT_FSIZE: rules["file_bytes"],
        # Go reserves far more addresses than it uses: what it may use is data.
        resource.RLIMIT_DATA: rules["memory_bytes"],
    }
    if own_namespace and _kernel() >= _COUNTS_PER_NAMESPACE:
        limits[resource.RLIMIT_NPROC] = _MAX_THREADS
    for kind, wanted in limits.items():
        _, hard = resource.getrlimit(kind)
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (value, value))


def _kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2] if part.isdecimal())


def _restrict_files(libc: Any, rules: dict[str, Any]) -> None:
    version = libc.syscall(_CREATE_RULESET, None, 0, 1)
    if version < 1:  # a kernel without Landlock
        return
    writes = _ALL_WRITES | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    files = _EXECUTE | _READ_FILE | _READ_DIR | writes | (_IOCTL if version >= 5 else 0)
    network = _ALL_NETWORK if version >= 4 and not rules["network"] else 0
    attributes = (ctypes.c_uint64 * 3)(files, network, _ALL_SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return
    for paths, access in (
        (rules["read"], _READ_FILE | _READ_DIR),
        (rules["execute"], _READ_FILE | _READ_DIR | _EXECUTE),
        (rules["write"], _READ_FILE | _READ_DIR | writes),
    ):
        for path in paths:
            _allow(libc, ruleset, path, access)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow(libc: Any, ruleset: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # what is not there needs no permission
        return
    if not Path(path).is_dir():
        access &= _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
    # The struct is packed: a 64 bit number, then a 32 bit one.
    rule = access.to_bytes(8, sys.byteorder) + descriptor.to_bytes(4, sys.byteorder)
    libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
    os.close(descriptor)


if __name__ == "__main__":
    main()
