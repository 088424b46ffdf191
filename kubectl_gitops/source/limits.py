"""How much of a repository is read, and how long and with how much memory a renderer may run: nothing is unbounded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from kubectl_gitops.errors import InvalidInput, SourceError

#: No repository that people keep by hand has as many files. Directories that are one tree of git in many places
#: can stand for any number of them, with no more objects than there are levels.
MAX_ENTRIES = 1_000_000

_UNITS = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


class LimitExceeded(SourceError):
    """A repository asks for more than a limit allows. The hint names the option that raises it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one rendering may cost. Sizes are bytes.

    The names, with hyphens, are those that ``--limit`` knows.
    """

    #: Files that are read, of which plain manifests are parsed, and all are copied for kustomize and helm.
    max_files: int = 20_000
    max_file_bytes: int = 16 * 2**20
    max_total_bytes: int = 128 * 2**20
    max_objects: int = 50_000
    #: What kustomize or helm may take: memory of its own, and time by the clock.
    max_memory_bytes: int = 2 * 2**30
    timeout_seconds: int = 60

    def exceeded(self, name: str, what: str) -> LimitExceeded:
        """The error for what is beyond the limit that the field ``name`` holds."""
        option, limit = _option(name), getattr(self, name)
        shown = size_text(limit) if name.endswith("_bytes") else f"{limit:,}"
        raised = "2Gi" if name.endswith("_bytes") else str(limit * 10)
        return LimitExceeded(
            f"{what}: the limit {option} is {shown}",
            hint=f"if that is meant to be so, --limit {option}={raised} allows more",
        )


class Budget:
    """Counts what one rendering reads. ``file`` raises LimitExceeded, before that file is read."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._read: set[str] = set()
        self._bytes = 0

    def file(self, path: str, size: int) -> None:
        """A file of ``size`` bytes is about to be read; reading it twice costs once."""
        if path in self._read:
            return
        self._read.add(path)
        self._bytes += size
        limits = self.limits
        if size > limits.max_file_bytes:
            raise limits.exceeded("max_file_bytes", f"{path} has {size_text(size)}")
        if len(self._read) > limits.max_files:
            raise limits.exceeded("max_files", f"{path} is one file too many")
        if self._bytes > limits.max_total_bytes:
            raise limits.exceeded("max_total_bytes", f"all files up to {path} have {size_text(self._bytes)}")


def read_limits(settings: Iterable[str]) -> Limits:
    """Limits from ``NAME=NUMBER`` (sizes also as 64Mi, 2Gi); InvalidInput for what is none."""
    names = {_option(field.name): field.name for field in fields(Limits)}
    limits = Limits()
    for setting in settings:
        option, _, value = setting.partition("=")
        match = re.fullmatch(r"([0-9]{1,15})(|Ki|Mi|Gi)", value)
        if option not in names:
            raise InvalidInput(f"there is no limit {option!r}", hint=f"there is {', '.join(names)}")
        if match is None or not int(match[1]):
            raise InvalidInput(f"{value!r} is no number for the limit {option}", hint="write 500, 64Mi or 2Gi")
        limits = replace(limits, **{names[option]: int(match[1]) * _UNITS[match[2]]})
    return limits


def size_text(size: int) -> str:
    """``2.0 GiB``, ``17 MiB``, ``512 bytes``."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if size >= unit:
            number = size / unit
            return f"{number:.1f} {name}" if number < 10 and size % unit else f"{number:.0f} {name}"
    return f"{size} bytes"


def _option(name: str) -> str:
    return name.replace("_", "-")
