"""Comparison by a program of the person's own choice, as ``kubectl diff`` runs the one in KUBECTL_EXTERNAL_DIFF."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Mapping
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from kubectl_gitops.errors import GitOpsError, InvalidInput
from kubectl_gitops.report.model import Report
from kubectl_gitops.report.trees import compared_texts

VARIABLE = "KUBECTL_EXTERNAL_DIFF"

# https://github.com/kubernetes/kubectl/blob/master/pkg/cmd/diff/diff.go: other arguments are left out, by design.
_ARGUMENT = re.compile(r"[A-Za-z0-9=-]+")
# What some file system takes for something else, or a terminal would not show as it is.
_NOT_IN_FILE_NAMES = re.compile(r"[^\w.@+=-]")
_NAME_LIMIT = 200


class Files(NamedTuple):
    """The files to compare: the same names on both sides, empty where an object is not."""

    live: dict[str, str]
    desired: dict[str, str]


def run_external_diff(report: Report, command: str) -> bool:
    """Let a program show what differs; whether it says that something does.

    It writes to our stdout and stderr, and gets two directories: LIVE-… and MERGED-…, readable by the user alone and
    gone afterwards. Raises GitOpsError where it ends with more than 1, InvalidInput where it cannot be run.
    """
    with TemporaryDirectory(prefix="LIVE-") as live, TemporaryDirectory(prefix="MERGED-") as merged:
        files = files_to_compare(report)
        _write(Path(live), files.live)
        _write(Path(merged), files.desired)
        return _run([*_split(command), live, merged])


def files_to_compare(report: Report) -> Files:
    """A file of YAML for each object that differs, by a name that is safe in every file system."""
    files, taken = Files({}, {}), set[str]()
    for compared in compared_texts(report):
        name = _unique(_file_name(compared.name), taken)
        files.live[name], files.desired[name] = compared.live, compared.desired
    return files


def _file_name(name: str) -> str:
    safe = _NOT_IN_FILE_NAMES.sub("_", name.encode("ascii", "replace").decode()).lstrip(".-") or "_"
    if safe != name or len(safe) > _NAME_LIMIT:
        safe = f"{safe[:_NAME_LIMIT]}-{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:8]}"
    return safe


def _unique(name: str, taken: set[str]) -> str:
    """The name, numbered where it is taken already; some file systems do not tell upper case from lower case."""
    candidates = chain([name], (f"{name}.{number}" for number in count(2)))
    unique = next(candidate for candidate in candidates if candidate.lower() not in taken)
    taken.add(unique.lower())
    return unique


def _write(directory: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8", newline="\n")


def _split(command: str) -> list[str]:
    """The program and its arguments; no shell ever sees them."""
    program, *arguments = command.split(" ")
    return [program, *filter(_ARGUMENT.fullmatch, arguments)]


def _run(argv: list[str]) -> bool:
    try:
        code = subprocess.run(argv, check=False, stdin=subprocess.DEVNULL).returncode
    except OSError as exc:
        hint = f"{VARIABLE} names the program to compare with, and takes its options after spaces"
        raise InvalidInput(f"{VARIABLE}: {argv[0]!r} cannot be run: {exc.strerror}", hint=hint) from exc
    if code not in {0, 1}:
        how = f"with exit code {code}" if code > 0 else f"by signal {-code}"
        raise GitOpsError(f"{VARIABLE}: {argv[0]} ended {how}")
    return code == 1
