"""What kubectl and helm themselves make of files, to compare with."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kubectl_gitops.source.declared import declare
from kubectl_gitops.source.desired import from_directory
from tests.conftest import Kubectl


def write(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def ours(directory: Path) -> list[str]:
    return comparable(one.object for one in from_directory(directory).declared)


def comparable(objects: Iterable[Any]) -> list[str]:
    return sorted(json.dumps(one, sort_keys=True) for one in objects)


def output_of(*command: str) -> list[str]:
    """The objects that a command prints."""
    done = subprocess.run(command, capture_output=True, check=True)
    return comparable(one.object for one in declare(done.stdout, file="output"))


def created(kubectl: Kubectl, directory: Path) -> list[str]:
    """The objects that kubectl would send to the API server for a directory; it knows the kinds that are there."""
    arguments = ("--dry-run=client", "--validate=false", "-R", "-o", "jsonpath={@}", "-f", str(directory))
    answer, decoder, position, found = kubectl("create", *arguments).stdout, json.JSONDecoder(), 0, []
    while position < len(answer):
        obj, position = decoder.raw_decode(answer, position)
        obj["metadata"].pop("namespace", None)
        found.append(obj)
    return comparable(found)
